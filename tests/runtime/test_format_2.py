"""Bundle format 2: the images, where each bank vector comes from, and every way in which they can be wrong."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import change_json, refused, repair, write_manifest_aware
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.description import bundle_facts
from goodpart.cli.main import main
from goodpart.errors import BundleError, BundleMissingError, ContractError, IntegrityError, ManifestError
from goodpart.facts.manifest import Manifest
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from small_frames import draw_defect, draw_small

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMAT_1, FORMAT_2 = FIXTURES / "format_1", FIXTURES / "format_2"


@pytest.fixture
def listed(tmp_path):
    """A copy of the fixture of format 2, to be broken."""
    return Path(shutil.copytree(FORMAT_2, tmp_path / "bar"))


def wrong(bundle, error, *words):
    """The bundle loads, for no frame needs these files; whoever asks for them gets this error, and so does verify."""
    Inspector.load(bundle, threads=1).close()
    with pytest.raises(BundleError) as caught:
        read_bundle(bundle).read_origins()
    assert type(caught.value) is error, repr(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert main(["verify", str(bundle)]) == 3


def test_format_2_loads_and_judges():
    with Inspector.load(FORMAT_2, minimum_serial=9) as inspector:
        assert max(inspector.self_test().values()) < 1e-3
        good, defect = (inspector.inspect(frame) for frame in (draw_small(100), draw_defect(100)))
    assert (good.verdict, defect.verdict) == (Verdict.GOOD, Verdict.DEFECT)
    assert good.score == pytest.approx(0.05, abs=0.02)
    assert defect.score == pytest.approx(23.31, abs=0.02)


def test_images_are_listed_by_name_sha256_part_and_size():
    images = read_bundle(FORMAT_2).read_images()
    assert [image.name for image in images.images] == [f"{part:02}_{view}.npy" for part in range(12) for view in (0, 1)]
    assert [image.part for image in images.images] == [f"{part:02}" for part in range(12) for _ in (0, 1)]
    assert {(image.height_px, image.width_px) for image in images.images} == {(24, 18)}
    assert [image.name for image in images.excluded] == ["99_0.npy"]
    assert len({image.sha256 for image in (*images.images, *images.excluded)}) == 25


def test_every_vector_comes_from_the_patch_that_its_origin_names():
    """Drawn again, embedded again: the very vector."""
    bundle = read_bundle(FORMAT_2)
    origins, (vectors, _) = bundle.read_origins(), bundle.read_bank()
    names = [image.name for image in bundle.read_images().images]
    frames = {name: draw_small(number) for number, name in enumerate(names)}
    frames["05_1.npy"][9:13, 7:11] = 0
    with Inspector.load(FORMAT_2, threads=1) as inspector:
        embeddings = np.stack([inspector.backbone.embed(frames[name]) for name in names])
    image, row, column = origins.T
    np.testing.assert_allclose(embeddings[image, 8 * row + column], vectors, atol=1e-5)
    assert len(np.unique(origins, axis=0)) == len(vectors) == 300


def test_what_no_frame_needs_is_not_kept_in_memory():
    assert not {"images.json", "origins.npy"} & read_bundle(FORMAT_2, keep=True)._kept.keys()


@pytest.mark.parametrize("name", ["images.json", "origins.npy"])
def test_missing_file(listed, name):
    (listed / name).unlink()
    refused(listed, BundleMissingError, name)


@pytest.mark.parametrize("name", ["images.json", "origins.npy"])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_flipped_bit(listed, name, share):
    data = bytearray((listed / name).read_bytes())
    data[int(share * (len(data) - 1))] ^= 0x10
    (listed / name).write_bytes(data)
    refused(listed, IntegrityError, name, "sha256")


@pytest.mark.parametrize("name", ["images.json", "origins.npy"])
def test_a_file_that_changes_after_it_was_checked_is_noticed(listed, name):
    bundle = read_bundle(listed)
    (listed / name).write_bytes(b"other")
    with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
        bundle.read_origins()


@pytest.mark.parametrize("name", ["images.json", "origins.npy"])
def test_symbolic_link(listed, name, tmp_path):
    shutil.move(listed / name, tmp_path / "elsewhere")
    (listed / name).symlink_to(tmp_path / "elsewhere")
    refused(listed, ContractError, name, "plain file")


def drop_atlas(listed):
    """The atlas needs origins, and these need images."""
    change_json(listed / "manifest.json", lambda facts: (facts.pop("atlas"), facts["files"].pop("atlas/000.jpg")))


def test_origins_without_images(listed):
    drop_atlas(listed)
    change_json(listed / "manifest.json", lambda facts: facts["files"].pop("images.json"))
    refused(listed, ContractError, "missing ['images.json']")


def test_images_without_origins_are_fine(listed):
    drop_atlas(listed)
    change_json(listed / "manifest.json", lambda facts: facts["files"].pop("origins.npy"))
    bundle = read_bundle(listed)
    assert len(bundle.read_images().images) == 24
    assert bundle.read_origins() is None
    assert "origins" in bundle_facts(bundle)["off"]


def test_a_bundle_without_either_is_fine(listed):
    def drop(facts):
        del facts["files"]["images.json"], facts["files"]["origins.npy"]
        del facts["provenance"]["examination"], facts["provenance"]["excluded_images"]

    drop_atlas(listed)
    change_json(listed / "manifest.json", drop)
    bundle = read_bundle(listed)
    assert (bundle.read_images(), bundle.read_origins()) == (None, None)
    assert "look at" not in bundle_facts(bundle)


def change_origins(listed, change):
    origins = np.load(listed / "origins.npy")
    np.save(listed / "origins.npy", np.ascontiguousarray(change(origins)))
    repair(listed)


def put(value, *, column, vector=7):
    def change(origins):
        origins[vector, column] = value
        return origins

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda origins: origins[:-1], "found int32 (299, 3)"),
        (lambda origins: origins[:, :2], "found int32 (300, 2)"),
        (lambda origins: origins.astype(np.int64), "found int64"),
        (lambda origins: origins.astype(np.float32), "found float32"),
        (lambda origins: origins.ravel(), "found int32 (900,)"),
        (put(24, column=0), "one of 24 images"),
        (put(-1, column=0), "[-1, "),
        (put(8, column=1), "8x8 grid"),
        (put(8, column=2), "for vector 7"),
        (put(-1, column=2, vector=299), "for vector 299"),
        (put(2**31 - 1, column=1), "2147483647"),
    ],
)
def test_origins_that_cannot_be(listed, change, words):
    change_origins(listed, change)
    wrong(listed, ContractError, "origins.npy", words)


@pytest.mark.parametrize("data", [b"", b"not an array", b"PK"])
def test_origins_that_are_no_array(listed, data):
    write_manifest_aware(listed / "origins.npy", data)
    wrong(listed, ContractError, "origins.npy")


def test_an_origin_in_a_patch_that_never_counts(listed):
    ignored = np.zeros((8, 8), np.bool_)
    row, column = np.load(listed / "origins.npy")[7, 1:]
    ignored[row, column] = True
    np.save(listed / "ignore.npy", ignored)
    change_json(listed / "manifest.json", lambda facts: facts["files"].update({"ignore.npy": {}}))
    repair(listed)
    with pytest.raises(ContractError, match="that counts, found"):
        read_bundle(listed).read_origins()


def first(**changes):
    return lambda facts: facts["images"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda facts: facts.update(novelty=1), "novelty"),
        (lambda facts: facts.pop("excluded"), "missing ['excluded']"),
        (lambda facts: facts["images"][0].pop("part"), "missing ['part']"),
        (lambda facts: facts.update(images=[]), "expected at least one"),
        (lambda facts: facts["images"].reverse(), "ascending"),
        (lambda facts: facts["images"].insert(0, facts["images"][0]), "nothing twice"),
        (lambda facts: facts["images"][0].update(sha256=facts["images"][1]["sha256"]), "sha256"),
        (lambda facts: facts["excluded"].append(facts["excluded"][0]), "excluded"),
        (first(name=""), "name"),
        (first(name="/etc/passwd"), "relative name"),
        (first(name="../00_0.npy"), "relative name"),
        (first(name="a//b.png"), "relative name"),
        (first(name="./b.png"), "relative name"),
        (first(name="a\nb.png"), "printable"),
        (first(name="\x1b[2J.png"), "printable"),
        (first(name="\u202egnp.png"), "printable"),
        (first(name="x" * 5000), "4096"),
        (first(name=7), "expected a text"),
        (first(name=None), "expected a text"),
        (first(sha256="F" * 64), "lower-case"),
        (first(part=""), "part"),
        (first(part="a\0b"), "part"),
        (first(height_px=0), "pixels"),
        (first(width_px=1 << 21), "pixels"),
        (first(width_px=1.5), "whole number"),
    ],
)
def test_a_list_of_images_that_says_something_impossible(listed, change, words):
    change_json(listed / "images.json", change)
    wrong(listed, ManifestError, "images.json", words)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"images": [], "images": [], "excluded": []}'])
def test_a_list_of_images_that_is_no_such_json(listed, data):
    write_manifest_aware(listed / "images.json", data)
    wrong(listed, ManifestError, "images.json")


@pytest.mark.parametrize("key", ["images", "excluded"])
def test_fewer_images_than_the_manifest_says(listed, key):
    change_json(listed / "images.json", lambda facts: facts[key].pop())
    wrong(listed, ContractError, "images.json", "as in manifest.json")


def test_a_huge_list_of_images_is_not_read(listed):
    bundle = read_bundle(listed)
    bundle.manifest.files["images.json"] = type(bundle.manifest.files["images.json"])(
        size_bytes=1 << 40, sha256="0" * 64
    )
    with pytest.raises(IntegrityError, match="expected at most 67108864 bytes"):
        bundle.read_images()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"excluded_images": -1}, "excluded_images: expected 0 or more"),
        ({"excluded_images": None}, "expected a value or no such key"),
        ({"examination": None}, "expected a value or no such key"),
        ({"examination": {"look_at": 0}}, "missing ['images']"),
        ({"examination": {"look_at": 0, "images": [], "warning": None}}, "expected a value or no such key"),
        ({"examination": {"look_at": 0, "images": [{"name": "a", "score": 1, "findings": []}]}}, "at most 0 images"),
        ({"examination": {"look_at": 1, "images": [{"name": "../a", "score": 1, "findings": []}]}}, "relative name"),
        ({"examination": {"look_at": 1, "images": [{"name": "a", "score": 1, "findings": ["\n"]}]}}, "lower-case"),
        (
            {"examination": {"look_at": 0, "images": [],
             "warning": {"images": [], "threshold": 1, "threshold_without": 1}}},
            "one to three images",
        ),
    ],
)  # fmt: skip
def test_provenance_that_says_something_impossible(listed, change, words):
    change_json(listed / "manifest.json", lambda facts: facts["provenance"].update(change))
    refused(listed, ManifestError, "manifest.json", words)


@pytest.mark.parametrize("name", ["images.json", "origins.npy"])
def test_format_1_has_no_such_files(tmp_path, name):
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "bar"))
    data = (FORMAT_2 / name).read_bytes()
    (folder / name).write_bytes(data)
    facts = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    change_json(folder / "manifest.json", lambda manifest: manifest["files"].update({name: facts}))
    refused(folder, ContractError, f"foreign ['{name}']")


@pytest.mark.parametrize("key", ["excluded_images", "examination"])
def test_format_1_has_no_such_keys(tmp_path, key):
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "bar"))
    value = json.loads((FORMAT_2 / "manifest.json").read_text())["provenance"][key]
    change_json(folder / "manifest.json", lambda manifest: manifest["provenance"].update({key: value}))
    refused(folder, ManifestError, "format version 1")


def test_format_2_of_today_has_the_version_2_and_the_manifest_is_read_as_it_is():
    from goodpart._host.strict_json import decode, encode

    text = (FORMAT_2 / "manifest.json").read_bytes()
    assert encode(decode(Manifest, text, where="manifest.json")) == text
