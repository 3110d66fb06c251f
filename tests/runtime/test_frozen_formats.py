"""Formats 1 and 2 are frozen: their fixtures never change by a byte, and all optional parts of format 2 are read."""

import hashlib
import shutil
from pathlib import Path

import pytest

from broken_bundles import change_json
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.description import bundle_facts
from goodpart.cli.main import main
from goodpart.errors import ManifestError
from goodpart.facts.learned import BatchFacts
from goodpart.facts.manifest import FORMAT_VERSION, Manifest, Provenance

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


def test_what_format_2_states_is_settled():
    """A key that is new would be refused by readers that are in use: it takes format 3."""
    keys = {
        Manifest: "format_version name serial backbone bank provenance golden golden_tolerance files head excess atlas "
        "threshold_range checks",
        Provenance: "dataset_sha256 images parts skipped_images patches seed versions excluded_images examination "
        "parent batches calibrates_since",
        BatchFacts: "name digest images calibrates taken",
    }
    for facts, names in keys.items():
        assert set(facts.__dataclass_fields__) == set(names.split())


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
