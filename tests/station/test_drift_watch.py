"""Drift at the station: an alarm, what ends it, what is remembered, and what is learned anew."""

import dataclasses
import json
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from goodpart.cli.main import main as goodpart
from goodpart.drift import Drift, DriftPhase
from goodpart_station.codes import Reason
from goodpart_station.message import Messages
from goodpart_station.sinks.drift_watch import SAVE_EVERY_S, DriftWatch
from goodpart_station.sinks.settings import DriftSettings
from small_answers import BUNDLE, answer, inspection
from small_broker import await_that

SETTINGS = DriftSettings(block=1, false_alarm_every=1000)
LEARNED = 150
SIMULATED = "bracket.simulated.json"
OTHER_BUNDLE = "cd" * 32


def scores(count, *, mean=1.0, seed=0):
    return np.random.default_rng(seed).normal(mean, 0.3, count).tolist()


def watch(folder, **options):
    """A watch whose results are taken by the test itself, one after the other."""
    return DriftWatch(options.pop("settings", SETTINGS), folder, **options)


def feed(made, values, **facts):
    for seq, score in enumerate(values, start=1):
        made._take(answer(seq, score, **facts))


def learned(folder, **options):
    made = watch(folder, **options)
    feed(made, scores(LEARNED))
    assert made.state.phase is DriftPhase.WATCHING
    return made


def drifted(folder, **options):
    made = learned(folder, **options)
    feed(made, scores(200, mean=2.5, seed=1))
    assert made.is_alarm
    return made


def test_nothing_is_known_before_the_first_frame(tmp_path):
    made = watch(tmp_path)
    assert made.state is None and made.product is None and not made.is_alarm


def test_a_change_gives_an_alarm_that_stays_until_somebody_ends_it(tmp_path, caplog):
    made = drifted(tmp_path)
    assert made.state.phase is DriftPhase.ALARM
    assert made.product == "bracket"
    assert "drift of bracket: scores higher since frame" in caplog.text
    feed(made, scores(50))
    assert made.is_alarm
    made.acknowledge()
    assert not made.is_alarm and made.state.phase is DriftPhase.WATCHING


def test_an_alarm_that_was_ended_comes_again_if_the_change_stays(tmp_path):
    made = drifted(tmp_path)
    made.acknowledge()
    feed(made, scores(200, mean=2.5, seed=2))
    assert made.is_alarm


def test_a_new_reference_learns_anew_and_is_written_at_once_by_the_thread(tmp_path):
    made = drifted(tmp_path, now_s=lambda: 0.0)
    made.new_reference()
    assert list(tmp_path.iterdir()) == []
    made._save_in_time()
    assert made.state.phase is DriftPhase.LEARNING and not made.is_alarm
    assert Drift.load(tmp_path / "bracket.json", bundle=BUNDLE).state == made.state


def test_commands_before_the_first_frame_do_nothing(tmp_path):
    made = watch(tmp_path)
    made.acknowledge()
    made.new_reference()
    assert made.state is None and list(tmp_path.iterdir()) == []


def test_it_goes_on_after_a_restart_where_it_was(tmp_path):
    made = learned(tmp_path)
    made.close()
    again = watch(tmp_path)
    feed(made, scores(30, seed=3))
    feed(again, scores(30, seed=3))
    assert again.state == made.state


def test_an_alarm_is_there_again_after_a_restart(tmp_path):
    drifted(tmp_path).close()
    again = watch(tmp_path)
    feed(again, [1.0])
    assert again.is_alarm


def test_it_is_written_each_minute(tmp_path):
    clock = [0.0]
    made = watch(tmp_path, now_s=lambda: clock[0])
    feed(made, [1.0])
    made._save_in_time()
    assert list(tmp_path.iterdir()) == []
    clock[0] = SAVE_EVERY_S
    made._save_in_time()
    assert [path.name for path in tmp_path.iterdir()] == ["bracket.json"]


def test_another_bundle_learns_anew(tmp_path):
    made = drifted(tmp_path)
    feed(made, [1.0], bundle=OTHER_BUNDLE)
    assert made.state.frames == 1 and not made.is_alarm
    made.close()
    assert Drift.load(tmp_path / "bracket.json", bundle=OTHER_BUNDLE).state.frames == 1


def test_another_bundle_after_a_restart_learns_anew(tmp_path, caplog):
    learned(tmp_path).close()
    again = watch(tmp_path)
    feed(again, [1.0], bundle=OTHER_BUNDLE)
    assert again.state.frames == 1
    assert "drift learns anew" in caplog.text


def test_another_threshold_learns_the_share_of_rejects_anew(tmp_path):
    made = learned(tmp_path)
    before = json.loads(made._drifts["bracket"][1].to_json())["detectors"]
    moved = dataclasses.replace(answer(1), inspection=inspection(1.0, threshold=4.0))
    made._take(moved)
    after = json.loads(made._drifts["bracket"][1].to_json())["detectors"]
    assert after["rejects"] != before["rejects"]
    assert made.state.phase is DriftPhase.WATCHING


