"""What drift keeps of one frame: from an inspection, or from a line of a log, where both say the same."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from goodpart.errors import UsageError
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart.watch.detector import is_finite

REFUSED = "REFUSED"
_OUTCOMES = (*(verdict.value for verdict in Verdict), REFUSED)
_LONGEST_REASON = 200

FRAME_REASONS = frozenset({"FRAME_REFUSED", "UNFIT_FRAME", "NO_SIGNAL", "FROZEN_CAMERA"})
"""Reasons of a station's refusals that are about a frame; all others say nothing about what the camera sees."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observed:
    """One frame.

    Attributes:
        outcome: its verdict, or "REFUSED".
        stats: its statistics by name; none for a frame without.
        reason: why it is UNKNOWN or REFUSED, else empty.
        threshold: image score above which it is a DEFECT; None for a refused frame.
        checks_moved: whether other frame checks than the bundle's own were used; None for a refused frame.
    """

    outcome: str
    stats: Mapping[str, float]
    reason: str = ""
    threshold: float | None = None
    checks_moved: bool | None = None

    @property
    def is_judged(self) -> bool:
        """Whether the part was judged, as GOOD or DEFECT."""
        return self.outcome in (Verdict.GOOD.value, Verdict.DEFECT.value)


def of_inspection(inspection: Inspection) -> Observed:
    """What an inspection says."""
    is_unknown = inspection.verdict is Verdict.UNKNOWN
    return Observed(
        outcome=inspection.verdict.value,
        stats={} if is_unknown else inspection.stats,
        reason=(inspection.reason or "")[:_LONGEST_REASON],
        threshold=inspection.threshold,
        checks_moved=inspection.checks_moved,
    )


def of_refused(reason: str) -> Observed:
    """A frame that was refused."""
    return Observed(outcome=REFUSED, stats={}, reason=reason[:_LONGEST_REASON])


def of_result(result: Any, *, where: str) -> Observed | None:
    """What a line of `goodpart score --json`, or of the log of a station, says.

    Args:
        result: the parsed line.
        where: its place, for messages.

    Returns:
        None for a part of a station that was refused for another reason than its frame, such as an overrun: it says
        nothing about what the camera sees. The station's own drift passes it over too.

    Raises:
        UsageError: it is no such line, or one without statistics, as an older goodpart wrote them.
    """
    outcome = _outcome(result)
    if outcome is None:
        raise UsageError(f"{where}: expected a result of goodpart score --json, found something else; give its output")
    if outcome == REFUSED and "judged" in result and result.get("reason") not in FRAME_REASONS:
        return None
    if outcome == REFUSED:
        return of_refused(str(result.get("error") or result.get("detail") or ""))
    stats = {} if outcome == Verdict.UNKNOWN.value else result.get("stats")
    if stats is None:
        raise UsageError(
            f'{where}: expected "stats" in the result, found none: an older goodpart wrote it; score the frames again'
        )
    threshold, moved, reason = (
        result.get("threshold"),
        result.get("checks_moved", False),
        result.get("detail") or result.get("reason") or "",
    )
    numbers = [*stats.values(), threshold] if isinstance(stats, dict) else []
    sound = all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers)
    if not numbers or not sound or not is_finite(numbers) or not isinstance(moved, bool):
        raise UsageError(f'{where}: expected finite numbers in "stats" and "threshold", found others; mend the log')
    return Observed(
        outcome=outcome,
        stats=stats,
        reason=str(reason)[:_LONGEST_REASON],
        threshold=float(numbers[-1]),
        checks_moved=moved,
    )


def _outcome(result: Any) -> str | None:
    """The outcome that a line states, or None if it is no result."""
    if not isinstance(result, dict):
        return None
    found = result.get("verdict")
    if "judged" in result:
        # a station answers also for parts that nothing judged or that were judged too late, and in a simulation
        found = REFUSED if result["judged"] is None else result["judged"]
    return found if isinstance(found, str) and found in _OUTCOMES else None
