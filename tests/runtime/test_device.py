"""Every way a device file can be wrong has a test: a threshold that nobody set for this bundle never judges."""

import json
import os
import subprocess
import sys

import pytest

import broken_bundles
from broken_bundles import change_json
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import DeviceSettings, device_path, read_device, write_device
from goodpart.cli.main import main
from goodpart.errors import BundleMissingError, DeviceFileError, UsageError
from goodpart.inspector import Inspector


@pytest.fixture
def settings(bundle):
    """The path of a valid device file, to be broken."""
    checked = read_bundle(bundle)
    return write_device(checked, DeviceSettings(bundle=checked.digest, threshold=7.5, pixel_threshold=9.5))


def refused(bundle, error, *words):
    """The bundle is refused, and the message names the file."""
    broken_bundles.refused(bundle, error, "bar.device.json", *words)


def test_what_is_written_is_read(bundle, settings):
    assert settings == device_path(bundle) == bundle.with_name("bar.device.json")
    found = read_device(read_bundle(bundle))
    assert (found.threshold, found.pixel_threshold) == (7.5, 9.5)
    inspector = Inspector.load(bundle)
    assert (inspector.threshold, inspector.pixel_threshold) == (7.5, 9.5)


def test_without_a_file_there_are_no_settings(bundle):
    assert read_device(read_bundle(bundle)) is None


def test_settings_for_another_bundle_are_refused_with_what_to_do(bundle, settings):
    old, new = read_bundle(bundle).digest, None
    change_json(bundle / "manifest.json", lambda facts: facts.update(name="rebuilt"))
    new = read_bundle(bundle).digest
    refused(bundle, DeviceFileError, new, old, "set them again with goodpart threshold", "--reset")


@pytest.mark.parametrize("command", ["verify", "selftest", "score", "bench", "info", "threshold"])
def test_settings_for_another_bundle_end_every_command_with_3(bundle, settings, command, capsys):
    change_json(bundle / "manifest.json", lambda facts: facts.update(name="rebuilt"))
    images = [str(bundle / "golden")] if command == "score" else []
    assert main([command, str(bundle), *images]) == 3
    captured = capsys.readouterr()
    assert "bar.device.json: expected settings for bundle" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("options", [["--value", "3"], ["--false-reject-rate", "0.1"], ["--reset"]])
def test_what_the_message_says_helps(bundle, settings, options, capsys):
    change_json(bundle / "manifest.json", lambda facts: facts.update(name="rebuilt"))
    assert main(["threshold", str(bundle), *options]) == 0
    capsys.readouterr()
    assert Inspector.load(bundle).self_test()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"7.5", b"\xff\xfe", b'{"threshold": 7.5'])
def test_malformed_json(bundle, settings, text):
    settings.write_bytes(text)
    refused(bundle, DeviceFileError, "expected")


def test_unknown_key(bundle, settings):
    facts = json.loads(settings.read_text())
    settings.write_text(json.dumps({**facts, "operator": "me"}))
    refused(bundle, DeviceFileError, "unknown ['operator']")


@pytest.mark.parametrize("key", ["bundle", "threshold", "pixel_threshold"])
def test_missing_key(bundle, settings, key):
    facts = json.loads(settings.read_text())
    del facts[key]
    settings.write_text(json.dumps(facts))
    refused(bundle, DeviceFileError, f"missing ['{key}']")


def test_a_key_that_stands_twice(bundle, settings):
    settings.write_text(settings.read_text().replace("{", '{"threshold": 1e9,'))
    refused(bundle, DeviceFileError, "stands twice")


@pytest.mark.parametrize("key", ["threshold", "pixel_threshold"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "null", '"7.5"', "true", "[7.5]"])
def test_a_threshold_that_is_no_finite_number(bundle, settings, key, value):
    facts = json.loads(settings.read_text())
    settings.write_text(json.dumps({**facts, key: "HERE"}).replace('"HERE"', value))
    refused(bundle, DeviceFileError, "expected")


