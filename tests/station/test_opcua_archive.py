"""The archive of results for OPC UA: filters and pages over memory and ring, as a plain list would answer them."""

import dataclasses
import functools
import itertools
import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart_station.codes import PartVerdict, Reason
from goodpart_station.opcua.archive import PAGE_MOST, Archive, Wanted
from goodpart_station.opcua.record import (
    REGIONS_MOST,
    Record,
    ResultState,
    parsed_result_id,
    record_of,
    record_of_kept,
)
from goodpart_station.part import Part
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.frames import Frames
from goodpart_station.ring.index import INDEX
from goodpart_station.ring.ring import Ring
from small_answers import AT, BOOT, BUNDLE, answer, good, inspection, refused, reject

EARLIER, PARTS = "0a1b2c3d4e5f6071", 24
OTHER = "77" * 32


def part(seq, product="bracket"):
    """One part of several kinds."""
    made = (good, reject, refused)[seq % 3](seq)
    changes = {"product": product, "bundle": "" if made.inspection is None else (BUNDLE, OTHER)[seq % 2]}
    if seq % 5 == 0:
        changes |= {"verdict": PartVerdict.TIMEOUT, "reason": Reason.DEADLINE, "late": True}
    number = (0, 7, 884213)[seq % 3 if seq % 2 else 0]
    return dataclasses.replace(made, part=Part(seq, seq, number, 1, 0, 0), **changes)


@functools.cache
def all_parts():
    return [part(seq, (" bracket", "bar@2")[seq % 4 == 0]) for seq in range(1, PARTS + 1)]


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """A ring that has kept the frames of an earlier start and of this one, but for every fourth part."""
    folder = tmp_path_factory.mktemp("archive") / "ring"
    for boot in (EARLIER, BOOT):
        ring = Ring(folder, RingConfig(random_rate=1.0, rejects_per_minute=1000), boot=boot)
        ring.open()
        for result in all_parts():
            if result.part.seq % 4 != 1:
                assert ring.keep(result)
        ring.close()
    return ring.frames


@functools.cache
def all_records():
    return [record_of(result, BOOT, meas_id="m1" if result.part.seq % 2 else "") for result in all_parts()]


def filled(frames, held):
    archive = Archive(BOOT, frames, held=held)
    for record in all_records():
        archive.add(record)
    return archive


@functools.cache
def known(frames, held):
    """Every result that the archive should know, newest first."""
    memory = list(reversed(all_records()[-held:]))
    there = {record.result_id for record in memory}
    kept = [record_of_kept(frame) for frame in frames.newest(count=1000)]
    return memory + [record for record in kept if record.result_id not in there]


wanted = st.builds(
    Wanted,
    state=st.sampled_from([0, 0, 1, 2, 3, 4, -7, 2**31 - 1]),
    meas_id=st.sampled_from(["", "", "m1", "m2"]),
    part_id=st.sampled_from(["", "", "7", "884213", "07", "0", "-7", "7.0", "\u0667", "9" * 30]),
    recipe_id=st.sampled_from(["", "", f"bracket@{BUNDLE}", f"bar@2@{OTHER}", "bracket@", "@", BUNDLE, "' OR 1=1 --"]),
    product=st.sampled_from(["", "", "bracket", "bar@2", "bar", "%"]),
    job_id=st.sampled_from(["", "", "1", "3", "5", "24", "25", "05", "x", str(2**63), str(2**70)]),
)


def same(found, expected):
    """Whether records are alike; a score that is not a number is no number of any record."""
    return [repr(record) for record in found] == [repr(record) for record in expected]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=wanted, start=st.integers(0, 60), most=st.integers(0, 30), held=st.sampled_from([1, 5, 23, 24, 100]))
@example(wanted=Wanted(), start=0, most=0, held=5)
@example(wanted=Wanted(part_id="07"), start=0, most=0, held=1)
@example(wanted=Wanted(job_id="03"), start=0, most=0, held=1)
@example(wanted=Wanted(state=4), start=3, most=2, held=5)
@example(wanted=Wanted(recipe_id=f"bracket@{BUNDLE}"), start=0, most=0, held=1)
def test_a_page_is_what_a_plain_list_would_give(frames, wanted, start, most, held):
    archive = filled(frames, held)
    expected = [record for record in known(frames, held) if wanted.fits(record)]
    page = archive.page(archive.newest(), wanted, start=start, most=most)
    count = most or PAGE_MOST
    assert same(page.records, expected[start : start + count])
    assert page.complete == (start + count >= len(expected))


@pytest.mark.parametrize("size", [1, 3, 7, 40])
def test_pages_one_after_the_other_give_each_result_once(frames, size):
    archive = filled(frames, 10)
    pages = []
    for number in itertools.count():
        pages.append(archive.page(archive.newest(), Wanted(), start=number * size, most=size))
        if pages[-1].complete:
            break
    ids = [record.result_id for page in pages for record in page.records]
    assert len(ids) == len(set(ids)) == len(known(frames, 10))
    assert all(len(page.records) == size for page in pages[:-1])


def test_results_that_come_between_two_pages_make_none_missing():
    archive = Archive(BOOT, None)
    for seq in range(1, 9):
        archive.add(record_of(good(seq), BOOT))
    first = archive.page(archive.newest(), Wanted(), most=4)
    archive.add(record_of(good(9), BOOT))
    second = archive.page(archive.newest(), Wanted(), start=4, most=4)
    third = archive.page(archive.newest(), Wanted(), start=8, most=4)
    assert [record.seq for page in (first, second, third) for record in page.records] == [8, 7, 6, 5, 5, 4, 3, 2, 1]
    assert [page.complete for page in (first, second, third)] == [False, False, True]


