"""The bundle states how far a device may move its threshold, and a moved threshold is told everywhere."""

import json
import logging
import math
import shutil
from pathlib import Path

import pytest

from broken_bundles import change_json
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import device_path
from goodpart.cli.main import main
from goodpart.errors import ContractError, DeviceFileError, ManifestError, UsageError
from goodpart.facts.manifest import ThresholdRange
from goodpart.inspector import Inspector
from goodpart.store.store import Store
from small_frames import draw_small

FORMAT_2 = Path(__file__).parents[1] / "fixtures" / "format_2"


@pytest.fixture
def bundle(tmp_path):
    return Path(shutil.copytree(FORMAT_2, tmp_path / "bar"))


@pytest.fixture
def allowed(bundle):
    return read_bundle(bundle).manifest.threshold_range


def set_by_hand(bundle, **facts):
    """Writes a device file past the command line."""
    whole = {"bundle": read_bundle(bundle).digest, "threads": None, "spinning": None} | facts
    device_path(bundle).write_text(json.dumps(whole))


@pytest.mark.parametrize("value", [1e9, -1e9])
def test_a_threshold_outside_the_range_is_refused_by_all_who_read_it(bundle, allowed, value, capsys):
    set_by_hand(bundle, threshold=value, pixel_threshold=1.0)
    with pytest.raises(DeviceFileError, match="as the bundle allows, found"):
        Inspector.load(bundle)
    for command in ("info", "selftest", "threshold"):
        assert main([command, str(bundle)]) == 3
        text = capsys.readouterr().err
        assert str(allowed) in text
        assert "goodpart threshold" in text
        assert len(text.splitlines()) == 1


def test_a_refused_setting_is_mended_by_the_command_that_the_message_names(bundle, allowed, capsys):
    set_by_hand(bundle, threshold=1e9, pixel_threshold=1.0)
    assert main(["threshold", str(bundle), "--reset"]) == 0
    Inspector.load(bundle).close()


@pytest.mark.parametrize("end", ["lowest", "highest"])
def test_the_command_takes_the_ends_of_the_range_and_nothing_beyond(bundle, allowed, end, capsys):
    value = getattr(allowed, end)
    assert main(["threshold", str(bundle), "--value", repr(value)]) == 0
    before = device_path(bundle).read_bytes()
    beyond = math.nextafter(value, math.inf if end == "highest" else -math.inf)
    assert main(["threshold", str(bundle), "--value", repr(beyond)]) == 2
    assert "the range that the bundle allows" in capsys.readouterr().err
    assert device_path(bundle).read_bytes() == before
    with Inspector.load(bundle) as inspector:
        assert inspector.threshold == value


def test_the_bundle_without_a_device_file_says_nothing_of_a_move(bundle, caplog, capsys):
    with caplog.at_level(logging.WARNING), Inspector.load(bundle) as inspector:
        assert inspector.inspect(draw_small(100)).to_dict()["threshold_moved"] is False
    assert "MOVED" not in caplog.text
    assert main(["info", str(bundle)]) == 0
    assert "MOVED" not in capsys.readouterr().out


def test_a_moved_threshold_is_told_at_load_and_in_every_result(bundle, allowed, caplog, capsys, tmp_path):
    set_by_hand(bundle, threshold=allowed.highest, pixel_threshold=3.0)
    with caplog.at_level(logging.WARNING), Inspector.load(bundle) as inspector:
        assert inspector.inspect(draw_small(100)).to_dict()["threshold_moved"] is True
    assert "threshold MOVED on this device" in caplog.text
    assert main(["info", str(bundle)]) == 0
    assert capsys.readouterr().out.startswith("THRESHOLD   threshold MOVED on this device")
    assert main(["selftest", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["threshold_moved"] is True
    assert main(["verify", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["threshold_moved"] is True
    assert main(["verify", str(bundle)]) == 0
    assert "threshold MOVED on this device" in capsys.readouterr().out


def test_a_program_that_moves_the_threshold_says_so_too(bundle):
    with Inspector.load(bundle) as inspector:
        inspector.threshold += 1.0
        assert inspector.inspect(draw_small(100)).threshold_moved


def test_a_store_lists_a_moved_threshold(bundle, allowed, tmp_path, capsys):
    store = Store(tmp_path / "store")
    digest = store.activate(store.add(bundle).digest).digest
    set_by_hand(store.path(digest), threshold=allowed.lowest, pixel_threshold=3.0)
    assert store.bundles()[0].threshold == allowed.lowest
    assert main(["store", "list", str(store.folder)]) == 0
    assert f"threshold MOVED on this device: {allowed.lowest:.3f} sigmas" in capsys.readouterr().out


@pytest.mark.parametrize("ends", [(2.0, 1.0), (math.nan, 1.0), (0.0, math.nan), (-math.inf, 1.0), (0.0, math.inf)])
def test_impossible_ranges_are_refused(ends):
    with pytest.raises(UsageError, match="threshold_range: expected finite numbers in order"):
        ThresholdRange(lowest=ends[0], highest=ends[1])


@pytest.mark.parametrize("key", ["threshold_range", "checks"])
def test_a_format_2_bundle_of_an_older_goodpart_is_to_be_built_again(bundle, key):
    change_json(bundle / "manifest.json", lambda facts: facts.pop(key))
    expected = f"{key}: expected one in format version 2, found none; an older goodpart made this bundle"
    with pytest.raises(ManifestError, match=expected):
        read_bundle(bundle)


def test_a_range_that_leaves_out_the_bundles_own_threshold_is_refused(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts["threshold_range"].update(lowest=900.0, highest=901.0))
    with pytest.raises(ContractError, match=r"expected a threshold of 900 to 901 sigmas as in manifest\.json"):
        read_bundle(bundle)