def test_a_digest_that_is_no_text(bundle, settings):
    facts = json.loads(settings.read_text())
    settings.write_text(json.dumps({**facts, "bundle": 7}))
    refused(bundle, DeviceFileError, "bundle: expected a text")


def test_a_folder_instead_of_the_file(bundle, settings):
    settings.unlink()
    settings.mkdir()
    refused(bundle, DeviceFileError, "expected a device file")


def test_a_link_to_nowhere_does_not_fall_away_silently(bundle, settings, tmp_path):
    settings.rename(tmp_path / "elsewhere")
    settings.symlink_to(tmp_path / "elsewhere")
    assert Inspector.load(bundle).threshold == 7.5
    (tmp_path / "elsewhere").unlink()
    refused(bundle, DeviceFileError, "expected a device file")


def test_a_pipe_instead_of_the_file(bundle, settings):
    settings.unlink()
    os.mkfifo(settings)
    refused(bundle, DeviceFileError, "expected a device file")


def test_a_huge_file(bundle, settings):
    settings.write_bytes(settings.read_bytes() + b" " * (1 << 16))
    refused(bundle, DeviceFileError, "at most 65536 bytes")


def test_a_file_that_may_not_be_read(bundle, settings):
    code = """
import os, sys
from pathlib import Path
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import read_device
from goodpart.errors import DeviceFileError
bundle = read_bundle(Path(sys.argv[1]))
Path(sys.argv[1] + ".device.json").chmod(0)
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    print(read_device(bundle))
except DeviceFileError as error:
    print(error)
"""
    for folder in (bundle, *bundle.parents[:1]):
        folder.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code, str(bundle)], capture_output=True, text=True, check=True)
    assert "bar.device.json" in done.stdout
    assert "Permission denied" in done.stdout


def test_a_folder_in_its_place_is_not_removed_by_reset(bundle, settings, capsys):
    settings.unlink()
    settings.mkdir()
    assert main(["threshold", str(bundle), "--reset"]) == 2
    assert "bar.device.json: expected a file that can be removed" in capsys.readouterr().err
    assert settings.is_dir()


def test_a_folder_in_its_place_is_not_overwritten(bundle, settings, capsys):
    settings.unlink()
    settings.mkdir()
    assert main(["threshold", str(bundle), "--value", "3"]) == 2
    assert "bar.device.json" in capsys.readouterr().err
    assert [path.name for path in bundle.parent.iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["threshold", "pixel_threshold"])
def test_settings_that_are_not_finite_cannot_be_made(name, number):
    with pytest.raises(UsageError, match="threshold: expected two finite numbers"):
        DeviceSettings(**{"bundle": "x", "threshold": 1.0, "pixel_threshold": 1.0, name: number})


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"threshold": 1.0}, "two finite numbers or none"),
        ({"pixel_threshold": 1.0}, "two finite numbers or none"),
        ({"threads": 2}, "threads and spinning or neither"),
        ({"spinning": False}, "threads and spinning or neither"),
        ({"threads": 0, "spinning": False}, "threads: expected 1 to 256"),
        ({"threads": 257, "spinning": True}, "threads: expected 1 to 256"),
    ],
)
def test_settings_that_are_half_or_out_of_range_cannot_be_made(facts, words):
    with pytest.raises(UsageError, match=words):
        DeviceSettings(bundle="x", **facts)


def test_a_stray_file_inside_the_bundle_means_nothing(bundle):
    (bundle / "bar.device.json").write_text("{")
    (bundle / "device.json").write_text("{")
    assert Inspector.load(bundle).threshold == read_bundle(bundle).calibration.threshold


def test_a_missing_bundle_is_named_and_not_its_device_file(tmp_path):
    with pytest.raises(BundleMissingError, match="expected a bundle folder"):
        Inspector.load(tmp_path / "none")
