"""The first recipe: what a folder holds, a guess at its parts, and nothing that the build refuses."""

import json

import numpy as np
import pytest

from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.recipe.recipe import read_recipe
from small_frames import draw_small
from small_network import small_backbone


def draw(folder, names):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, draw_small(number))
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_backbone(tmp_path / "backbone.onnx")
    return tmp_path


def test_a_recipe_that_builds(here, capsys):
    draw(here / "bar" / "train" / "good", [f"{part:02}_{view}.npy" for part in range(12) for view in range(2)])
    assert main(["init", "bar/train/good", "--backbone", "backbone.onnx", "--threads", "1"]) == 0
    text = (here / "bar.toml").read_text()
    assert text.startswith("# 24 images; looked at: 24 of 24x18 uint8\n")
    assert "# a guess: 12 parts" in text and "# the doctor" in text
    recipe = read_recipe(here / "bar.toml")
    assert recipe.settings.group == r"(.+)[_-]\d+\.[^.]+$"
    assert recipe.settings.batches[0].images.resolve() == here / "bar" / "train" / "good"
    assert recipe.backbone_sha256 is not None
    capsys.readouterr()
    assert main(["build", "bar.toml", "--threads", "1", "--false-reject-rate", "0.1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"] == 12


def test_names_that_tell_no_parts(here, capsys):
    draw(here / "rod", [f"{number:03}.npy" for number in range(6)])
    assert main(["init", "rod", "--recipe", "sub/r.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["look"]["group"] is None
    assert 'images = "../rod"' in (here / "sub" / "r.toml").read_text()


def test_an_existing_recipe_is_never_replaced(here, capsys):
    draw(here / "rod", ["1.npy"])
    (here / "rod.toml").write_text("mine")
    assert main(["init", "rod"]) == 2
    assert (here / "rod.toml").read_text() == "mine"


def test_a_folder_without_images(here, capsys):
    (here / "rod").mkdir()
    assert main(["init", "rod"]) == 2
    assert not (here / "rod.toml").exists()
