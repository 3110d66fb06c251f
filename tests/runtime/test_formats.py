"""Bundles of every format version that ever was, kept for ever: they load, or are refused in one line that says why."""

import shutil
from pathlib import Path

import pytest

from broken_bundles import change_json
from goodpart.cli.main import main
from goodpart.errors import VersionError
from goodpart.facts.manifest import FORMAT_VERSION
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from small_frames import draw_small

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMAT_1 = FIXTURES / "format_1"


def test_format_1_loads_signed(public_key):
    Inspector.load(FORMAT_1, public_key=public_key, minimum_serial=7)


def test_format_1_loads_and_judges_as_it_always_did():
    inspector = Inspector.load(FORMAT_1, minimum_serial=7)
    assert inspector.bundle.digest == "b87fce38415381484dd22adbba3fa8067487aa2a3ffe4f60f925df8c06fa0db9"
    assert max(inspector.self_test().values()) < 1e-3
    good, defect = (inspector.inspect(draw_small(100, defect=defect)) for defect in (False, True))
    assert (good.verdict, defect.verdict) == (Verdict.GOOD, Verdict.DEFECT)
    assert good.score == pytest.approx(0.058268, abs=0.02)
    assert defect.score == pytest.approx(15.683334, abs=0.02)


def test_there_is_a_fixture_of_every_format_version():
    assert {path.name for path in FIXTURES.glob("format_?") if path.is_dir()} == {
        f"format_{version}" for version in range(1, FORMAT_VERSION + 1)
    }


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1])
def test_an_unknown_version_is_refused_even_if_nothing_else_can_be_read(tmp_path, version, capsys):
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "bar"))
    change_json(folder / "manifest.json", lambda facts: facts.update(format_version=version, news={"a": [1]}))
    with pytest.raises(VersionError, match=f"expected format version 1 or 2, found {version}"):
        Inspector.load(folder)
    assert main(["verify", str(folder)]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "update goodpart or rebuild" in printed.err
