"""The state as the page shows it: one plain dict, made at most ten times a second while somebody looks."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from goodpart.scoring.rounding import SCORE_DECIMALS, decimals_that_tell_apart, rounded
from goodpart_station.codes import Bits, PartVerdict, Reason, State
from goodpart_station.page.around import Around
from goodpart_station.page.live import Recent
from goodpart_station.page.words import REASONS, STATES, VERDICTS, bits_in_words
from goodpart_station.part import Status

_DIGEST_SHOWN = 12

READY = frozenset({State.READY, State.BUSY})
"""States in which parts are judged."""


@dataclasses.dataclass(frozen=True)
class Shift:
    """A shift, and how many parts got each verdict in it.

    Attributes:
        since: UTC seconds at which it began.
        counts: by verdict.
    """

    since: float
    counts: Mapping[PartVerdict, int]


def shift_start(now: float, begins: tuple[str, ...]) -> float:
    """When the present shift began.

    Args:
        now: UTC seconds since 1970.
        begins: local times of day, such as "06:00"; none: at midnight.

    Returns:
        UTC seconds since 1970, not after `now`.
    """
    here = datetime.datetime.fromtimestamp(now).astimezone()
    starts = []
    for days in (0, 1):
        day = (here - datetime.timedelta(days=days)).date()
        for begin in begins or ("00:00",):
            time = datetime.time.fromisoformat(begin)
            # the zone of that very time, which another one may follow when clocks are put forward
            starts.append(datetime.datetime.combine(day, time).astimezone().timestamp())
    return max(start for start in starts if start <= now)


def shown(around: Around, shift: Shift, *, now: float) -> dict[str, Any]:
    """The newest state, in plain dicts, lists, strings and numbers.

    Args:
        around: the station.
        shift: the present one.
        now: UTC seconds since 1970.
    """
    status, recent = around.line.status(), around.live.recent()
    live = around.products.get(status.product)
    state, bits = STATES[status.state], status.bits
    found: dict[str, Any] = {
        "v": 1,
        "station": around.station,
        "boot": around.boot,
        "now": round(now, 1),
        "state": status.state.name,
        "says": state.says,
        "do": state.do,
        "why": status.why,
        "judges": status.state in READY,
        "product": {"number": status.product, "name": around.products.name(status.product)},
        "products": [[number, around.products.name(number)] for number in around.products.numbers],
        "bundle": status.bundle[:_DIGEST_SHOWN],
        "threshold": None,
        "part": _part(recent[0], around.boot) if recent else None,
        # parts are answered in another order than they came: one that is refused has not to wait for the judge
        "recent": [_brief(each) for each in sorted(recent, key=lambda each: -each.result.part.seq)],
        "shift": {"since": round(shift.since), "counts": {each.name: count for each, count in shift.counts.items()}},
        "dropped": {sink.name: sink.dropped for sink in around.sinks if sink.dropped},
        "drift": _drift(around),
        "watches_drift": around.drift is not None,
        "ring": _ring(around),
    }
    if live is not None:
        inspector = live.inspector
        bits = bits | Bits.THRESHOLD_CHANGED if inspector.threshold_moved else bits
        found["serial"] = inspector.bundle.manifest.serial
        found["threshold"] = {"value": inspector.threshold, "own": inspector.calibration.threshold}
    found["notes"] = bits_in_words(bits)
    return found


def signature(status: Status) -> tuple[object, ...]:
    """What of a status is worth a new message: all but the heartbeat."""
    return tuple(getattr(status, field.name) for field in dataclasses.fields(status) if field.name != "heartbeat")


def _part(recent: Recent, boot: str) -> dict[str, Any]:
    """The newest part."""
    result = recent.result
    part, inspection, reason = result.part, result.inspection, REASONS[result.reason]
    found: dict[str, Any] = {
        **_brief(recent),
        "boot": boot,
        "plc_seq": part.plc_seq,
        "part_id": part.part_id,
        "product": result.product,
        "says": VERDICTS[_verdict(recent)].says,
        "reason": None if result.reason is Reason.NONE else result.reason.name,
        "because": reason.says,
        "do": reason.do or VERDICTS[_verdict(recent)].do,
        "detail": result.detail,
        "at": round(result.at, 3),
        "late": result.late,
        "ms": round(result.ms["total"], 1) if "total" in result.ms else None,
    }
    if inspection is not None:
        decimals = decimals_that_tell_apart([(inspection.score, inspection.threshold)], at_least=2)
        found |= {
            "score": rounded(inspection.score, decimals),
            "threshold": rounded(inspection.threshold, decimals),
            "p_value": float(f"{inspection.p_value:.2g}"),
        }
    return found


def _brief(recent: Recent) -> dict[str, Any]:
    """What a thumbnail needs."""
    inspection = recent.result.inspection
    return {
        "seq": recent.result.part.seq,
        "verdict": _verdict(recent).name,
        "judged": None if inspection is None else inspection.verdict.value,
        "picture": recent.small is not None,
        "score": None if inspection is None else rounded(inspection.score, SCORE_DECIMALS),
    }


def _verdict(recent: Recent) -> PartVerdict:
    """What the PLC got: a judgement that came late does not replace the TIMEOUT before it."""
    return PartVerdict.TIMEOUT if recent.result.late else recent.result.verdict


def _drift(around: Around) -> dict[str, Any] | None:
    state = None if around.drift is None else around.drift.state
    if state is None:
        return None
    return {
        "phase": state.phase.value,
        "evidence": round(state.evidence, 2),
        "frames": state.frames,
        "blocks": state.blocks,
        "watched": list(state.watched),
        "alarms": [alarm.words for alarm in state.alarms],
        "remarks": list(state.remarks),
    }


def _ring(around: Around) -> dict[str, Any] | None:
    if around.ring is None:
        return None
    return {
        "bytes": around.ring.used_bytes,
        "most": around.ring.config.max_bytes,
        "lost": around.ring.lost,
        "works": Bits.DISK_FULL not in around.ring.bits,
    }
