"""The table of a GenICam camera: each key right and wrong, and what becomes of it."""

import importlib.util
import platform
import struct
from pathlib import Path

import pytest

from goodpart.errors import MissingExtraError
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.cameras import GenicamTable
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.genicam import refuse_producer
from goodpart_station.station import plan_of, source_of
from station_files import LEAST

MACHINE = {"x86_64": 62, "aarch64": 183}[platform.machine()]
HEAD = b"\x7fELF" + bytes(14)
SOURCE = """\
[source]
kind = "genicam"
producer = "maker.cti"
device = "SN4711"
pixel_format = "BGR8"
settings = { Gain = 1, ExposureTime = 2000.0, ReverseX = true, LineSelector = "Line2" }
trigger = "hardware"
trigger_line = "Line2"
pair_before_ms = 40
pair_after_ms = 100
min_spacing_ms = 180
"""
TEXT = LEAST.partition("[source]")[0] + SOURCE


@pytest.fixture(autouse=True)
def producer(tmp_path):
    path = tmp_path / "maker.cti"
    path.write_bytes(HEAD + struct.pack("<H", MACHINE) + b"GCInitLib")
    return path


def test_every_key(read_text, producer):
    config = read_text(TEXT)
    assert config.source == GenicamTable(
        producer=producer,
        device="SN4711",
        pixel_format="BGR8",
        settings=(("Gain", 1), ("ExposureTime", 2000.0), ("ReverseX", True), ("LineSelector", "Line2")),
        trigger=TriggerKind.HARDWARE,
        trigger_line="Line2",
        pair_before_ms=40.0,
        pair_after_ms=100.0,
        min_spacing_ms=180.0,
    )
    setup = config.source.setup
    assert (setup.trigger_line, setup.exposure_s, setup.timeout_s) == ("Line2", 0.1, 2.0)
    # what the windows leave between two parts
    assert setup.dated_within_s == pytest.approx(0.04)


def test_a_table_of_settings_of_its_own(read_text):
    text = TEXT.replace("settings = { Gain = 1, ExposureTime = 2000.0,", "# {") + "[source.settings]\nGain = 0.5\n"
    assert read_text(text).source.settings == (("Gain", 0.5),)


def test_the_least(read_text, producer):
    text = (
        LEAST.partition("[source]")[0] + '[source]\nkind = "genicam"\nproducer = "maker.cti"\npixel_format = "Mono8"\n'
    )
    source = read_text(text).source
    assert source == GenicamTable(producer=producer, pixel_format="Mono8")
    assert (source.device, source.settings, source.setup.trigger_line) == (None, (), "Line1")
    assert isinstance(plan_of(read_text(text)).source(None), CameraSource)


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        (
            'producer = "maker.cti"',
            'producer = "no.cti"',
            "producer: expected a GenTL producer (.cti) at no.cti, found nothing",
        ),
        ('producer = "maker.cti"', 'producer = "key.pub"', "producer: expected a GenTL producer for Linux at key.pub"),
        ('producer = "maker.cti"', "producer = 3", "producer: expected a path, found 3"),
        ('device = "SN4711"', 'device = ""', "device: expected a text"),
        ('pixel_format = "BGR8"', 'pixel_format = "BayerRG8"', "pixel_format: expected one of Mono8, Mono10, Mono12"),
        ('pixel_format = "BGR8"', "pixel_format = 8", "pixel_format: expected a text, found 8"),
        ('trigger_line = "Line2"', "trigger_line = 2", "trigger_line: expected a text, found 2"),
    ],
)
def test_every_key_wrong(refused, line, wrong, expected):
    number = TEXT.splitlines().index(line) + 1
    message = refused(TEXT.replace(line, wrong))
    assert message.partition(": ")[2].startswith(expected)
    assert number == int(message.split(":")[1])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("3", "settings: expected a table of a camera's features, each with a number, a text, true or false"),
        ("{ Gain = nan }", "settings: expected a table of a camera's features"),
        ("{ Gain = [] }", "settings: expected a table of a camera's features"),
        ('{ Gain = "" }', "settings: expected a table of a camera's features"),
        ('{ "Gain Raw" = 1 }', "settings: expected a table of a camera's features"),
        ("{ Gain = 2026-11-27 }", "settings: expected a table of a camera's features"),
        ('{ PixelFormat = "BGR8" }', "settings: expected PixelFormat set by the key pixel_format, found it here"),
        ('{ TriggerMode = "On" }', "settings: expected TriggerMode set by the key trigger, found it here"),
    ],
)
def test_settings_that_cannot_be(refused, settings, expected):
    (line,) = [each for each in TEXT.splitlines() if each.startswith("settings")]
    message = refused(TEXT.replace(line, f"settings = {settings}"))
    assert message.startswith(f"line.toml:{TEXT.splitlines().index(line) + 1}: {expected}")


def test_a_line_without_a_hardware_trigger(refused):
    software = "".join(
        each for each in TEXT.replace('"hardware"', '"software"').splitlines(True) if not each.startswith("pair_before")
    )
    assert 'trigger_line: expected no such key with trigger = "software"' in refused(software)


def test_producers_that_would_crash_the_process_that_loads_them(tmp_path, producer):
    refuse_producer(producer)
    other = tmp_path / "other"
    for content in (b"", b"\x7fELF", HEAD + struct.pack("<H", MACHINE), b"text GCInitLib" * 3):
        other.write_bytes(content)
        with pytest.raises(Exception, match=r"expected a GenTL producer for Linux at .*, found another file"):
            refuse_producer(other)
    other.write_bytes(HEAD + struct.pack("<H", 40) + b"GCInitLib")
    with pytest.raises(Exception, match=rf"expected a GenTL producer for {platform.machine()} at .* another processor"):
        refuse_producer(other)
    with pytest.raises(Exception, match="found a folder"):
        refuse_producer(tmp_path)


def test_a_missing_library_is_refused_with_its_extra(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "harvesters" else found(name))
    table = GenicamTable(producer=Path("maker.cti"), pixel_format="Mono8")
    with pytest.raises(
        MissingExtraError, match=r"needs harvesters, which is not installed; .*goodpart-station\[genicam\]"
    ):
        source_of(table)(None)
