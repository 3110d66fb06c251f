"""Every value of the station's file, wrong once: the message names its line."""

import dataclasses
import re

import pytest

from goodpart_station.config.tables import FolderTable, JsonlTable, ProductTable, ReplayTable, StationTable
from goodpart_station.links.modbus import ModbusTable
from station_files import FULL, LEAST, REPLAY


def line_of(text, content):
    return text.splitlines().index(content) + 1


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ('name = "line1"', 'name = "line 1"', "name: expected 1 to 64 letters, digits, dots, hyphens and underscores"),
        ('name = "line1"', "name = 3", "name: expected 1 to 64 letters"),
        ('data = "var"', "data = 3", "data: expected a path, found 3"),
        ('data = "var"', 'data = ""', "data: expected a path, found ''"),
        ('public_key = "key.pub"', 'public_key = "no.pub"', "public_key: expected a file at "),
        ('public_key = "key.pub"', "public_key = true", "public_key: expected a path, found True"),
        ("threads = 2", "threads = 0", "threads: expected a whole number from 1 to 1024, found 0"),
        ("threads = 2", "threads = true", "threads: expected a whole number from 1 to 1024, found True"),
        ("deadline_ms = 120", "deadline_ms = 0", "deadline_ms: expected a number above 0 and up to 8.64e+07, found 0"),
        ("deadline_ms = 120", "deadline_ms = nan", "deadline_ms: expected a number above 0"),
        ("late_limit = 5", "late_limit = 0", "late_limit: expected a whole number from 1 to 1000000, found 0"),
        ("queue_parts = 6", "queue_parts = 17", "queue_parts: expected a whole number from 1 to 16, found 17"),
        ("auto_reset = true", 'auto_reset = "yes"', "auto_reset: expected true or false, found 'yes'"),
        ("start_product = 2", "start_product = 3", "start_product: expected the number of a product (1, 2) or 0"),
        ("start_product = 2", "start_product = -1", "start_product: expected a whole number from 0 to 65535"),
        ("number = 2", "number = 0", "number: expected a whole number from 1 to 65535, found 0"),
        ("number = 2", "number = 65536", "number: expected a whole number from 1 to 65535, found 65536"),
        ("number = 2", "number = 1", "number: expected one of its own for each product, found 1 again"),
        ('name = "nut"', 'name = "bracket"', "name: expected one of its own for each product, found 'bracket' again"),
        ('name = "nut"', 'name = "\\t"', "name: expected a text"),
        ('store = "nut"', 'store = "a/b"', "store: expected 1 to 64 letters"),
        ('store = "nut"', 'store = ".."', "store: expected 1 to 64 letters"),
        ("preload = true", "preload = 1", "preload: expected true or false, found 1"),
        (
            'kind = "folder"',
            'kind = "webcam"',
            'kind: expected "folder" or "replay" or "genicam" or "aravis" or "stream", found \'webcam\'; correct it',
        ),
        (
            'kind = "folder"',
            "kind = 3",
            'kind: expected "folder" or "replay" or "genicam" or "aravis" or "stream", found 3; correct it',
        ),
        ('path = "frames"', 'path = "nowhere"', "path: expected a folder at nowhere, found nothing; make it"),
        ('path = "frames"', 'path = "key.pub"', "path: expected a folder at key.pub, found a file"),
        ('path = "frames"', "path = []", "path: expected a path, found a list"),
        (
            'trigger = "hardware"',
            'trigger = "wire"',
            'trigger: expected "software" or "hardware" or "none", found \'wire\'',
        ),
        ("pair_before_ms = 40", "pair_before_ms = -1", "pair_before_ms: expected a number from 0 to"),
        (
            "pair_before_ms = 40",
            "pair_before_ms = 80",
            "pair_before_ms + pair_after_ms: expected less than min_spacing_ms",
        ),
        ("pair_after_ms = 100", "pair_after_ms = 0", "pair_after_ms: expected a number above 0"),
        ("min_spacing_ms = 180", "min_spacing_ms = 0", "min_spacing_ms: expected a number above 0"),
        ("resync_ms = 160.5", "resync_ms = 140", "resync_ms: expected more than pair_before_ms + pair_after_ms (140)"),
        ("resync_ms = 160.5", 'resync_ms = "long"', "resync_ms: expected a number above 0"),
        ("timeout_s = 1", "timeout_s = 0", "timeout_s: expected a number above 0"),
        ("keep = 7", "keep = -1", "keep: expected a whole number from 0 to 10000000, found -1"),
        ("max_megapixels = 12", "max_megapixels = 0.0", "max_megapixels: expected a number above 0"),
        ('listen = "192.168.10.2:502"', 'listen = "0.0.0.0:502"', "listen: expected the IP address of one network"),
        ('listen = "192.168.10.2:502"', 'listen = ":502"', "listen: expected the IP address of one network"),
        ('listen = "192.168.10.2:502"', 'listen = "192.168.10.2"', "listen: expected the IP address of one network"),
        ('listen = "192.168.10.2:502"', 'listen = "192.168.10.2:0"', "listen: expected the IP address of one network"),
        ('listen = "192.168.10.2:502"', 'listen = "192.168.10.2:70000"', "listen: expected the IP address of one"),
        ('listen = "192.168.10.2:502"', 'listen = "plc.local:502"', "listen: expected the IP address of one network"),
        ('listen = "192.168.10.2:502"', "listen = 502", "listen: expected the IP address of one network interface"),
        ('allow = ["192.168.10.1", "fe80::1"]', "allow = []", "listen: expected the key allow beside 192.168.10.2:502"),
        ('allow = ["192.168.10.1", "fe80::1"]', 'allow = "all"', "allow: expected a list of IP addresses"),
        ('allow = ["192.168.10.1", "fe80::1"]', 'allow = ["plc"]', "allow: expected a list of IP addresses"),
        ("heartbeat_timeout_s = 1.5", "heartbeat_timeout_s = 0", "heartbeat_timeout_s: expected a number above 0"),
        ("unit = 3", "unit = 248", "unit: expected a whole number from 1 to 247, found 248"),
        ('path = "log/results.jsonl"', "path = 1", "path: expected a path, found 1"),
        ('max_bytes = "20 MB"', 'max_bytes = "20 Mb"', 'max_bytes: expected a size such as "20 GB" or "500 MB"'),
        ('max_bytes = "20 MB"', "max_bytes = -5", "max_bytes: expected a size"),
        ('max_bytes = "20 MB"', 'max_bytes = "1 kB"', "max_bytes: expected at least 10,000 bytes, found 1000"),
        ("keep = 2", "keep = 0.5", "keep: expected a whole number from 0 to 100000, found 0.5"),
    ],
)
def test_every_key_wrong(refused, line, wrong, expected):
    message = refused(FULL.replace(f"{line}\n", f"{wrong}\n"))
    number = line_of(FULL, line)
    if wrong in ("allow = []", "pair_before_ms = 80"):
        # it is the key that the others must fit to
        number += {"allow = []": -1, "pair_before_ms = 80": 0}[wrong]
    assert message.startswith(f"line.toml:{number}: {expected}")


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ("rate = 5", "rate = 0", "rate: expected a number above 0 and up to 10000, found 0"),
        ("shuffle = true", "shuffle = 2", "shuffle: expected true or false, found 2"),
        ("repeat = false", 'repeat = ""', "repeat: expected true or false, found ''"),
        ("dim = 0.9", "dim = inf", "dim: expected a number above 0 and up to 10, found inf"),
        ("defocus = 1.5", "defocus = -0.1", "defocus: expected a number from 0 to 100, found -0.1"),
        (
            'trigger = "software"',
            'trigger = "hardware"',
            'trigger: expected "software" or "none" for this kind of source',
        ),
    ],
)
def test_every_key_of_a_replay_wrong(refused, line, wrong, expected):
    text = LEAST.partition("[source]")[0] + "[source]\n" + REPLAY
    message = refused(text.replace(line, wrong))
    assert message.startswith(f"line.toml:{line_of(text, line)}: {expected}")


def test_every_key_is_tested():
    """A key that is added to a table of this version must be added to the tests above."""
    for text, kind in [(FULL, FolderTable), (REPLAY, ReplayTable)]:
        own = {field.name for field in dataclasses.fields(kind)} - {
            field.name for field in dataclasses.fields(FolderTable)
        }
        expected = own if kind is ReplayTable else set()
        if kind is FolderTable:
            for cls in (StationTable, ProductTable, FolderTable, ModbusTable, JsonlTable):
                expected |= {field.name for field in dataclasses.fields(cls)}
        assert expected <= set(re.findall(r"^(\w+) =", text, re.MULTILINE))
