"""Wheels: each distribution's wheel holds every module of its package; no ignore rule leaves a room out."""

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "folder",
    ["runtime/goodpart", "export/goodpart_export", "bank_builder/goodpart_bank_builder", "station/goodpart_station"],
)
def test_a_wheel_holds_every_file_of_its_package(folder, tmp_path):
    package = ROOT / folder
    (wheel,) = WheelBuilder(str(package.parent)).build(directory=str(tmp_path))
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith(f"{package.name}/")}
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert packed == {path.relative_to(package.parent).as_posix() for path in files}
