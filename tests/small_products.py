"""Drawn products with recipes: a folder of recipes for tests that build many of them."""

import hashlib
from pathlib import Path

import numpy as np

from small_frames import draw_small
from small_network import small_backbone

RECIPE = """[product]
name = "{name}"
[backbone]
file = "backbone.onnx"
[[batch]]
name = "start"
images = "{name}"
[calibration]
false_reject_rate = 0.1
[bank]
head = "off"
"""


def draw_products(folder: Path, names: str, *, images: int = 12) -> list[Path]:
    """Writes a backbone, and for each letter a folder of images and a recipe; returns the recipes."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "backbone.onnx").exists():
        small_backbone(folder / "backbone.onnx", head=True)
    recipes = []
    for name in names:
        (folder / name).mkdir()
        for number in range(images):
            np.save(folder / name / f"{number:02}.npy", draw_small(1000 * ord(name) + number))
        recipes.append(folder / f"{name}.toml")
        recipes[-1].write_text(RECIPE.format(name=name))
    return recipes


def contents(bundle: Path) -> dict[str, str]:
    """The sha256 of every file of a bundle."""
    return {
        path.relative_to(bundle).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(bundle.rglob("*"))
        if path.is_file()
    }
