"""A build from a recipe: the same bank as from a folder, with batches, serial, parent and digests."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tomllib

from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.signature import check_signature
from goodpart_bank_builder.build.sign import make_keys
from goodpart_bank_builder.cli.main import main
from small_frames import draw_small
from small_network import small_backbone

RECIPE = """[product]
name = "bar"
[backbone]
file = "backbone.onnx"
[[batch]]
name = "start"
images = "good"
[calibration]
false_reject_rate = 0.1
[bank]
head = "off"   # quick
"""
NEAR = '[[batch]]\nname = "near"\nimages = "near"\ncalibrates = false\n'


def draw(folder, numbers):
    folder.mkdir()
    for number in numbers:
        np.save(folder / f"{number:02}.npy", draw_small(number))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    draw(folder / "good", range(20))
    draw(folder / "near", range(10, 14))
    for path in (folder / "near").iterdir():
        np.save(path, draw_small(50 + int(path.stem)))
    small_backbone(folder / "backbone.onnx", head=True)
    (folder / "r.toml").write_text(RECIPE)
    return folder


@pytest.fixture
def product(drawn, tmp_path):
    return Path(shutil.copytree(drawn, tmp_path / "product"))


def build(product, *options):
    assert main(["build", str(product / "r.toml"), "--threads", "1", *options]) == 0
    return product / "bundles" / "bar"


def refused(capsys, *arguments):
    assert main(list(map(str, arguments))) == 2
    error = capsys.readouterr().err.splitlines()
    return error[-1]


def test_a_recipe_of_one_batch_makes_the_bank_of_its_folder(product, tmp_path):
    made = build(product)
    out = tmp_path / "plain"
    folder = ["build", str(product / "good"), "--backbone", str(product / "backbone.onnx"), "--out", str(out)]
    assert main([*folder, "--false-reject-rate", "0.1", "--head", "off", "--threads", "1", "--name", "bar"]) == 0
    for name in ("bank.npy", "bank.hnsw", "calibration.json", "origins.npy", "images.json", "golden/000.npy"):
        assert (made / name).read_bytes() == (out / name).read_bytes(), name


def test_the_first_build_pins_and_the_second_replaces(product):
    first = read_bundle(build(product)).digest
    recipe = tomllib.loads((product / "r.toml").read_text())
    assert "# quick" in (product / "r.toml").read_text()
    second = read_bundle(build(product))
    assert tomllib.loads((product / "r.toml").read_text()) == recipe
    assert second.manifest.provenance.parent == first
    assert [each.digest for each in second.manifest.provenance.batches] == [recipe["batch"][0]["digest"]]
    assert second.manifest.serial == 2


def test_a_serial_grows_when_the_bundle_was_moved_away(product):
    shutil.rmtree(build(product, "--serial", "7"))
    assert read_bundle(build(product)).manifest.serial == 8


def test_selected_images_join_the_bank_and_calibrate_nothing(product):
    plain = read_bundle(build(product))
    (product / "r.toml").write_text(RECIPE.replace("[calibration]", NEAR + "[calibration]"))
    bundle = read_bundle(build(product))
    assert len(bundle.calibration.scores) == len(plain.calibration.scores) == 20
    facts = bundle.manifest.provenance
    assert [(each.name, each.images, each.calibrates) for each in facts.batches] == [
        ("start", 20, True),
        ("near", 4, False),
    ]
    images = bundle.read_images().images
    assert [image.name for image in images if image.batch == "near"] == [f"near/{each}.npy" for each in range(10, 14)]
    numbers = np.unique(bundle.read_origins()[:, 0])
    assert {images[number].batch for number in numbers} == {"start", "near"}


def test_a_batch_that_changed_is_named(product, capsys):
    build(product)
    np.save(product / "good" / "77.npy", draw_small(77))
    np.save(product / "good" / "03.npy", draw_small(78))
    (product / "good" / "04.npy").unlink()
    error = refused(capsys, "build", product / "r.toml")
    place = (
        (product / "r.toml")
        .read_text()
        .splitlines()
        .index(next(each for each in (product / "r.toml").read_text().splitlines() if each.startswith("digest")))
    )
    assert f"r.toml:{place + 1}: expected batch 'start' as it was built" in error
    assert "1 new (77.npy), 1 missing (04.npy), 1 changed (03.npy)" in error


def test_an_option_counts_instead_of_the_recipe_even_at_its_default(product):
    (product / "r.toml").write_text(RECIPE.replace("[bank]", "[bank]\nseed = 5"))
    build(product, "--seed", "0")
    assert read_bundle(product / "bundles" / "bar").manifest.provenance.seed == 0
    build(product)
    assert read_bundle(product / "bundles" / "bar").manifest.provenance.seed == 5


def test_the_bundle_of_another_product_is_never_replaced(product, capsys):
    build(product)
    (product / "r.toml").write_text(RECIPE.replace('"bar"', '"rod"\nbundle = "bundles/bar"'))
    assert "found one of bar" in refused(capsys, "build", product / "r.toml")


def test_a_recipe_with_a_key_signs(product):
    public = make_keys(product / "line.key")
    (product / "r.toml").write_text(RECIPE + '[sign]\nkey = "line.key"\n')
    made = build(product)
    where = str(made / "manifest.sig")
    check_signature((made / "manifest.json").read_bytes(), Path(where).read_bytes(), public, where=where)


def test_another_profile_is_refused(product, capsys):
    (product / "r.toml").write_text(RECIPE + 'profile = "fine"\n')
    assert "expected the profile 'fine'" in refused(capsys, "build", product / "r.toml")


def test_a_folder_needs_a_backbone_and_a_target(product, capsys):
    assert "expected --backbone" in refused(capsys, "build", product / "good")


def test_excluded_by_sha256(product):
    build(product)
    images = read_bundle(product / "bundles" / "bar").read_images().images
    (product / "r.toml").write_text((product / "r.toml").read_text() + f'exclude = ["sha256:{images[3].sha256}"]\n')
    bundle = read_bundle(build(product))
    assert [each.name for each in bundle.read_images().excluded] == ["03.npy"]
    assert bundle.manifest.provenance.images == 19


def test_a_list_of_images_is_a_batch(product):
    (product / "list.txt").write_text(
        "# the good ones\ngood/00.npy\n" + "".join(f"good/{n:02}.npy\n" for n in range(1, 15))
    )
    (product / "r.toml").write_text(RECIPE.replace('"good"', '"list.txt"'))
    found = read_bundle(build(product)).read_images()
    assert [image.name for image in found.images] == [f"good/{number:02}.npy" for number in range(15)]


def test_two_batches_with_the_same_image_are_refused(product, capsys):
    shutil.copy(product / "good" / "00.npy", product / "near" / "90.npy")
    (product / "r.toml").write_text(RECIPE.replace("[calibration]", NEAR + "[calibration]"))
    assert "found a copy of" in refused(capsys, "build", product / "r.toml")
    assert not (product / "bundles").exists()
    assert "digest" not in (product / "r.toml").read_text()


def test_json_is_one_object(product, capsys):
    build(product, "--json")
    assert json.loads(capsys.readouterr().out)["images"] == 20
