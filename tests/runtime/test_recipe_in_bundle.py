"""Format 2: recipe, parent and batches travel in the bundle and are checked."""

import json
import shutil
from pathlib import Path

import pytest

from broken_bundles import change_json, write_manifest_aware
from goodpart.bundle.bundle import read_bundle
from goodpart.cli.main import main
from goodpart.errors import BundleError, ContractError, IntegrityError, ManifestError

FIXTURES = Path(__file__).parents[1] / "fixtures"
THERMAL = FIXTURES / "format_2_thermal"


@pytest.fixture
def bundle(tmp_path):
    return Path(shutil.copytree(THERMAL, tmp_path / "bar"))


def refused(bundle, error, *words):
    with pytest.raises(BundleError) as caught:
        found = read_bundle(bundle)
        found.read_recipe()
        found.read_images()
    assert type(caught.value) is error
    assert all(word in str(caught.value) for word in words), caught.value
    assert main(["verify", str(bundle)]) == 3


def write_recipe(bundle, data):
    write_manifest_aware(bundle / "recipe.toml", data)


@pytest.mark.parametrize("name", ["format_2", "format_2_thermal"])
def test_the_recipe_names_no_place_of_the_workstation(name):
    text = read_bundle(FIXTURES / name).read_recipe()
    assert text.startswith("[product]\n")
    assert "/" not in text and ".key" not in text
    assert main(["verify", str(FIXTURES / name)]) == 0


def test_format_1_has_none():
    found = read_bundle(FIXTURES / "format_1")
    assert found.read_recipe() is None
    assert found.manifest.provenance.batches is None


def test_batches_and_parent():
    found = read_bundle(THERMAL)
    origin = found.manifest.provenance
    assert origin.parent == "0a" * 32
    assert [(each.name, each.images, each.calibrates) for each in origin.batches] == [
        ("start", 16, True),
        ("near", 2, False),
    ]
    assert {image.name for image in found.read_images().images if image.batch == "near"} == {
        "near/00.npy",
        "near/01.npy",
    }
    assert len(found.calibration.scores) == 16


def test_info_says_them(capsys):
    assert main(["info", str(THERMAL)]) == 0
    printed = capsys.readouterr().out
    assert "batches     start (16 images), near (2 images, in the bank only)" in printed
    assert f"parent      digest {'0a' * 32}" in printed
    assert main(["info", str(THERMAL), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["provenance"]["batches"][1]["calibrates"] is False


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a = \x1b[31m", b"\0", "a\u202e".encode(), b"a\r\n"])
def test_a_recipe_that_is_no_plain_text(bundle, data):
    write_recipe(bundle, data)
    refused(bundle, ContractError, "recipe.toml", "printable")


def test_a_recipe_that_is_too_large(bundle):
    write_recipe(bundle, b"#" * ((1 << 20) + 1))
    refused(bundle, IntegrityError, "recipe.toml", "1048576")


def test_a_changed_recipe(bundle):
    (bundle / "recipe.toml").write_bytes(b"a = 1\n")
    refused(bundle, IntegrityError, "recipe.toml")


def test_a_bundle_without_a_recipe_is_one(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts["files"].pop("recipe.toml"))
    assert read_bundle(bundle).read_recipe() is None


def of_batch(change):
    return lambda facts: change(facts["provenance"]["batches"])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda batches: batches[0].update(name="a/b"), "batch"),
        (lambda batches: batches[0].update(name=""), "batch"),
        (lambda batches: batches[0].update(name="near"), "batches"),
        (lambda batches: batches[0].update(digest="x"), "sha256"),
        (lambda batches: batches[0].update(images=-1), "batch"),
        (lambda batches: batches[0].update(images=15), "batches"),
        (lambda batches: batches.clear(), "batches"),
        (lambda batches: batches[0].update(path="/home"), "path"),
    ],
)
def test_impossible_batches(bundle, change, word):
    change_json(bundle / "manifest.json", of_batch(change))
    refused(bundle, ManifestError, word)


def test_an_impossible_parent(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts["provenance"].update(parent="../x"))
    refused(bundle, ManifestError, "parent")


@pytest.mark.parametrize("batch", ["start", "other", None])
def test_an_image_of_another_batch(bundle, batch):
    def change(facts):
        facts["images"][-1].pop("batch")
        if batch is not None:
            facts["images"][-1]["batch"] = batch

    change_json(bundle / "images.json", change)
    refused(bundle, ContractError, "images.json", "batch")


@pytest.mark.parametrize("key", ["parent", "batches"])
def test_format_1_must_not_have_them(tmp_path, key):
    folder = Path(shutil.copytree(FIXTURES / "format_1", tmp_path / "bar"))
    stated = json.loads((THERMAL / "manifest.json").read_text())["provenance"]
    change_json(folder / "manifest.json", lambda facts: facts["provenance"].update({key: stated[key]}))
    refused(folder, ManifestError)