def test_one_answer_holds_a_hundred_results_at_most():
    archive = Archive(BOOT, None)
    for seq in range(1, PAGE_MOST + 2):
        archive.add(record_of(good(seq), BOOT))
    for most in (0, PAGE_MOST + 1, 2**32 - 1):
        page = archive.page(archive.newest(), Wanted(), most=most)
        assert len(page.records) == PAGE_MOST and not page.complete
    assert archive.page(archive.newest(), Wanted(), start=PAGE_MOST).complete


@settings(deadline=None)
@given(order=st.permutations(range(1, 13)), held=st.integers(1, 14))
def test_the_memory_holds_the_newest_parts_whatever_the_order_of_their_answers(order, held):
    archive = Archive(BOOT, None, held=held)
    for seq in order:
        archive.add(all_records()[seq - 1])
    assert [record.seq for record in archive.newest()] == list(range(12, 12 - min(held, 12), -1))


def test_a_part_that_was_judged_too_late_stays_one_result():
    archive = Archive(BOOT, None, held=2)
    late = {"verdict": PartVerdict.TIMEOUT, "reason": Reason.DEADLINE}
    archive.add(record_of(good(1, inspection=None, **late), BOOT))
    archive.add(record_of(good(2), BOOT))
    archive.add(record_of(good(1, late=True, **late), BOOT))
    assert [(record.seq, record.verdict, record.score) for record in archive.newest()] == [
        (2, "GOOD", 1.0),
        (1, "TIMEOUT", 1.0),
    ]
    # what went long ago does not come back: the ring has it
    archive.add(record_of(good(3), BOOT))
    archive.add(record_of(good(1, late=True, **late), BOOT))
    assert [record.seq for record in archive.newest()] == [3, 2]


def test_a_result_is_found_by_its_id(frames):
    archive = filled(frames, 5)
    assert archive.get(f"{BOOT}-24").seq == 24
    assert archive.get(f"{BOOT}-2") is archive.get(f"{EARLIER}-24") is None
    assert archive.kept(f"{BOOT}-2").verdict == "REFUSED"
    assert archive.kept(f"{EARLIER}-24").boot == EARLIER
    assert archive.kept(f"{BOOT}-1") is None
    for odd in ("", "-", "24", f"{BOOT}-", f"{BOOT}-024", f"{BOOT}-\u0662", "-24", f"{BOOT}-{'9' * 40}", f"{BOOT}-24 "):
        assert archive.get(odd) is archive.kept(odd) is None
        assert parsed_result_id(odd) is None or odd == "-24"


def test_without_a_ring_or_before_it_has_an_index_the_memory_is_all(tmp_path):
    for ring in (None, Frames(tmp_path / "ring")):
        archive = Archive(BOOT, ring)
        archive.add(record_of(good(1), BOOT))
        page = archive.page(archive.newest(), Wanted())
        assert len(page.records) == 1 and page.complete
        assert archive.kept(f"{BOOT}-1") is None


def test_a_damaged_ring_is_told(tmp_path):
    (tmp_path / INDEX).write_bytes(b"no database" * 100)
    archive = Archive(BOOT, Frames(tmp_path))
    for ask in (lambda: archive.page((), Wanted()), lambda: archive.kept(f"{BOOT}-1")):
        with pytest.raises(UsageError, match="expected an index that can be read"):
            ask()


def test_a_record_says_what_the_part_got():
    record = record_of(reject(3, simulated=True, verdict=PartVerdict.SIMULATED), BOOT, meas_id="m", part_id="A-17")
    assert record == Record(
        boot=BOOT,
        seq=3,
        meas_id="m",
        part_id="A-17",
        product="bracket",
        bundle=BUNDLE,
        serial=12,
        verdict="SIMULATED",
        reason="NONE",
        score=9.0,
        threshold=3.5,
        p_value=0.42,
        regions=((4, 10, 4, 5),),
        simulated=True,
        at=AT + 3,
        grab_ms=11.2,
        judge_ms=28.0,
        total_ms=41.0,
    )
    assert (record.result_id, record.job_id) == (f"{BOOT}-3", "3")
    assert record.recipe_id == f"bracket@{BUNDLE}"
    assert record_of(good(4), BOOT).part_id == "884213"
    assert record_of(good(4, part=Part(4, None, 0, 1, 0, 0)), BOOT).part_id == ""


def test_a_part_that_nothing_judged_has_no_numbers_and_no_recipe():
    record = record_of(refused(3, bundle="", serial=0), BOOT)
    assert math.isnan(record.score) and math.isnan(record.threshold) and math.isnan(record.p_value)
    assert (record.regions, record.recipe_id, record.state) == ((), "", ResultState.FAILED)
    assert None not in [getattr(record, field.name) for field in dataclasses.fields(record)]


@pytest.mark.parametrize("verdict", set(PartVerdict) - {PartVerdict.NONE})
def test_only_what_was_judged_in_time_is_completed(verdict):
    record = record_of(answer(1, verdict=verdict), BOOT)
    in_time = verdict in (PartVerdict.GOOD, PartVerdict.DEFECT, PartVerdict.UNKNOWN, PartVerdict.SIMULATED)
    assert record.state is (ResultState.COMPLETED if in_time else ResultState.FAILED)


def test_a_record_is_small_whatever_is_in_the_frame():
    grid = inspection(9.0).grid.repeat(16, axis=0).repeat(16, axis=1) * 0.0
    grid[::2, ::2] = 9.0
    speckled = inspection(9.0, grid=grid, frame_height_px=640, frame_width_px=640)
    assert len(speckled.regions) > REGIONS_MOST
    assert len(record_of(answer(1, inspection=speckled), BOOT).regions) == REGIONS_MOST
