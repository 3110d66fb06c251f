"""Schedules: what happens on a line, part by part, for `line_model`. Times are milliseconds."""

import dataclasses
import enum
import random

from goodpart_station.conductor.rules import Rules, TriggerKind

MS = 1_000_000
BEFORE, AFTER, SPACING, RESYNC, PLC_TIMEOUT = 40, 100, 180, 160, 1000
DEADLINE, PLC_PATIENCE, BEAT, DOWN, SILENT = 150, 250, 300, 400, 1600
BROKEN_PRODUCT, NO_PRODUCT = 3, 9


class Fate(enum.Enum):
    """What becomes of the trigger and the frame of a part."""

    WHOLE = "whole"
    TRIGGER_LOST = "the PLC's trigger does not arrive"
    MISSED = "the camera does not see the trigger"
    FRAME_LOST = "the frame is lost on the way"
    LATE = "the frame comes too late"
    TWICE = "the frame comes twice"


class Event(enum.Enum):
    """What else happens just before a part comes."""

    NONE = "nothing"
    HALT = "halt, and a reset soon"
    RESET = "reset"
    RESYNC = "resync"
    PREPARE = "prepare"
    PRODUCT_LEFT = "the bundle is taken away"
    SOURCE_LOST = "the source is lost, and comes back soon"
    DEATH = "the process dies and starts again"
    REPEAT = "the PLC writes its last number again"
    REBOOT = "the PLC counts from 1 again"
    SILENCE = "the PLC's heartbeat rests"
    SKIP = "the PLC skips numbers"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """One part.

    Attributes:
        gap: after the part before.
        write: from the part's arrival to the PLC's trigger; 0 with a software trigger.
        shot: from exposure to the frame.
        lag: from the frame's time to its hand-over.
        judge: how long the judge needs.
        tick: how late the next tick is.
        fate, event: what happens.
        product: for PREPARE, and for the trigger if `asks`.
        asks: whether the PLC names the product in its trigger.
        mistaken: whether the judge uses the newest product's bundle.
    """

    gap: int = 200
    write: int = 10
    shot: int = 30
    lag: int = 0
    judge: int = 30
    tick: int = 0
    fate: Fate = Fate.WHOLE
    event: Event = Event.NONE
    product: int = 1
    asks: bool = False
    mistaken: bool = False


def rules(trigger: TriggerKind, *, simulated: bool = False, auto_reset: bool = True) -> Rules:
    """The rules that the model is made for."""
    return Rules(
        trigger=trigger,
        products=frozenset({1, 2, BROKEN_PRODUCT}),
        deadline_ns=DEADLINE * MS,
        pair_before_ns=BEFORE * MS,
        pair_after_ns=AFTER * MS,
        min_spacing_ns=SPACING * MS if trigger is TriggerKind.HARDWARE else 0,
        resync_ns=RESYNC * MS,
        plc_timeout_ns=PLC_TIMEOUT * MS,
        simulated=simulated,
        auto_reset=auto_reset,
    )


def random_items(rng: random.Random, count: int) -> list[Item]:
    """A schedule in which much goes wrong. It keeps what the conductor must be able to rely on; see `tamed`."""
    trouble = rng.choice((0.0, 0.1, 0.4, 0.7))
    # few kinds of trouble at a time: two faults that only together do harm then meet more often
    fates, events = rng.sample(list(Fate), rng.randint(1, 6)), rng.sample(list(Event), rng.randint(1, 4))
    items = [
        Item(
            gap=rng.choice((rng.randint(1, 60), rng.randint(60, 250), rng.randint(180, 400))),
            write=rng.randint(0, 30),
            shot=rng.randint(1, 80),
            lag=rng.choice((0, 0, rng.randint(0, 60))),
            judge=rng.choice((1, rng.randint(1, 60), rng.randint(60, 400), 1500 if rng.random() < trouble else 20)),
            tick=rng.choice((0, 0, rng.randint(0, 100))),
            fate=rng.choice(fates) if rng.random() < trouble else Fate.WHOLE,
            event=rng.choice(events) if rng.random() < trouble else Event.NONE,
            product=rng.choice((1, 2, 2, BROKEN_PRODUCT, NO_PRODUCT)),
            asks=rng.random() < 0.2,
            mistaken=rng.random() < 0.2,
        )
        for _ in range(count)
    ]
    return tamed(items)


def tamed(items: list[Item]) -> list[Item]:
    """The same without what no station can see.

    No frame comes later than `RESYNC` after its trigger; none comes late at all if the PLC says in the meantime that
    none can come. A part whose trigger does not arrive lies apart from its neighbours: nobody could tell its frame from
    that of a neighbour whose own frame is lost.
    """
    resync = any(item.event is Event.RESYNC for item in items)
    found = []
    for before, item in zip([Item(), *items], items, strict=False):
        apart = Fate.TRIGGER_LOST in (before.fate, item.fate)
        fate = Fate.WHOLE if resync and item.fate is Fate.LATE else item.fate
        found.append(dataclasses.replace(item, fate=fate, gap=max(item.gap, SPACING if apart else 0)))
    return found
