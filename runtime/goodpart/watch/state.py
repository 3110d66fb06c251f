"""Where a drift stands, for whoever shows it."""

import dataclasses
import enum

from goodpart.watch.alarm import DriftAlarm


class DriftPhase(enum.Enum):
    """LEARNING the reference, WATCHING, or ALARM until somebody acknowledges it."""

    LEARNING = "LEARNING"
    WATCHING = "WATCHING"
    ALARM = "ALARM"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftState:
    """Where a drift stands.

    Attributes:
        phase: ALARM if there is an alarm; else LEARNING until the statistics have a reference.
        evidence: from 0; an alarm comes at 1. The highest of the three detectors.
        statistic, since, direction: of the oldest alarm, None without one.
        blocks: blocks of the reference while learning, else blocks compared with it since.
        block: frames of a block of statistics; more than asked for if neighbouring blocks were too much alike.
        frames, unfit, unmeasured: all frames; those UNKNOWN or REFUSED; judged ones that lack a statistic.
        watched: names of the statistics, none before the first judged frame.
        alarms: at most one each of statistics, rejects and unfit frames; the oldest first.
        remarks: what whoever reads the state must know.
    """

    phase: DriftPhase
    evidence: float
    statistic: str | None
    since: int | None
    direction: str | None
    blocks: int
    block: int
    frames: int
    unfit: int
    unmeasured: int
    watched: tuple[str, ...]
    alarms: tuple[DriftAlarm, ...]
    remarks: tuple[str, ...]
