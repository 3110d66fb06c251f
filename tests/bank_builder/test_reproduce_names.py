"""What `reproduce` says of images whose name is there with another content, and of another recipe."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

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
[[batch]]
name = "new"
images = "new"
[calibration]
false_reject_rate = 0.1
[bank]
head = "off"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars")
    for batch, numbers in {"good/left": range(10), "good/right": range(10, 20), "new": range(20, 24)}.items():
        (folder / batch).mkdir(parents=True)
        for number in numbers:
            np.save(folder / batch / f"{number % 10:02}.npy", draw_small(number))
    small_backbone(folder / "backbone.onnx", head=True)
    (folder / "r.toml").write_text(RECIPE)
    run(0, "build", folder / "r.toml", "--no-workspace")
    return folder


@pytest.fixture
def product(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "product"))


def run(code, *arguments):
    assert main([*map(str, arguments), "--threads", "1"]) == code


@pytest.mark.parametrize(
    ("file", "name"), [("good/left/03.npy", "left/03.npy"), ("new/02.npy", "new/02.npy")], ids=["first", "later"]
)
def test_an_image_with_another_content_is_told_from_a_missing_one(product, capsys, file, name):
    np.save(product / file, draw_small(90))
    (product / "good" / "right" / "05.npy").unlink()
    capsys.readouterr()
    run(1, "reproduce", product / "bundles" / "bar", "--data", product / "good", product / "new")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("missing     2: ") and name in printed[0] and "right/05.npy" in printed[0]
    # left/05.npy is another image, and not right/05.npy with another content
    assert printed[1].startswith(f"changed     1: {name}; ")


def test_a_missing_image_alone_is_no_changed_one(product, capsys):
    (product / "good" / "right" / "05.npy").unlink()
    capsys.readouterr()
    run(1, "reproduce", product / "bundles" / "bar", "--data", product / "good", product / "new", "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["missing"], found["changed"], found["identical"]) == (["right/05.npy"], [], False)


def test_another_seed_shows_the_line_of_the_recipe(product, capsys):
    capsys.readouterr()
    run(1, "reproduce", product / "bundles" / "bar", "--data", product, "--seed", "4")
    assert "recipe.toml differs: seed = 0 then, seed = 4 now" in capsys.readouterr().out.splitlines()
