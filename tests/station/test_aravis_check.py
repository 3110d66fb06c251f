"""What `check` says about a GigE Vision camera, in one line each, and about Aravis itself where it is missing."""

import dataclasses
import sys

import pytest

from aravis_camera import FakeCamera
from aravis_fake import ADDRESS, SIZE
from goodpart import read_bundle
from goodpart.errors import GoodpartError, MissingExtraError
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.cameras import AravisTable
from goodpart_station.sources import aravis_library
from goodpart_station.sources.aravis import aravis_source, open_aravis
from goodpart_station.sources.aravis_library import load
from goodpart_station.sources.camera_setup import CameraSetup
from station_parts import BUNDLE

GOOD = CameraSetup(
    pixel_format="RGB8", settings=tuple(SIZE.items()), trigger=TriggerKind.SOFTWARE, timeout_s=60.0, exposure_s=60.0
)


@pytest.fixture
def camera():
    with FakeCamera() as started:
        yield started


def checked(setup):
    bundles = {"product 1 (bar)": read_bundle(BUNDLE)}
    return aravis_source(ADDRESS, setup).check_against(bundles)


def refused(setup):
    with pytest.raises(GoodpartError) as error:
        checked(setup)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_camera_that_fits_is_told_with_its_measures(camera):
    found = checked(GOOD)
    assert found.startswith("camera Fake GP42: 20 frames of 24x18 (HxW) RGB8, ")
    for words in (
        "none missing, none incomplete",
        "Width 18, Height 24",
        "from trigger to frame ",
        "fits product 1 (bar)",
    ):
        assert words in found


def test_each_fault_is_one_line(camera):
    for changes, words in (
        ({"pixel_format": "BGR8"}, "camera Fake GP42: PixelFormat: expected one of BayerBG8, "),
        (
            {"pixel_format": "Mono8"},
            "product 1 (bar): frame: expected uint8 RGB as the bundle declares, found uint8 GRAY",
        ),
        (
            {"settings": (("ExposureTime", 5.0),)},
            "ExposureTime: expected a feature of this camera, found none of this name",
        ),
        ({"settings": (("Width", 36), ("Height", 48))}, "product 1 (bar): frame: expected "),
        ({"settings": (("Width", 9999),)}, "camera Fake GP42: Width: expected that the camera takes it, found: "),
        # the fake camera has no other line, and nothing that would fire it
        (
            {"trigger": TriggerKind.HARDWARE},
            "TriggerSource: expected one of Line0, Software, found 'Line1'; set trigger_line to an input",
        ),
    ):
        assert words in refused(dataclasses.replace(GOOD, **changes))
    # nobody is left with the camera
    device = open_aravis(load(), ADDRESS, timeout_s=60.0)
    try:
        assert "expected control of it, found that another program has it; end that program" in refused(GOOD)
    finally:
        device.close()
    camera.kill()
    assert refused(GOOD).startswith(f"camera {ADDRESS}: expected it on the network, found none (")


def test_a_wire_that_never_fires_is_told(camera, monkeypatch):
    monkeypatch.setattr("goodpart_station.sources.camera_check._WIRE_S", 0.1)
    setup = dataclasses.replace(GOOD, trigger=TriggerKind.HARDWARE, trigger_line="Line0", timeout_s=0.2)
    assert "0 frames in 0.2 s, it waits for pulses at Line0" in checked(setup)


def test_the_files_table(read_text):
    config = read_text(
        """
[station]
name = "line1"
data = "data"
deadline_ms = 100
[[product]]
number = 1
name = "bar"
store = "bar"
[source]
kind = "aravis"
device = "192.168.20.2"
pixel_format = "Mono8"
settings = { Width = 640, GainAuto = "Off" }
"""
    )
    assert isinstance(config.source, AravisTable)
    assert (config.source.device, config.source.setup.settings) == (
        "192.168.20.2",
        (("Width", 640), ("GainAuto", "Off")),
    )


@pytest.fixture
def without_gi(monkeypatch, tmp_path):
    for name in [each for each in sys.modules if each == "gi" or each.startswith("gi.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(aravis_library, "_DEBIAN", tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if "dist-packages" not in each])
    return tmp_path


def test_a_missing_library_is_refused_at_the_start_with_its_packages(without_gi):
    with pytest.raises(MissingExtraError) as error:
        aravis_source(None, GOOD)
    assert str(error.value).startswith('source kind "aravis" needs the library Aravis, which is not installed (')
    assert str(error.value).endswith("); apt install python3-gi gir1.2-aravis-0.8")


def test_a_library_of_another_python_is_told_as_such(without_gi):
    package = without_gi / "gi"
    package.mkdir()
    (package / "__init__.py").write_text("from . import _gi")
    (package / "_gi.cpython-39-x86_64-linux-gnu.so").write_bytes(b"")
    with pytest.raises(MissingExtraError, match=r"found _gi\.cpython-39-x86_64-linux-gnu\.so; make the environment"):
        aravis_source(None, GOOD)
    assert "gi" not in sys.modules


def test_nothing_else_of_debian_comes_with_it():
    try:
        load()
    except MissingExtraError as error:
        pytest.skip(f"missing: {error}")
    assert not any("dist-packages" in each for each in sys.path)
    import numpy as np

    assert "dist-packages" not in np.__file__
