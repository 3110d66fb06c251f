"""The names of products: that of the station's file, and that of the bundle."""

import re
import shutil
from pathlib import Path

import pytest

from broken_bundles import change_json
from goodpart_station.cli.main import main
from station_files import LEAST
from station_parts import BUNDLE

FIRST = (Path(__file__).parents[2] / "docs" / "station-first.md").read_text()


@pytest.fixture
def file(tmp_path):
    """Of a station whose product 4 is "bracket"."""
    (tmp_path / "line.toml").write_text(LEAST)
    (tmp_path / "frames").mkdir()
    return str(tmp_path / "line.toml")


def bundle(tmp_path, name, serial):
    copy = Path(shutil.copytree(BUNDLE, tmp_path / f"{name}{serial}"))
    (copy / "manifest.sig").unlink(missing_ok=True)
    change_json(copy / "manifest.json", lambda facts: facts.update(name=name, serial=serial))
    return str(copy)


def test_a_bundle_of_another_name_is_told_and_not_refused(file, tmp_path, capsys):
    note = f"note: {file} calls product 4 'bracket', and the bundle is of 'screw'"
    assert main(["products", "add", file, "4", bundle(tmp_path, "screw", 1)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("added: screw, serial 1")
    assert note in shown.err
    assert main(["products", "activate", file, "4", "1"]) == 0
    assert note in capsys.readouterr().err


def test_a_bundle_of_the_same_name_needs_no_note(file, tmp_path, capsys):
    assert main(["products", "add", file, "4", bundle(tmp_path, "bracket", 1)]) == 0
    assert capsys.readouterr().err == ""


def test_the_remedies_of_the_refusal_work_with_the_same_command(file, tmp_path, capsys):
    assert main(["products", "add", file, "4", bundle(tmp_path, "bracket", 1)]) == 0
    other = bundle(tmp_path, "bracket2", 2)
    assert main(["products", "add", file, "4", other]) == 2
    told = capsys.readouterr().err
    assert "say --product 'bracket2' if this store shall judge that product" in told
    assert "goodpart-bank build --name 'bracket'" in told
    assert main(["products", "add", file, "4", other, "--product", "bracket2"]) == 0
    assert main(["products", "activate", file, "4", "1"]) == 0
    assert main(["products", "activate", file, "4", "2"]) == 2
    assert "say --product 'bracket2'" in capsys.readouterr().err
    assert main(["products", "activate", file, "4", "2", "--product", "bracket2"]) == 0


def test_the_first_page_names_the_bundle_after_the_product():
    (build,) = re.findall(r"(?m)^    .*goodpart-bank build .*$", FIRST)
    assert "--name bracket " in build