def test_other_settings_learn_anew(tmp_path, caplog):
    learned(tmp_path).close()
    again = watch(tmp_path, settings=DriftSettings(block=2, false_alarm_every=1000))
    feed(again, [1.0])
    assert again.state.frames == 1
    assert "other settings" in caplog.text


def test_a_damaged_file_learns_anew(tmp_path, caplog):
    (tmp_path / "bracket.json").write_text("{")
    made = watch(tmp_path)
    feed(made, [1.0])
    made.close()
    assert "drift learns anew" in caplog.text
    assert Drift.load(tmp_path / "bracket.json", bundle=BUNDLE).state.frames == 1


def test_each_product_has_its_own_drift(tmp_path):
    made = drifted(tmp_path)
    feed(made, [1.0], product="a/b")
    assert made.product == "a/b" and not made.is_alarm
    feed(made, [1.0])
    assert made.is_alarm
    made.close()
    assert {path.name for path in tmp_path.iterdir()} == {"bracket.json", "a%2Fb.json"}


def test_a_replay_leaves_the_reference_of_the_camera_alone(tmp_path):
    made = learned(tmp_path)
    before = made.state
    feed(made, [9.0], simulated=True)
    assert made.state.frames == 1 and made.product == "bracket"
    feed(made, [])
    made.close()
    assert Drift.load(tmp_path / "bracket.json", bundle=BUNDLE).state == before
    assert (tmp_path / SIMULATED).exists()


@pytest.mark.parametrize(
    ("reason", "counts"),
    [
        (Reason.FRAME_REFUSED, True),
        (Reason.UNFIT_FRAME, True),
        (Reason.NO_SIGNAL, True),
        (Reason.FROZEN_CAMERA, True),
        (Reason.OVERRUN, False),
        (Reason.NOT_READY, False),
        (Reason.PRODUCT_NOT_READY, False),
        (Reason.OUT_OF_STEP, False),
        (Reason.PLC_LOST, False),
        (Reason.DEADLINE, False),
        (Reason.INFERENCE_ERROR, False),
    ],
)
def test_only_refusals_of_frames_count(tmp_path, reason, counts):
    made = watch(tmp_path)
    feed(made, [1.0])
    made._take(answer(2, None, reason=reason, detail="why"))
    assert made.state.frames == 1 + counts
    assert made.state.unfit == counts


def test_a_part_without_bundle_before_the_first_frame_is_passed_over(tmp_path):
    made = watch(tmp_path)
    made._take(answer(1, None, reason=Reason.FRAME_REFUSED, bundle=""))
    assert made.state is None


def test_a_disk_that_takes_nothing_is_told_once_and_tried_again(tmp_path, caplog):
    folder = tmp_path / "drift"
    folder.write_text("a file where the folder should be")
    made = watch(folder)
    feed(made, [1.0])
    made._save()
    made._save()
    assert caplog.text.count("drift is not saved") == 1
    folder.unlink()
    made._save()
    assert (folder / "bracket.json").exists()


def test_the_thread_takes_what_is_put(tmp_path):
    made = watch(tmp_path)
    made.start()
    for seq in range(1, 11):
        made.put(answer(seq))
    await_that(lambda: made.state is not None and made.state.frames == 10)
    made.close()
    assert (tmp_path / "bracket.json").exists()


_CHILD = """
import itertools, sys
from pathlib import Path
from goodpart_station.sinks.drift_watch import DriftWatch
from goodpart_station.sinks.settings import DriftSettings
from small_answers import answer

settings = DriftSettings(block=1, false_alarm_every=1000)
made = DriftWatch(settings, Path(sys.argv[1]), now_s=itertools.count(step=60).__next__)
for seq in itertools.count(1):
    made._take(answer(seq))
    made._save_in_time()
    print(made.state.frames, flush=True)
"""


def test_a_kill_leaves_the_file_of_the_last_minute(tmp_path):
    frames, pick = 0, random.Random(0)
    for _ in range(2):
        command = [sys.executable, "-c", _CHILD, tmp_path]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": ":".join(sys.path)}
        ) as child:
            said = [int(child.stdout.readline()) for _ in range(pick.randrange(1, 60))]
            child.send_signal(signal.SIGKILL)
        # it went on where the last one was
        assert said[0] > frames
        found = Drift.load(tmp_path / "bracket.json", bundle=BUNDLE).state.frames
        assert found >= said[-1] - 1
        frames = found


def test_the_log_of_a_station_is_read_as_its_own_drift_reads_it(tmp_path, capsys):
    made, log = watch(tmp_path / "drift"), tmp_path / "results.jsonl"
    parts = [answer(1, 1.0), *(answer(2 + index, None, reason=reason) for index, reason in enumerate(Reason) if index)]
    for part in parts:
        made._take(part)
    messages = Messages("line1", "6f0c5d2b9a71e384", None)
    log.write_bytes(b"".join(messages.line(part) + b"\n" for part in parts))
    state = tmp_path / "state.json"
    assert goodpart(["drift", str(log), "--block", "1", "--false-alarm-every", "6250", "--state", str(state)]) == 0
    assert "5 frames, of which 4 UNKNOWN or REFUSED" in capsys.readouterr().out
    assert made.state.frames == Drift.load(state).state.frames == 5
