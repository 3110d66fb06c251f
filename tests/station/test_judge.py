"""The judge: every frame gets a judgement, and what is no verdict says why."""

import time

import numpy as np
import pytest

from goodpart import InferenceError, Inspector, LiveInspector, UsageError
from goodpart_station.codes import PartVerdict, Reason
from goodpart_station.judge import Judge
from goodpart_station.part import Frame
from goodpart_station.sources.image_files import unreadable
from small_frames import draw_defect, draw_small
from station_parts import BUNDLE, part_of, small_store


class Loaded:
    """Products that are loaded, or not."""

    def __init__(self, live):
        self.live = {1: live}

    def get(self, number):
        return self.live.get(number)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with LiveInspector(small_store(tmp_path_factory.mktemp("judge") / "store"), threads=1) as live:
        yield live


@pytest.fixture
def products(live):
    return Loaded(live)


@pytest.fixture
def judge(products):
    return Judge(products, repeats=False)


def frame_of(pixels, **facts):
    return Frame(pixels=pixels, at_ns=time.monotonic_ns(), **facts)


def test_good_and_defect_are_those_of_inspect(judge):
    alone = Inspector.load(BUNDLE, threads=1)
    for seed, pixels in enumerate((draw_small(100), draw_defect(101))):
        found = judge.look(part_of(seed + 1), frame_of(pixels))
        assert found.inspection.score == alone.inspect(pixels).score
        assert found.verdict is (PartVerdict.GOOD, PartVerdict.DEFECT)[seed]
        assert (found.reason, found.detail, found.product) == (Reason.NONE, None, 1)
        assert (found.bundle, found.serial) == (alone.bundle.digest, alone.bundle.manifest.serial)
        assert set(found.ms) == {"grab", "queue", "embed", "search", "score"}


def test_a_frame_that_says_nothing_is_unknown_with_its_reason(judge, monkeypatch):
    black = judge.look(part_of(1), frame_of(np.zeros((24, 18, 3), np.uint8)))
    assert (black.verdict, black.reason) == (PartVerdict.UNKNOWN, Reason.NO_SIGNAL)
    judge.look(part_of(2), frame_of(draw_small(100)))
    again = judge.look(part_of(3), frame_of(draw_small(100)))
    assert (again.verdict, again.reason) == (PartVerdict.UNKNOWN, Reason.FROZEN_CAMERA)
    assert "repeats" in again.detail
    torn = judge.look(part_of(4), frame_of(draw_small(101), complete=False))
    assert (torn.verdict, torn.reason) == (PartVerdict.UNKNOWN, Reason.UNFIT_FRAME)
    monkeypatch.setattr("goodpart.inspector.look_at", lambda *_: ("brighter than any good part: lamp?", {}))
    bright = judge.look(part_of(5), frame_of(draw_small(102)))
    assert (bright.verdict, bright.reason) == (PartVerdict.UNKNOWN, Reason.UNFIT_FRAME)


def test_a_camera_that_freezes_at_the_change_of_product_is_noticed(judge, products, live):
    products.live[2] = live
    judge.look(part_of(1, product=1), frame_of(draw_small(100)))
    assert judge.look(part_of(2, product=2), frame_of(draw_small(100))).reason is Reason.FROZEN_CAMERA


def test_a_replay_may_repeat(products):
    judge = Judge(products, repeats=True)
    found = [judge.look(part_of(seq), frame_of(draw_small(100))) for seq in (1, 2)]
    assert [one.verdict for one in found] == [PartVerdict.GOOD] * 2


def test_a_frame_of_another_kind_is_refused(judge):
    for pixels in (draw_small(1).astype(np.float32), draw_small(1)[:, :, 0]):
        found = judge.look(part_of(1), frame_of(pixels))
        assert (found.verdict, found.reason, found.inspection) == (PartVerdict.REFUSED, Reason.FRAME_REFUSED, None)
        assert "expected" in found.detail
    damaged = judge.look(part_of(2), unreadable("a.png", "a.png: damaged"))
    assert (damaged.verdict, damaged.reason, damaged.detail) == (
        PartVerdict.REFUSED,
        Reason.FRAME_REFUSED,
        "a.png: damaged",
    )


@pytest.mark.parametrize(
    "error", [InferenceError("backbone: found NaN"), MemoryError(), UsageError("inspector: found a closed one")]
)
def test_what_a_library_cannot_do_is_refused_and_the_next_frame_is_judged(judge, monkeypatch, error):
    def fail(self, frame, seen):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Inspector, "_inspect", fail)
        found = judge.look(part_of(1), frame_of(draw_small(100)))
    assert (found.verdict, found.reason) == (PartVerdict.REFUSED, Reason.INFERENCE_ERROR)
    assert found.detail
    assert judge.look(part_of(2), frame_of(draw_small(101))).verdict is PartVerdict.GOOD


def test_only_the_bundle_of_the_parts_product_judges(judge):
    found = judge.look(part_of(1, product=2), frame_of(draw_small(100)))
    assert (found.verdict, found.reason, found.product) == (PartVerdict.REFUSED, Reason.PRODUCT_NOT_READY, 0)


def test_it_draws_no_map_and_finds_no_boxes(judge, monkeypatch):
    """Both are computed where somebody asks for them."""

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("goodpart.scoring.inspection.find_regions", refuse)
    monkeypatch.setattr("goodpart.scoring.inspection.counted_map", refuse)
    assert judge.look(part_of(1), frame_of(draw_defect(100))).verdict is PartVerdict.DEFECT
