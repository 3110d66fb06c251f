"""Pictures: one thread, one at a time, drawn when somebody asks; and what the newest parts may take of the memory."""

import asyncio
import dataclasses
import threading

import numpy as np
import pytest

from goodpart import Inspection
from goodpart._host.opencv import load_opencv
from goodpart_station.codes import PartVerdict
from goodpart_station.page.live import RECENT, Live
from goodpart_station.page.pictures import MOST_WAITING, SMALL_PX, WHOLE_PX, BusyError, Pictures, draw
from goodpart_station.part import Frame
from goodpart_station.tokens import Role
from page_station import WAIT_S, Station
from small_answers import BOOT, answer, good, refused, reject


def decoded(jpeg):
    """`(H, W, 3) uint8` RGB."""
    cv2 = load_opencv("a test")
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def taken_in(*results, **options):
    live = Live(**options)
    for result in results:
        live.put(result)
        live.take_in()
    return live


def flat(seq, colour, **changes):
    """A part of one colour, 40x60 pixels."""
    picture = np.full((40, 60, 3), colour, np.uint8)
    made = reject(seq, picture=picture, **changes)
    return dataclasses.replace(
        made, inspection=dataclasses.replace(made.inspection, frame_height_px=40, frame_width_px=60)
    )


def test_the_heat_map_is_drawn_when_somebody_asks_and_not_before(tmp_path, monkeypatch):
    drawn = []
    overlay = Inspection.overlay

    def noted(*args, **options):
        drawn.append(threading.current_thread().name)
        return overlay(*args, **options)

    monkeypatch.setattr(Inspection, "overlay", noted)
    with Station(tmp_path) as station:
        station.put(flat(1, 120))
        station.events(1)
        assert drawn == []
        plain = decoded(station.ask("/frame/1.jpg", role=Role.VIEWER)[1])
        assert drawn == []
        heat = decoded(station.ask("/frame/1.jpg?heat=1", role=Role.VIEWER)[1])
        assert drawn == ["page-pictures_0"]
        station.ask("/frame/1.jpg?heat=1", role=Role.VIEWER)
        assert len(drawn) == 1
    assert plain.shape == heat.shape == (40, 60, 3)
    assert abs(plain.astype(int) - 120).max() < 8
    assert abs(heat.astype(int) - 120).max() > 60


def test_at_most_four_wait_for_the_one_in_hand():
    async def ask():
        pictures, go, begun = Pictures(), threading.Event(), threading.Event()

        def first():
            begun.set()
            go.wait(WAIT_S)
            return b"0"

        waiting = [asyncio.ensure_future(pictures.get(0, first))]
        waiting += [asyncio.ensure_future(pictures.get(n, lambda n=n: b"%d" % n)) for n in range(1, MOST_WAITING + 1)]
        await asyncio.get_running_loop().run_in_executor(None, begun.wait)
        # who asks for one of these waits with the others
        waiting.append(asyncio.ensure_future(pictures.get(2, lambda: b"another")))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await pictures.get(99, lambda: b"99")
        go.set()
        found = await asyncio.gather(*waiting)
        assert await pictures.get(99, lambda: b"99") == b"99"
        pictures.close()
        return found

    assert asyncio.run(ask()) == [b"0", b"1", b"2", b"3", b"4", b"2"]


def test_too_many_pictures_are_answered_with_429(tmp_path, monkeypatch):
    async def busy(*_):
        raise BusyError

    with Station(tmp_path) as station:
        monkeypatch.setattr(station.page._app.pictures, "get", busy)
        assert station.ask("/frame/1.jpg", role=Role.VIEWER)[0] == 429


def test_who_goes_away_does_not_stop_the_picture():
    async def ask():
        pictures, go = Pictures(), threading.Event()
        asked = asyncio.ensure_future(pictures.get(1, lambda: (go.wait(WAIT_S), b"done")[1]))
        await asyncio.sleep(0)
        asked.cancel()
        go.set()
        found = await pictures.get(1, lambda: b"again")
        pictures.close()
        return found

    assert asyncio.run(ask()) == b"done"


def test_a_picture_that_fails_is_forgotten():
    async def ask():
        pictures = Pictures()
        with pytest.raises(ValueError, match="broken"):
            await pictures.get(1, lambda: (_ for _ in ()).throw(ValueError("broken")))
        found = await pictures.get(1, lambda: None), await pictures.get(1, lambda: b"whole")
        pictures.close()
        return found

    assert asyncio.run(ask()) == (None, b"whole")


