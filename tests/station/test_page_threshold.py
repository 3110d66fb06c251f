"""The threshold at the page, with a real bundle in a real store."""

import dataclasses

import pytest

from goodpart import LiveInspector, UsageError
from goodpart.bundle.device import device_path
from goodpart.facts.manifest import ThresholdRange
from goodpart_station.codes import PartVerdict
from goodpart_station.page.options import PageTable
from goodpart_station.page.threshold import Limits, limits
from goodpart_station.part import Frame
from goodpart_station.tokens import Role
from page_station import ANY_PORT, Station
from small_answers import answer
from small_frames import draw_defect, draw_small
from station_parts import small_store


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with LiveInspector(small_store(tmp_path_factory.mktemp("stores") / "bar"), threads=1) as made:
        yield made


@pytest.fixture
def station(tmp_path, live):
    with Station(tmp_path, live=live, config=PageTable(listen=ANY_PORT)) as made:
        yield made
    device_path(live.inspector.bundle.folder).unlink(missing_ok=True)
    live.reload_settings()


def judged(live, seq, frame):
    """What the station answers for a frame."""
    found = live.inspect(frame)
    bundle = live.inspector.bundle.digest
    return dataclasses.replace(
        answer(seq), verdict=PartVerdict[found.verdict.value], inspection=found, bundle=bundle,
        frame=Frame(pixels=frame, at_ns=1),
    )  # fmt: skip


def ask(station, path="/threshold"):
    return station.ask(path, role=Role.ENGINEER)[1]


def put(station, value, bundle=None):
    bundle = bundle or ask(station)["bundle"]
    return station.ask("/threshold", role=Role.ENGINEER, post={"value": value, "bundle": bundle})


def test_the_slider_shows_limits_rate_and_what_would_change(station, live):
    calibration = live.inspector.calibration
    station.put(judged(live, 1, draw_small(1)), judged(live, 2, draw_small(2)), judged(live, 3, draw_defect(3)))
    shown = ask(station)
    stated = live.inspector.bundle.manifest.threshold_range
    assert shown["limits"] == [stated.lowest, stated.highest]
    assert shown["threshold"] == shown["own"] == shown["value"] == calibration.threshold
    assert shown["rate"] == pytest.approx(calibration.rate_of(calibration.threshold), rel=1e-5)
    assert shown["changes"] == {"frames": 3, "to_good": 0, "to_defect": 0}
    low = ask(station, f"/threshold?value={stated.lowest}")
    high = ask(station, "/threshold?value=1e6")
    assert low["rate"] >= shown["rate"] >= high["rate"] and high["or_fewer"]
    assert high["changes"] == {"frames": 3, "to_good": 1, "to_defect": 0}
    assert ask(station, "/threshold?value=-1e6")["changes"] == {"frames": 3, "to_good": 0, "to_defect": 2}


def test_the_next_part_is_judged_by_the_new_threshold(station, live):
    own, frame = live.inspector.calibration.threshold, draw_small(5)
    stated = live.inspector.bundle.manifest.threshold_range
    before = live.inspect(frame)
    status, found, _ = put(station, stated.lowest)
    assert (status, found["threshold"]) == (200, stated.lowest)
    after = live.inspect(frame)
    # the score is the same, to the last bit
    assert after.score == before.score
    assert (after.threshold, after.threshold_moved) == (stated.lowest, stated.lowest != own)
    assert after.pixel_threshold == live.inspector.calibration.pixel_threshold
    (note,) = station.ring.frames.audits(count=1)
    assert (note.who, note.before, note.after) == ("engineer", f"{own:.6g}", f"{stated.lowest:.6g}")
    (state,) = station.events(1)
    assert [each["bit"] for each in state["notes"]] == ["THRESHOLD_CHANGED"]
    assert station.page.bits.name == "THRESHOLD_CHANGED"
    assert put(station, None)[1] == {"threshold": own}
    assert station.events(1)[0]["notes"] == []
    assert not device_path(live.inspector.bundle.folder).exists()


@pytest.mark.parametrize("value", [-1e9, 1e9, float("nan"), float("inf")])
def test_beyond_the_signed_limits_nothing_is_written(station, live, value):
    status, found, _ = put(station, value)
    assert status == 409 and "may be set here" in found["error"]
    assert not device_path(live.inspector.bundle.folder).exists()


def test_another_bundle_than_the_one_looked_at_is_refused(station, live):
    status, found, _ = put(station, live.inspector.calibration.threshold, bundle="0" * 64)
    assert status == 409 and "look at its threshold again" in found["error"]


def test_the_file_may_only_narrow(tmp_path, live):
    stated = live.inspector.bundle.manifest.threshold_range
    middle = (stated.lowest + stated.highest) / 2
    config = PageTable(listen=ANY_PORT, threshold_range=(middle, stated.highest + 100))
    with Station(tmp_path, live=live, config=config) as station:
        assert ask(station)["limits"] == [middle, stated.highest]
        assert put(station, stated.lowest)[0] == 409
        assert put(station, middle)[0] == 200
        # back to the bundle's own, which may lie outside of what the file allows
        assert put(station, None)[0] == 200
    device_path(live.inspector.bundle.folder).unlink(missing_ok=True)


def test_without_a_product_there_is_no_threshold(tmp_path):
    with Station(tmp_path) as station:
        status, found, _ = station.ask("/threshold", role=Role.ENGINEER)
        assert status == 409 and "choose a product first" in found["error"]


@pytest.mark.parametrize(
    ("stated", "narrowed", "found"),
    [
        ((2.0, 5.0), None, Limits(2.0, 5.0)),
        ((2.0, 5.0), (3.0, 6.0), Limits(3.0, 5.0)),
        ((2.0, 5.0), (1.0, 4.0), Limits(2.0, 4.0)),
        ((2.0, 5.0), (5.0, 9.0), Limits(5.0, 5.0)),
        ((2.0, 5.0), (6.0, 9.0), None),
        # a bundle of format 1 states none
        (None, (3.0, 6.0), Limits(3.0, 6.0)),
        (None, None, None),
    ],
)
def test_limits(live, stated, narrowed, found):
    bundle = live.inspector.bundle
    allowed = None if stated is None else ThresholdRange(lowest=stated[0], highest=stated[1])
    fake = type("Stating", (), {"manifest": type("Manifest", (), {"threshold_range": allowed})})
    assert limits(fake, narrowed) == found
    assert limits(bundle, None) is not None


def test_a_device_file_that_cannot_be_written_changes_nothing(station, live, monkeypatch):
    def full(*_):
        raise UsageError("expected a disk that takes the file, found a full one")

    monkeypatch.setattr("goodpart_station.page.threshold.change_device", full)
    status, found, _ = put(station, live.inspector.bundle.manifest.threshold_range.lowest)
    assert status == 409 and "full one" in found["error"]
    assert not live.inspector.threshold_moved
