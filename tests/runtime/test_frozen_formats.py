"""Formats 1 and 2 are frozen: their fixtures never change by a byte, and all optional parts of format 2 are read."""

import dataclasses
import hashlib
import shutil
import typing
from pathlib import Path

import pytest

from broken_bundles import change_json
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.description import bundle_facts
from goodpart.cli.main import main
from goodpart.errors import ManifestError
from goodpart.facts.calibration import Calibration
from goodpart.facts.learned import ImageList
from goodpart.facts.manifest import FORMAT_VERSION, Manifest

FIXTURES = Path(__file__).parents[1] / "fixtures"

FROZEN = {
    "format_1": "a58ae11762830977ad0ee8e7fc428133c275ec4e6604bece27787e1689addf59",
    "format_2": "62277fc94102104e4d72f71d9ac77e5ab25e37fad1b9f85fab9c0335b544c614",
    "format_2_thermal": "aff637caed7f985d07d559c32b7a7f9a46cb0b652d55d0a1cde60c59a9aae914",
}
"""The sha256 over names and contents of all files."""


@pytest.mark.parametrize("name", FROZEN)
def test_a_fixture_never_changes(name):
    """A format that must change gets the next number, and a fixture of its own."""
    digest = hashlib.sha256()
    for path in sorted((FIXTURES / name).rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(FIXTURES / name).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    assert digest.hexdigest() == FROZEN[name]
    assert read_bundle(FIXTURES / name).manifest.format_version == int(name.split("_")[1])


def test_every_fixture_of_a_format_is_frozen():
    assert {path.name for path in FIXTURES.glob("format_*") if path.is_dir()} == set(FROZEN)
    assert FORMAT_VERSION == 2


KEYS = """
AtlasSpec: cell_px columns rows
BackboneSpec: frame grid precision profile weights
BankSpec: candidates directions recall search vectors
BatchFacts: calibrates digest images name taken
Calibration: false_reject_rate mean method peak_sizes peaks pixel_threshold promise score_sizes scores std threshold unit
Examination: images look_at warning
ExcessRule: factor percentile
ExcessSpec: weight
FileFacts: sha256 size_bytes
FrameChecks: flagged frames limits ranges rate size
FrameSpec: channels dtype roi value_range
GoldenFrame: file score
GridSpec: columns dimension rows
HeadSpec: alpha hidden lowest offset weight
ImageList: excluded images
IndexSpec: candidates directions ef_construction ef_search links
LearnedImage: batch height_px name part sha256 width_px
ListedImage: name sha256
Manifest: atlas backbone bank checks excess files format_version golden golden_tolerance head name provenance serial threshold_range
OddImage: findings name score
Profile: bank_vectors coreset excess grid head index input_height_px input_width_px name neighbourhood neighbours smoothing stages top_share
Provenance: batches calibrates_since dataset_sha256 examination excluded_images images parent parts patches seed skipped_images versions
Roi: height_px width_px x_px y_px
SizeRule: aspects exact heights_px widths_px
ThresholdRange: highest lowest
ThresholdWarning: images threshold threshold_without
WeightsSpec: name seed sha256 source
"""  # noqa: E501
"""Every key of every JSON file of format 2, by the class that reads it."""


def keys_of(kind, found):
    """Adds what a class of facts reads, and the classes below it."""
    for part in typing.get_args(kind):
        keys_of(part, found)
    if dataclasses.is_dataclass(kind) and kind.__name__ not in found:
        found[kind.__name__] = sorted(field.name for field in dataclasses.fields(kind))
        for below in typing.get_type_hints(kind).values():
            keys_of(below, found)
    return found


def test_what_format_2_states_is_settled():
    """A key that is new would be refused by readers that are in use: it takes format 3."""
    found = {}
    for kind in (Manifest, Calibration, ImageList):
        keys_of(kind, found)
    assert [f"{name}: {' '.join(keys)}" for name, keys in sorted(found.items())] == KEYS.strip().splitlines()


@pytest.fixture
def dated(tmp_path):
    """The fixture with the keys that it lacks."""
    bundle = Path(shutil.copytree(FIXTURES / "format_2_thermal", tmp_path / "bar"))

    def date(facts):
        facts["provenance"]["calibrates_since"] = "2026-11"
        for batch, taken in zip(facts["provenance"]["batches"], ("2026-09-30", "2026-12"), strict=True):
            batch["taken"] = taken

    change_json(bundle / "manifest.json", date)
    return bundle


def test_dates_of_batches_are_read(dated):
    origin = read_bundle(dated).manifest.provenance
    assert (origin.calibrates_since, [batch.taken for batch in origin.batches]) == (
        "2026-11",
        ["2026-09-30", "2026-12"],
    )
    assert bundle_facts(read_bundle(dated))["batches"] == (
        "start (16 images, in the bank only: taken 2026-09-30, before 2026-11), near (2 images, in the bank only)"
    )
    assert main(["verify", str(dated)]) == 0


@pytest.mark.parametrize("wrong", ["2026", "2026-13", "November", "2026-11-31", None, 2026])
def test_what_is_no_date_is_refused(dated, wrong):
    for change in (
        lambda facts: facts["provenance"].update(calibrates_since=wrong),
        lambda facts: facts["provenance"]["batches"][0].update(taken=wrong),
    ):
        copy = Path(shutil.copytree(dated, dated.parent / "copy", dirs_exist_ok=True))
        change_json(copy / "manifest.json", change)
        with pytest.raises(ManifestError):
            read_bundle(copy)
