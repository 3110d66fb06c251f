"""`goodpart tune`: what it finds is kept beside the bundle, next to the threshold, and used at the next load."""

import dataclasses
import json

import pytest

from goodpart._host.machine import usable_cores
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import change_device, device_path, read_device
from goodpart.cli.main import main
from goodpart.cli.tune import Timing, choose
from goodpart.inspector import Inspector


def timing(threads, p50_ms, *, spinning=False):
    return Timing(threads=threads, spinning=spinning, p50_ms=p50_ms, p95_ms=2 * p50_ms, cpu_ms=threads * p50_ms)


def tuned(bundle, *, spinning):
    return change_device(
        read_bundle(bundle), lambda settings: dataclasses.replace(settings, threads=3, spinning=spinning)
    )


def test_what_it_finds_is_written_and_used(bundle, capsys):
    assert main(["tune", str(bundle), "--frames", "3", "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["device_file"] == str(device_path(bundle))
    ways = [(one["threads"], one["spinning"]) for one in found["timings"]]
    assert ways[0] == (1, False)
    assert ways == sorted(set(ways))
    assert ways[-1][0] == usable_cores()
    assert all(0 < one["p50_ms"] <= one["p95_ms"] for one in found["timings"])
    assert found["best"] in found["timings"]
    assert "s to go" in captured.err
    kept = read_device(read_bundle(bundle))
    assert (kept.threads, kept.spinning) == (found["best"]["threads"], found["best"]["spinning"])
    assert Inspector.load(bundle).backbone.threads == kept.threads


def test_a_table_for_people(bundle, capsys):
    assert main(["tune", str(bundle), "--frames", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("<- written" in line for line in lines) == 1
    assert str(device_path(bundle)) in lines[-1]


def test_given_threads_win(bundle):
    tuned(bundle, spinning=True)
    assert Inspector.load(bundle).backbone.threads == 3
    assert Inspector.load(bundle, threads=1).backbone.threads == 1


def test_threshold_and_tuning_do_not_touch_each_other(bundle, capsys):
    tuned(bundle, spinning=True)
    assert main(["threshold", str(bundle), "--value", "5"]) == 0
    kept = read_device(read_bundle(bundle))
    assert (kept.threshold, kept.threads, kept.spinning) == (5.0, 3, True)
    assert main(["info", str(bundle)]) == 0
    assert "threshold 5.000 sigmas instead of the bundle's, tuned to 3 threads, spinning" in capsys.readouterr().out
    assert main(["threshold", str(bundle), "--reset"]) == 0
    kept = read_device(read_bundle(bundle))
    assert (kept.threshold, kept.pixel_threshold, kept.threads) == (None, None, 3)
    assert Inspector.load(bundle).threshold == read_bundle(bundle).calibration.threshold
    capsys.readouterr()
    assert main(["threshold", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["device_file"] is None
    assert main(["tune", str(bundle), "--reset"]) == 0
    assert not device_path(bundle).exists()


def test_tuning_for_another_bundle_is_not_kept(bundle):
    path = device_path(bundle)
    tuned(bundle, spinning=False)
    path.write_text(path.read_text().replace(read_bundle(bundle).digest, "0" * 64))
    assert main(["threshold", str(bundle), "--value", "5"]) == 0
    assert read_device(read_bundle(bundle)).threads is None


@pytest.mark.parametrize(
    ("timings", "best"),
    [
        ([timing(1, 10.0), timing(2, 6.0), timing(2, 5.9, spinning=True)], 1),
        ([timing(1, 10.0), timing(2, 6.0), timing(2, 5.0, spinning=True)], 2),
        ([timing(1, 10.0), timing(2, 9.8)], 0),
        ([timing(1, 10.0), timing(2, 9.8), timing(4, 9.3)], 2),
    ],
)
def test_more_of_the_machine_must_be_worth_it(timings, best):
    assert choose(timings) is timings[best]


def test_no_frames(bundle, capsys):
    assert main(["tune", str(bundle), "--frames", "0"]) == 2
    assert "--frames: expected at least 1, found 0" in capsys.readouterr().err


@pytest.fixture
def unwritable(bundle, request):
    """A bundle whose device file cannot be written: its name leaves no room for it, or a folder lies there."""
    if request.param == "long name":
        return bundle.rename(bundle.with_name("w" * 250))
    (bundle.with_name(bundle.name + ".device.json") / "mine").mkdir(parents=True)
    return bundle


@pytest.mark.parametrize("unwritable", ["long name", "a folder lies there"], indirect=True)
def test_the_device_file_is_tried_before_anything_is_measured(unwritable, capsys):
    assert main(["tune", str(unwritable), "--frames", "10"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1, "no round was measured"
    assert f"{device_path(unwritable)}: expected a " in printed.err
