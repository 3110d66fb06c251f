"""`goodpart score` says when a picture is one that the bank has learned, by the sha256 of its file."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import change_json
from goodpart.cli import score
from goodpart.cli.main import main
from small_frames import draw_small

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMAT_1, FORMAT_2 = FIXTURES / "format_1", FIXTURES / "format_2"


@pytest.fixture
def pictures(tmp_path):
    """A picture that both fixtures have learned, under a name of its own, and a new one."""
    (tmp_path / "pictures").mkdir()
    for name, seed in (("new.npy", 1000), ("renamed.npy", 3)):
        np.save(tmp_path / "pictures" / name, draw_small(seed))
    return tmp_path / "pictures"


def scored(bundle, pictures, capsys):
    assert main(["score", str(bundle), str(pictures), "--json"]) == 0
    printed = capsys.readouterr()
    return [json.loads(line) for line in printed.out.splitlines()], printed.err


def test_a_learned_picture_is_marked_and_a_new_one_is_not(pictures, capsys):
    (new, renamed), _ = scored(FORMAT_2, pictures, capsys)
    assert "learned" not in new
    assert renamed["learned"] is True


def test_the_table_says_it(pictures, capsys):
    (new, renamed), _ = scored(FORMAT_2, pictures, capsys)
    assert score._row(renamed).endswith("renamed.npy  (the bundle has learned this picture)")
    assert score._row(new).endswith("new.npy")


def test_format_1_is_silent(pictures, capsys):
    results, said = scored(FORMAT_1, pictures, capsys)
    assert not any("learned" in result for result in results)
    assert "learned" not in said


def test_a_damaged_list_is_said_and_frames_are_scored_nevertheless(pictures, tmp_path, capsys):
    folder = Path(shutil.copytree(FORMAT_2, tmp_path / "bar"))
    change_json(folder / "images.json", lambda facts: facts.update(images=[]))
    results, said = scored(folder, pictures, capsys)
    assert [result["verdict"] for result in results] == ["GOOD", "GOOD"]
    assert "images.json" in said
    assert "learned pictures are not noted" in said
