"""Whatever goes wrong on a line: no part passes by the frame of another one, and each part has exactly one answer.

`make schedules` runs a hundred thousand of them.
"""

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from attacks import schedules
from goodpart_station.codes import PartVerdict, Reason
from goodpart_station.conductor.rules import TriggerKind
from line_model import Line
from line_schedule import BROKEN_PRODUCT, NO_PRODUCT, SPACING, Event, Fate, Item, random_items, rules, tamed

ITEMS = st.builds(
    Item,
    gap=st.integers(1, 400),
    write=st.integers(0, 30),
    shot=st.integers(1, 80),
    lag=st.integers(0, 60),
    judge=st.sampled_from([1, 20, 60, 150, 400, 1500]),
    tick=st.integers(0, 100),
    fate=st.sampled_from(Fate),
    event=st.sampled_from(Event),
    product=st.sampled_from([1, 2, BROKEN_PRODUCT, NO_PRODUCT]),
    asks=st.booleans(),
    mistaken=st.booleans(),
)
SCHEDULES = st.lists(ITEMS, max_size=12).map(tamed)
MANY = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
KINDS = list(TriggerKind)


@pytest.mark.parametrize("kind", KINDS)
@given(items=SCHEDULES, numbers=st.sampled_from([2, 3, 20, 65535]), ids=st.booleans(), simulated=st.booleans())
@MANY
def test_no_part_passes_by_the_frame_of_another_one(kind, items, numbers, ids, simulated):
    line = Line(rules(kind, simulated=simulated), items, numbers=numbers, ids=ids).run()
    assert line.checks.wrong == []


@pytest.mark.parametrize("kind", KINDS)
@given(gaps=st.lists(st.integers(1, 250), min_size=1, max_size=8), judge=st.integers(1, 60))
@example(gaps=[SPACING, 30, 30], judge=1)
@settings(MANY, max_examples=100)
def test_parts_that_come_too_fast(kind, gaps, judge):
    items = [
        Item(gap=gap, judge=judge, fate=Fate.MISSED if number % 3 == 1 else Fate.WHOLE)
        for number, gap in enumerate(gaps)
    ]
    assert Line(rules(kind), items).run().checks.wrong == []


@pytest.mark.parametrize("kind", KINDS)
def test_many_schedules(kind):
    found = schedules.run(700, 7, kinds=[kind])
    assert found["wrong"] == []
    # all of it happens: a model in which nothing passes or nothing fails shows nothing
    reasons = {"OVERRUN", "PRODUCT_NOT_READY", "NOT_READY", "OUT_OF_STEP", "PLC_LOST"}
    reasons -= {"PLC_LOST"} if kind is TriggerKind.NONE else set()
    assert {f"REFUSED {reason}" for reason in reasons} | {"GOOD NONE", "TIMEOUT DEADLINE"} == set(found["answers"])
    assert all(count > 50 for count in found["answers"].values())


@pytest.mark.parametrize("kind", [TriggerKind.HARDWARE, TriggerKind.SOFTWARE])
def test_parts_with_lost_frames_and_triggers(kind):
    found = schedules.steady(5000, 3, kind, rate=0.01)
    assert found["wrong"] == []
    assert found["right"] + found["refused"] + found["not announced"] == 5000
    assert found["right"] > 4700
    assert 50 < found["refused"] < 300


def test_a_line_without_trouble_judges_every_part():
    for kind in KINDS:
        line = Line(rules(kind), [Item()] * 50).run()
        assert line.checks.answers == {(PartVerdict.GOOD, Reason.NONE): 50}


def test_random_schedules_are_the_same_ones_again():
    assert random_items(random.Random(3), 20) == random_items(random.Random(3), 20)
