"""`goodpart info` shows what a bundle knows about its images: a warning first, and what format 1 cannot do."""

import json
import shutil
from pathlib import Path

from broken_bundles import change_json
from goodpart.cli.main import main

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMAT_1, FORMAT_2 = FIXTURES / "format_1", FIXTURES / "format_2"

WARNING = {"images": ["05_1.npy"], "threshold": 12.7935, "threshold_without": 2.5}


def test_the_warning_comes_first(tmp_path, capsys):
    folder = Path(shutil.copytree(FORMAT_2, tmp_path / "bar"))
    change_json(folder / "manifest.json", lambda facts: facts["provenance"]["examination"].update(warning=WARNING))
    assert main(["info", str(folder)]) == 0
    begin = capsys.readouterr().out.splitlines()[0]
    assert begin.startswith("WARNING     the threshold rests on few images: 05_1.npy; without it")
    assert "2.500 instead of 12.793 sigmas" in begin
    assert main(["info", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["provenance"]["examination"]["warning"] == WARNING


def test_without_a_warning_there_is_none(capsys):
    assert main(["info", str(FORMAT_2)]) == 0
    printed = capsys.readouterr().out
    assert "WARNING" not in printed
    assert "look at     1 of the good images: 05_1.npy (exposure, 9.193 sigmas)" in printed
    assert "excluded    1 of the images were left out on demand" in printed
    assert "\noff " not in printed


def test_format_1_says_what_needs_format_2(capsys):
    assert main(["info", str(FORMAT_1)]) == 0
    assert "off         explanations, pictures that were learned and what the doctor found" in capsys.readouterr().out
