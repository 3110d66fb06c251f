"""Rules with which a frame could be taken for that of another part are refused."""

import pytest

from goodpart.errors import UsageError
from goodpart_station.conductor.rules import Rules, TriggerKind
from line_schedule import DEADLINE, MS


def rules_with(**changed):
    given = {"trigger": TriggerKind.HARDWARE, "products": frozenset({1}), "deadline_ns": DEADLINE * MS, **changed}
    return Rules(**given)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"pair_before_ns": 40 * MS, "pair_after_ns": 140 * MS, "min_spacing_ns": 180 * MS},
            r"pair_before_ms \+ pair_after_ms: expected less than min_spacing_ms \(180\), found 180;",
        ),
        (
            {"pair_after_ns": 100 * MS, "min_spacing_ns": 180 * MS, "resync_ns": 100 * MS},
            r"resync_ms: expected more than pair_before_ms \+ pair_after_ms \(100\), found 100;",
        ),
        (
            {"trigger": TriggerKind.SOFTWARE, "pair_after_ns": 600 * MS},
            r"resync_ms: expected more than pair_after_ms \(600\), found 500;",
        ),
        ({"trigger": TriggerKind.NONE, "deadline_ns": 0}, "expected a deadline above 0"),
        ({"trigger": TriggerKind.NONE, "late_limit": 0}, "late_limit from 1 on"),
        ({"trigger": TriggerKind.NONE, "queue_parts": 17}, "queue_parts from 1 to 16"),
    ],
)
def test_rules_that_do_not_fit_together(changed, expected):
    with pytest.raises(UsageError, match=expected):
        rules_with(**changed)


def test_rules_that_just_fit():
    rules_with(pair_before_ns=40 * MS, pair_after_ns=140 * MS - 1, min_spacing_ns=180 * MS, resync_ns=180 * MS)
