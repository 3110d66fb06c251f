"""Drift: what it says of drawn statistics; its file; its settings. Frames are numbers here, so that all is fast."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.drift import Drift, DriftPhase
from goodpart.errors import UsageError
from goodpart.scoring.stats import STATS
from goodpart.watch.observed import Observed, of_refused

DIGEST, OTHER = "a" * 64, "b" * 64
LEARNED = 150


def judged(values, *, outcome="GOOD", threshold=3.0, moved=False):
    stats = dict(zip(STATS, map(float, values), strict=True))
    return Observed(outcome=outcome, stats=stats, threshold=threshold, checks_moved=moved)


def unknown(reason="dark", *, moved=False):
    return Observed(outcome="UNKNOWN", stats={}, reason=reason, threshold=3.0, checks_moved=moved)


def drawn(seed, frames, shift=None):
    """Frames of independent normal statistics; `shift` maps the name of a statistic to a number."""
    values = np.random.default_rng(seed).normal(size=(frames, len(STATS)))
    for name, amount in (shift or {}).items():
        values[:, STATS.index(name)] += amount
    return [judged(row) for row in values]


def feed(drift, frames):
    """The alarms of these frames."""
    return [alarm for alarm in map(drift.observe, frames) if alarm is not None]


def watching(seed=0, **options):
    """A drift of blocks of one frame that has just learned its reference."""
    drift = Drift(bundle=DIGEST, block=1, false_alarm_every=6250, **options)  # as blocks of 16 in 100,000
    assert feed(drift, drawn(seed, LEARNED)) == []
    assert drift.state.phase is DriftPhase.WATCHING
    return drift


def test_it_learns_150_blocks_and_says_so():
    drift = Drift(block=4)
    feed(drift, drawn(0, 4 * LEARNED - 1))
    state = drift.state
    assert (state.phase, state.blocks, state.block, state.frames) == (DriftPhase.LEARNING, LEARNED - 1, 4, 599)
    assert drift.reference is None
    feed(drift, drawn(1, 1))
    assert (drift.state.phase, drift.state.blocks) == (DriftPhase.WATCHING, 0)
    assert drift.state.watched == STATS


@pytest.mark.parametrize("name", STATS)
@pytest.mark.parametrize(("amount", "direction"), [(4.0, "higher"), (-4.0, "lower")])
def test_a_change_is_found_named_and_dated(name, amount, direction):
    drift = watching()
    feed(drift, drawn(1, 200))
    (alarm,) = feed(drift, drawn(2, 60, {name: amount}))
    assert (alarm.statistic, alarm.direction) == (name, direction)
    assert alarm.frame - LEARNED - 200 <= 25
    assert abs(alarm.since - LEARNED - 201) <= 8
    state = drift.state
    assert (state.phase, state.statistic, state.direction, state.since) == (
        DriftPhase.ALARM, name, direction, alarm.since,
    )  # fmt: skip
    assert state.evidence >= 1
    assert f"since frame {alarm.since:,}" in alarm.words


def test_an_alarm_stays_until_acknowledged_and_comes_again_if_the_change_stays():
    drift = watching()
    (first,) = feed(drift, drawn(2, 60, {"grey": -4}))
    assert feed(drift, drawn(3, 2000)) == []  # all is as before, and the alarm is still there
    assert drift.state.alarms == (first,)
    drift.acknowledge()
    assert drift.state.phase is DriftPhase.WATCHING
    assert drift.state.evidence < 0.05
    assert feed(drift, drawn(4, 300)) == []
    (second,) = feed(drift, drawn(5, 60, {"grey": -4}))
    assert second.since > 2400


def test_a_new_reference_makes_the_change_normal():
    drift = watching()
    feed(drift, drawn(2, 60, {"grey": -4}))
    drift.new_reference()
    assert drift.state.phase is DriftPhase.LEARNING
    assert feed(drift, drawn(3, 1000, {"grey": -4})) == []
    assert feed(drift, drawn(4, 60))[0].direction == "higher"


def test_more_rejects_are_an_alarm_of_their_own_and_fewer_are_none():
    drift = watching()
    frames = [dataclasses.replace(frame, outcome="DEFECT") for frame in drawn(3, 40)]
    (alarm,) = feed(drift, frames)
    assert (alarm.statistic, alarm.direction) == ("rejects", "higher")
    assert "more rejects since frame 151" in alarm.words
    always = Drift(block=1)
    feed(always, [dataclasses.replace(frame, outcome="DEFECT") for frame in drawn(0, LEARNED)])
    assert feed(always, drawn(1, 500)) == []


@pytest.mark.parametrize("frame", [unknown("too dark"), of_refused("wrong size")])
def test_unfit_frames_tell_no_statistics_and_their_rise_is_an_alarm(frame):
    drift = watching()
    before = drift.state
    (alarm,) = feed(drift, [frame] * 40)
    assert (alarm.statistic, alarm.direction, alarm.since) == ("unfit", "higher", LEARNED + 1)
    assert alarm.words.endswith(f"the last one: {frame.reason}")
    state = drift.state
    assert (state.unfit, state.frames, state.blocks) == (40, LEARNED + 40, before.blocks)
    assert any("tell no statistics" in remark for remark in _after(drift, [frame] * 300).remarks)


def _after(drift, frames):
    feed(drift, frames)
    return drift.state


def test_defects_stay_in_the_statistics():
    drift = watching()
    frames = [dataclasses.replace(frame, outcome="DEFECT") for frame in drawn(3, 60, {"score": 9})]
    assert {alarm.statistic for alarm in feed(drift, frames)} == {"score", "rejects"}


def test_a_new_threshold_resets_the_rejects_alone():
    drift = watching()
    feed(drift, drawn(1, 100))
    kept = drift.state.blocks
    frames = [judged([0] * 6, outcome="DEFECT", threshold=2.0)] * 1
    feed(drift, frames)
    assert drift.state.blocks == kept + 1
    plain = json.loads(drift.to_json())
    assert len(plain["detectors"]["rejects"]["reference"][0]) == 1
    assert len(plain["detectors"]["unfit"]["reference"][0]) == LEARNED
    feed(drift, [judged([0] * 6, threshold=2.00004)])  # as a log rounds it
    assert len(json.loads(drift.to_json())["detectors"]["rejects"]["reference"][0]) == 2


def test_other_frame_checks_reset_the_unfit_alone():
    drift = watching()
    feed(drift, [judged([0] * 6, moved=True)])
    plain = json.loads(drift.to_json())["detectors"]
    assert [len(plain[name]["reference"][0]) for name in ("statistics", "rejects", "unfit")] == [LEARNED, LEARNED, 1]


def test_runs_of_alike_parts_double_the_block_and_it_says_so():
    rng = np.random.default_rng(0)
    frames = [judged(row) for row in np.repeat(rng.normal(size=(1000, len(STATS))), 3, axis=0)]
    drift = Drift(block=1)
    assert feed(drift, frames) == []
    assert drift.state.block in (4, 8)
    assert any("neighbouring blocks were alike" in remark for remark in drift.state.remarks)


def test_what_never_stops_swinging_is_told():
    waves = np.sin(np.arange(8 * 2 * LEARNED) / 400.0)
    drift = Drift(block=1)
    feed(drift, [judged([wave] * len(STATS)) for wave in waves])
    assert drift.state.block == 8
    assert any("still alike" in remark for remark in drift.state.remarks)


def test_frames_without_pictures_are_watched_by_scores_alone():
    drift = Drift(block=1)
    short = [dataclasses.replace(frame, stats={"score": 1.0, "grid": 0.5}) for frame in drawn(0, 10)]
    feed(drift, short)
    assert drift.state.watched == ("score", "grid")
    assert any("score, grid alone" in remark for remark in drift.state.remarks)
    full = Drift(block=1)
    feed(full, [*drawn(0, 5), *short])
    assert full.state.unmeasured == 10
    assert full.state.blocks == 5


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 700), st.integers(1, 4), st.data())
def test_a_file_has_the_same_future(seed, cut, block, data):
    rng = np.random.default_rng(seed)
    frames = []
    for row in np.round(rng.normal(size=(900, len(STATS))), data.draw(st.integers(0, 3))):
        outcome = rng.choice(["GOOD", "DEFECT", "UNKNOWN"], p=[0.8, 0.15, 0.05])
        frames.append(unknown() if outcome == "UNKNOWN" else judged(row, outcome=str(outcome)))
    one = Drift(bundle=DIGEST, block=block, seed=7, false_alarm_every=1000)
    feed(one, frames[:cut])
    other = Drift.from_json(one.to_json(), bundle=DIGEST)
    assert other.state == one.state
    assert feed(one, frames[cut:]) == feed(other, frames[cut:])
    assert one.to_json() == other.to_json()


def test_equal_values_get_seeded_ranks():
    def evidence(seed):
        drift = Drift(block=1, seed=seed)
        feed(drift, [judged([number % 2] * 6) for number in range(LEARNED + 300)])
        return drift.state.evidence

    assert evidence(1) == evidence(1) != evidence(2)


def test_evidence_is_capped_and_stays_finite():
    drift = watching()
    feed(drift, drawn(2, 5000, dict.fromkeys(STATS, 50)))
    state = drift.state
    assert 1 <= state.evidence <= 1e12
    assert Drift.from_json(drift.to_json(), bundle=DIGEST).state == state


def test_a_reference_skips_the_learning():
    learned = watching().reference
    drift = Drift(learned, bundle=DIGEST, block=1)
    assert drift.state.phase is DriftPhase.WATCHING
    assert feed(drift, drawn(2, 60, {"grey": -4}))[0].since <= 3
    with pytest.raises(UsageError, match="reference of bundle"):
        Drift(learned, bundle=OTHER)


def test_a_file_is_written_whole_and_read(tmp_path):
    drift, path = watching(), tmp_path / "bar.drift.json"
    drift.save(path)
    assert Drift.load(path, bundle=DIGEST).state == drift.state
    assert [each.name for each in tmp_path.iterdir()] == ["bar.drift.json"]
    with pytest.raises(UsageError, match=f"expected the drift of bundle {OTHER}, found that of {DIGEST}"):
        Drift.load(path, bundle=OTHER)
    with pytest.raises(UsageError, match="found none"):
        Drift.load(tmp_path / "none.json")


BREAK = [
    lambda plain: plain.update(version=2),
    lambda plain: plain.update(block=0),
    lambda plain: plain.update(false_alarm_every=5),
    lambda plain: plain.update(frames=-1),
    lambda plain: plain.update(extra=1),
    lambda plain: plain["detectors"].pop("rejects"),
    lambda plain: plain["detectors"].update(other=plain["detectors"]["unfit"]),
    lambda plain: plain["detectors"]["statistics"]["names"].__setitem__(0, "warmth"),
    lambda plain: plain["detectors"]["statistics"]["reference"][0].pop(),
    lambda plain: plain["detectors"]["statistics"]["wealth"].pop(),
    lambda plain: plain["detectors"]["statistics"]["wealth"][0].__setitem__(0, -1.0),
    lambda plain: plain["detectors"]["statistics"].update(count=5),
    lambda plain: plain["detectors"]["statistics"].update(rise_only=True),
    lambda plain: plain["detectors"]["unfit"]["reference"][0].__setitem__(0, 1e39),
    lambda plain: plain["alarms"].update(other={}),
]


@pytest.mark.parametrize("number", range(len(BREAK)))
def test_a_damaged_file_is_refused_in_one_line(number):
    plain = json.loads(watching().to_json())
    BREAK[number](plain)
    with pytest.raises(UsageError, match=r"drift.*move it away, and drift learns anew"):
        Drift.from_json(json.dumps(plain).encode(), bundle=DIGEST)


@pytest.mark.parametrize("options", [{"block": 0}, {"block": 5000}, {"false_alarm_every": 10}, {"bundle": "x"}])
def test_impossible_settings_are_refused(options):
    with pytest.raises(UsageError, match="expected"):
        Drift(**options)
