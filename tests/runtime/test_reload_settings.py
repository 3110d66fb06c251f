"""A changed device file takes effect without loading the bundle again: in one step, or not at all."""

import dataclasses
import logging
import threading

import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import DeviceSettings, device_path, write_device
from goodpart.bundle.in_force import InForce
from goodpart.errors import DeviceFileError, UsageError
from goodpart.inspector import Inspector
from goodpart.scoring import scores
from goodpart.scoring.inspection import Verdict
from goodpart.store.live import LiveInspector
from small_frames import draw_small


@pytest.fixture
def live(store):
    with LiveInspector(store, threads=1) as running:
        yield running


def set_thresholds(live, threshold):
    bundle = live.inspector.bundle
    settings = DeviceSettings(bundle=bundle.digest, threshold=threshold, pixel_threshold=threshold + 1)
    return write_device(bundle, settings)


def test_a_new_threshold_holds_from_the_next_frame_and_nothing_is_loaded(live, caplog):
    before = live.inspector
    own, backbone, bank = before.threshold, before.backbone, before.bank
    old = live.inspect(draw_small(100))
    assert old.verdict is Verdict.GOOD
    set_thresholds(live, old.score - 1)
    assert live.inspect(draw_small(100)).verdict is Verdict.GOOD  # not before it is asked for
    with caplog.at_level(logging.WARNING):
        assert live.reload_settings() is True
    assert "threshold MOVED" in caplog.text
    new = live.inspect(draw_small(100))
    assert (new.verdict, new.threshold, new.pixel_threshold) == (Verdict.DEFECT, old.score - 1, old.score - 1 + 1)
    assert new.threshold_moved
    assert new.score == old.score
    assert live.inspector is before
    assert (live.inspector.backbone, live.inspector.bank) == (backbone, bank)
    assert live.reload_settings() is False  # nothing new
    device_path(live.inspector.bundle.folder).unlink()
    assert live.reload_settings() is True
    assert live.inspector.threshold == own


@pytest.mark.parametrize("text", ["{", '{"bundle": "other"}', ""])
def test_a_bad_device_file_leaves_the_settings(live, text):
    path = set_thresholds(live, 5.0)
    live.reload_settings()
    path.write_text(text)
    with pytest.raises(DeviceFileError, match=r"device\.json"):
        live.reload_settings()
    assert (live.inspector.threshold, live.inspector.pixel_threshold) == (5.0, 6.0)
    assert live.inspect(draw_small(100)).threshold == 5.0


def test_settings_of_another_bundle_are_refused(live, newer):
    path = set_thresholds(live, 5.0)
    text = path.read_text().replace(live.inspector.bundle.digest, read_bundle(newer).digest)
    path.write_text(text)
    own = live.inspector.in_force
    with pytest.raises(DeviceFileError, match="expected settings for bundle"):
        live.reload_settings()
    assert live.inspector.in_force == own


def test_a_frame_is_judged_by_the_settings_of_the_moment_it_came(older, monkeypatch):
    """The settings change in the middle of a frame: its thresholds are all old ones, the next frame's all new ones."""
    with Inspector.load(older, threads=1) as inspector:
        own = inspector.in_force
        new = InForce(threshold=-1e3, pixel_threshold=-1e3, checks=None)
        real = scores.finite_scores

        def changed_meanwhile(sums, calibration):
            inspector.in_force = new
            return real(sums, calibration)

        monkeypatch.setattr("goodpart.inspector.finite_scores", changed_meanwhile)
        found = [inspector.inspect(draw_small(100)) for _ in range(2)]
    assert [(each.threshold, each.pixel_threshold) for each in found] == [
        (own.threshold, own.pixel_threshold),
        (-1e3, -1e3),
    ]
    assert [each.verdict for each in found] == [Verdict.GOOD, Verdict.DEFECT]
    assert [each.threshold_moved for each in found] == [False, True]
    assert [len(each.regions) > 0 for each in found] == [False, True]


def test_threads_meet_no_mixture(live):
    score = live.inspect(draw_small(100)).score
    done, pairs = threading.Event(), []

    def judge() -> None:
        while not done.is_set():
            found = live.inspect(draw_small(100))
            pairs.append((found.threshold, found.pixel_threshold))

    judging = threading.Thread(target=judge)
    own = live.inspector.threshold, live.inspector.pixel_threshold
    judging.start()
    try:
        for step in range(20):
            set_thresholds(live, score + step)
            live.reload_settings()
    finally:
        done.set()
        judging.join()
    assert set(pairs) <= {own, *((score + step, score + step + 1) for step in range(20))}


def test_each_setting_can_be_set_alone(older):
    with Inspector.load(older, threads=1) as inspector:
        before = inspector.in_force
        inspector.threshold = 3.5
        assert inspector.in_force == dataclasses.replace(before, threshold=3.5)
        inspector.checks = None
        assert (inspector.threshold, inspector.checks) == (3.5, None)
        assert inspector.pixel_threshold == before.pixel_threshold


def test_a_closed_one_is_refused(store):
    live = LiveInspector(store, threads=1)
    live.close()
    with pytest.raises(UsageError, match="closed"):
        live.reload_settings()