def test_what_was_made_takes_a_bounded_part_of_the_memory():
    async def fill():
        pictures = Pictures()
        for number in range(40):
            await pictures.get(number, lambda: b"x" * (1 << 20))
        found = pictures._made_bytes, len(pictures._made)
        pictures.close()
        return found

    assert asyncio.run(fill()) == (16 << 20, 16)


def test_frames_of_the_newest_parts_take_a_bounded_part_of_the_memory():
    frame_bytes = 40 * 60 * 3
    live = taken_in(*(flat(seq, seq) for seq in range(1, 11)), frames_bytes=4 * frame_bytes)
    assert [each.result.frame is not None for each in live.recent()] == [True] * 4 + [False] * 6
    # the thumbnail stays
    assert decoded(draw(live.find(1), None, heat=False, is_thumb=True)).mean() == pytest.approx(1, abs=2)
    big = taken_in(flat(1, 5), flat(2, 7), frames_bytes=10)
    assert [each.result.frame is not None for each in big.recent()] == [True, False]


def test_the_newest_24_stay():
    live = taken_in(*(good(seq) for seq in range(1, 100)))
    assert [each.result.part.seq for each in live.recent()] == list(range(99, 99 - RECENT, -1))
    assert live.find(75) is None and live.find(76) is not None
    assert live.counts()[PartVerdict.GOOD] == 99


def test_the_judge_never_waits_for_a_loop_that_hangs():
    live = Live()
    for seq in range(1, 201):
        live.put(good(seq))
    assert live.counts()[PartVerdict.GOOD] == 200 and live.dropped == 200 - 64
    assert [result.part.seq for result in live.take_in()] == list(range(137, 201))


def test_large_frames_are_made_smaller():
    live = taken_in(refused(1, picture=np.zeros((3000, 1500, 3), np.uint8)))
    assert decoded(draw(live.find(1), None, heat=True, is_thumb=False)).shape == (WHOLE_PX, WHOLE_PX // 2, 3)
    assert decoded(draw(live.find(1), None, heat=True, is_thumb=True)).shape == (SMALL_PX, SMALL_PX // 2, 3)
    assert max(live.find(1).small.shape) <= SMALL_PX


@pytest.mark.parametrize(
    "picture",
    [
        np.arange(600, dtype=np.uint16).reshape(20, 30) + 30_000,
        np.linspace(-1, 1, 600, dtype=np.float32).reshape(20, 30),
        np.full((20, 30), np.nan, np.float32),
        np.zeros((20, 30, 4), np.uint8),
    ],
)
def test_frames_that_nothing_judged_are_shown_as_well(picture):
    live = taken_in(refused(1, picture=picture))
    assert decoded(draw(live.find(1), None, heat=True, is_thumb=False)).shape == (20, 30, 3)


def test_frames_without_pixels_have_no_picture():
    unreadable = Frame(pixels=np.zeros((0, 0), np.uint8), at_ns=1, unreadable="damaged")
    live = taken_in(refused(1), dataclasses.replace(refused(2), frame=unreadable), answer(3, frame=None))
    assert [each.small is not None for each in live.recent()] == [False, False, True]
    assert draw(live.find(2), None, heat=True, is_thumb=False) is None
    assert draw(None, None, heat=True, is_thumb=False) is None


def test_frames_that_the_memory_let_go_come_from_the_ring(tmp_path):
    with Station(tmp_path) as station:
        station.live._frames_bytes = 1
        station.put(flat(1, (200, 40, 90)), flat(2, 10))
        station.settle()
        assert station.live.find(1).result.frame is None
        heat = decoded(station.ask("/frame/1.jpg?heat=1", role=Role.VIEWER)[1])
        assert heat.shape == (40, 60, 3)
        # also when the part is none of the newest any more; the colours are in their order
        station.put(*(good(seq) for seq in range(3, 40)))
        station.settle()
        assert station.live.find(1) is None
        kept = decoded(station.ask(f"/frame/1.jpg?boot={BOOT}", role=Role.VIEWER)[1])
        assert abs(kept.astype(int) - (200, 40, 90)).max() < 12


def test_a_file_that_is_gone_or_damaged_has_no_picture(tmp_path):
    assert draw(None, tmp_path / "gone.png", heat=False, is_thumb=False) is None
    (tmp_path / "damaged.png").write_bytes(b"nothing")
    assert draw(None, tmp_path / "damaged.png", heat=False, is_thumb=False) is None
