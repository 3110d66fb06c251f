"""What clients give to methods of the OPC UA server: ids, numbers, handles, and errands that wait for the disk."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from asyncua import ua
from hypothesis import given as for_all
from hypothesis import strategies as st

from goodpart import UsageError
from goodpart_station.opcua import given
from goodpart_station.opcua.given import Errands, Handles, MismatchError, id_of, strict, whole


def test_an_id_is_the_text_in_its_structure():
    for empty in (
        None,
        ua.ExtensionObject(),
        SimpleNamespace(Id=None),
        SimpleNamespace(Id=""),
        SimpleNamespace(Id=" "),
    ):
        assert id_of(empty) == ""
    assert id_of(SimpleNamespace(Id=" A-17 ")) == "A-17"
    assert id_of(SimpleNamespace(Id="x" * 256)) == "x" * 256
    opaque = ua.ExtensionObject(TypeId=ua.NodeId(5268, 2), Body=b"\x00")
    for odd in (
        "A-17",
        17,
        b"A",
        [SimpleNamespace(Id="x")],
        SimpleNamespace(Id=17),
        opaque,
        SimpleNamespace(Id="x" * 257),
    ):
        with pytest.raises(MismatchError):
            id_of(odd)


def test_a_number_has_the_range_of_its_type():
    assert [whole(None, "Int32"), whole(-(2**31), "Int32"), whole(2**32 - 1, "UInt32")] == [0, -(2**31), 2**32 - 1]
    for value, kind in (
        (2**31, "Int32"),
        (-1, "UInt32"),
        (2**32, "UInt32"),
        (True, "UInt32"),
        (0.0, "Int32"),
        ("1", "Int32"),
    ):
        with pytest.raises(MismatchError):
            whole(value, kind)


def test_a_mismatch_is_a_status_and_no_traceback():
    async def method(value):
        return (whole(value, "Int32"),)

    assert asyncio.run(strict(method)(7)) == (7,)
    assert asyncio.run(strict(method)("7")) == ua.StatusCode(ua.StatusCodes.BadInvalidArgument)


@for_all(released=st.lists(st.integers(0, 40)), most=st.integers(1, 8), count=st.integers(0, 30))
def test_a_handle_is_known_until_it_is_released_or_many_came_after_it(released, most, count):
    handles = Handles(most)
    given = [handles.new() for _ in range(count)]
    assert len(set(given)) == count and 0 not in given
    known = set(given[-most:])
    for handle in released:
        assert handles.release(handle) == (handle in known)
        known.discard(handle)


def test_handles_begin_again_at_their_end(monkeypatch):
    monkeypatch.setattr(given, "_HANDLE_MOST", 3)
    handles = Handles(2)
    assert [handles.new() for _ in range(5)] == [1, 2, 3, 1, 2]
    assert handles.release(1) and handles.release(2) and not handles.release(3)


def test_a_disk_that_hangs_holds_nobody_up_for_ever(monkeypatch):
    monkeypatch.setattr(given, "_ERRAND_S", 0.01)
    answers = threading.Event()

    async def ask():
        errands = Errands()
        with pytest.raises(UsageError, match=r"disk: expected an answer within 0\.01 s, found none"):
            await errands.do(lambda: answers.wait(300))
        monkeypatch.setattr(given, "_ERRAND_S", 300)
        found = await errands.do(lambda: "it answers")
        answers.set()
        return found

    assert asyncio.run(ask()) == "it answers"


def test_errands_are_done_one_after_the_other():
    begun, may_end = threading.Event(), threading.Event()

    def first():
        begun.set()
        may_end.wait(300)

    async def ask():
        errands = Errands()
        one = asyncio.create_task(errands.do(first))
        await asyncio.to_thread(begun.wait, 300)
        two = asyncio.create_task(errands.do(lambda: "two"))
        done, _ = await asyncio.wait({two}, timeout=0.1)
        may_end.set()
        await one
        return done, await two

    assert asyncio.run(ask()) == (set(), "two")
