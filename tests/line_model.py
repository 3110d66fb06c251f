"""A model of a production line: parts, a camera, a PLC and a judge around a `Conductor`. It knows which part is where.

It looks at what the PLC reads from the slots, and at the answers, and notes what is wrong. Times are milliseconds.
"""

import dataclasses
import functools
import heapq
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from goodpart import Inspection, Inspector, Verdict
from goodpart_station.codes import SEQ_MOST, Command, Reason
from goodpart_station.conductor.conductor import Conductor
from goodpart_station.conductor.effects import Answer, Effect, Expose, Judge, Judgement, Prepare, Taken
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.part import Frame
from line_checks import Checks, Wait
from line_schedule import AFTER, BEAT, BROKEN_PRODUCT, DOWN, MS, PLC_PATIENCE, RESYNC, SILENT, Event, Fate, Item

NEVER = 10**12
PIXELS = np.zeros((1, 1), np.uint8)


@functools.cache
def inspection() -> Inspection:
    """A real inspection that is GOOD."""
    bundle = Path(__file__).parent / "fixtures" / "format_2"
    found = Inspector.load(bundle, threads=1).inspect(np.load(bundle / "golden" / "000.npy"))
    return dataclasses.replace(found, verdict=Verdict.GOOD, reason=None)


class Line:
    """One run of a schedule.

    Attributes:
        checks: what was wrong, and how many answers there were.
    """

    def __init__(self, rules: Rules, items: Iterable[Item], *, numbers: int = SEQ_MOST, ids: bool = True) -> None:
        """Prepares a run.

        Args:
            rules: of the conductor.
            items: the parts.
            numbers: the PLC counts from 1 to here and then again from 1; at least 2.
            ids: whether the camera numbers its frames; without, it repeats none.
        """
        self.checks = Checks(simulated=rules.simulated)
        self._rules, self._items, self._numbers, self._ids = rules, iter(items), numbers, ids
        self._hardware = rules.trigger is TriggerKind.HARDWARE
        self._now, self._order, self._events = 0, itertools.count(), []
        self._item = Item()
        self._index, self._over = -1, False
        self._number = self._number_item = 0
        self._arrived, self._arrived_number = False, 0
        self._beating, self._plc_product = True, 0
        self._camera_id = 0
        self._birth = 0
        self._alive = False
        self._start()

    def run(self) -> "Line":
        """Runs the schedule, and a while longer, in which everything is answered."""
        self._after(RESYNC + 1, self._next_item)
        self._after(0, self._beat)
        end = None
        while self._events:
            time, _, birth, act = heapq.heappop(self._events)
            if end is None and self._over:
                end = self._now + 4000
            if end is not None and time > end:
                break
            self._now = time
            if birth in (None, self._birth):
                act()
        self.checks.end()
        return self

    def _start(self) -> None:
        """The process starts: nothing of the last one is left, and the PLC is the first to come."""
        self._birth += 1
        self._alive = True
        self._conductor = Conductor(self._rules, now_ns=self._now * MS)
        self.checks.restart()
        self._queue: list[Judge] = []
        self._judging = False
        self._loaded, self._tick_at = 0, -1
        self._source_since = NEVER
        self._tell(lambda now: self._conductor.plc_heartbeat(now))
        if self._number:
            # PLCs write their registers in every cycle, the last number too
            self.checks.waits[self._number] = Wait(self._number_item, self._now + PLC_PATIENCE, 0)
            self._arrived_number = self._number
            self._tell(lambda now: self._conductor.trigger(self._number, now_ns=now))
        self._camera_begins()
        self._command(Command.PREPARE, self._plc_product or 1)

    def _camera_begins(self) -> None:
        self._source_since, self._camera_id = self._now, 0
        self._tell(self._conductor.source_ready)

    def _tell(self, call: Callable[[int], tuple[Effect, ...]]) -> None:
        """Tells the conductor something, carries out the effects, and plans the next tick."""
        if not self._alive:
            return
        self._carry_out(call(self._now * MS))
        wakeup = self._conductor.wakeup_ns
        if wakeup is not None:
            at = max(self._now + 1, -(-wakeup // MS)) + self._item.tick
            if not self._now < self._tick_at <= at:
                self._tick_at = at
                self._at(at, lambda: self._tell(self._conductor.tick), mortal=True)

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Taken(part):
                    self.checks.taken(part)
                case Answer():
                    self.checks.answered(effect, self._now)
                case Expose():
                    self._shoot(self._index, self._item)
                case Judge(part):
                    if part.plc_seq is None:
                        self.checks.taken(part)
                    self._queue.append(effect)
                    self._judge_next()
                case Prepare(product):
                    self._loaded = product
                    self._after(self._item.judge, functools.partial(self._load, product), mortal=True)

    def _load(self, product: int) -> None:
        if product == BROKEN_PRODUCT:
            self._tell(lambda now: self._conductor.product_failed(product, "broken", now))
        else:
            self._tell(lambda now: self._conductor.product_ready(product, now))

    def _judge_next(self) -> None:
        if self._queue and not self._judging:
            self._judging = True
            self._after(self._item.judge, functools.partial(self._judged, self._queue.pop(0)), mortal=True)

    def _judged(self, job: Judge) -> None:
        self._judging = False
        product = self._loaded if self._item.mistaken else job.part.product
        found = Judgement(inspection=inspection(), reason=Reason.NONE, detail=None, product=product)
        self._tell(lambda now: self._conductor.judged(job.part, found, now))
        self._judge_next()

    def _at(self, time: int, act: Callable[[], None], *, mortal: bool = False) -> None:
        heapq.heappush(self._events, (time, next(self._order), self._birth if mortal else None, act))

    def _after(self, wait: int, act: Callable[[], None], *, mortal: bool = False) -> None:
        self._at(self._now + wait, act, mortal=mortal)

    def _beat(self) -> None:
        if self._beating:
            self._tell(self._conductor.plc_heartbeat)
        if not self._over:
            self._after(BEAT, self._beat)

    def _next_item(self) -> None:
        """The next part lies under the camera."""
        item = next(self._items, None)
        if item is None:
            self._over = True
            return
        self._after(item.gap, functools.partial(self._come, item))

    def _come(self, item: Item) -> None:
        self._item = item
        self._happen(item)
        self._index += 1
        if self._rules.trigger is TriggerKind.NONE:
            self._shoot(self._index, item)
        else:
            if self._hardware:
                self._shoot(self._index, item)
            self._after(item.write if self._hardware else 0, functools.partial(self._trigger, self._index, item))
        self._after(0, self._next_item)

    def _trigger(self, index: int, item: Item) -> None:
        step = 4 if item.event is Event.SKIP else 1
        number = (self._number + step - 1) % self._numbers + 1
        # a PLC that counts to 2 must not use a number twice because the one between did not arrive
        self._number = number = number if number != self._arrived_number else number % self._numbers + 1
        self._number_item = index
        self._arrived = self._alive and item.fate is not Fate.TRIGGER_LOST
        if not self._arrived:
            # the PLC sees that its request has failed
            self.checks.waits.pop(number, None)
            return
        self._arrived_number = number
        product = item.product if item.asks else 0
        wait, before = Wait(index, self._now + PLC_PATIENCE, product or self._plc_product), self.checks.last_seq
        self.checks.waits.pop(number, None)
        self._tell(lambda now: self._conductor.trigger(number, product=product, part_id=index, now_ns=now))
        if self.checks.last_seq != before + 1:
            self.checks.wrong.append(f"the trigger of item {index} was no trigger")
        # a PLC looks at the slot when its write has been answered
        self.checks.waits[number] = wait
        self.checks.read(number, self._now, wait.product)

    def _shoot(self, index: int, item: Item) -> None:
        if item.fate is Fate.MISSED:
            return
        self._camera_id += 1
        if item.fate is Fate.FRAME_LOST:
            return
        wait, lag = item.shot, item.lag
        if item.fate is Fate.LATE:
            wait = (item.write if self._hardware else 0) + AFTER + 1 + item.shot % (RESYNC - AFTER - 1)
            lag = 0
        frame = Frame(
            pixels=PIXELS,
            at_ns=(self._now + wait) * MS,
            camera_frame=self._camera_id if self._ids else None,
            name=str(index),
        )
        self._after(wait + lag, functools.partial(self._frame, frame, self._now))
        if item.fate is Fate.TWICE and self._ids:
            again = dataclasses.replace(frame, at_ns=frame.at_ns + item.judge * MS)
            self._after(wait + lag + item.judge, functools.partial(self._frame, again, self._now))

    def _frame(self, frame: Frame, exposed: int) -> None:
        if exposed >= self._source_since:
            self._tell(lambda now: self._conductor.frame(frame, now))

    def _command(self, command: Command, product: int = 0) -> None:
        def call(now: int) -> tuple[Effect, ...]:
            reason, effects = self._conductor.command(command, product=product, now_ns=now)
            if command is Command.PREPARE and reason is Reason.NONE:
                self._plc_product = product
            return effects

        self._tell(call)

    def _happen(self, item: Item) -> None:
        match item.event:
            case Event.HALT:
                self._command(Command.HALT)
                self._after(item.judge, functools.partial(self._command, Command.RESET))
            case Event.RESET | Event.RESYNC:
                self._command(Command[item.event.name])
            case Event.PREPARE:
                self._command(Command.PREPARE, item.product)
            case Event.PRODUCT_LEFT:
                self._tell(lambda now: self._conductor.product_left("taken away", now))
                self._after(item.judge, functools.partial(self._command, Command.PREPARE, 1))
            case Event.SOURCE_LOST:
                self._source_since = NEVER
                self._tell(lambda now: self._conductor.source_lost("lost", now))
                self._after(item.judge, self._camera_begins, mortal=True)
            case Event.DEATH if self._alive:
                self._alive, self._source_since = False, NEVER
                self._birth += 1
                self.checks.restart()
                self._after(DOWN, self._start)
            case Event.REPEAT if self._arrived:
                before = self.checks.last_seq
                self._tell(lambda now: self._conductor.trigger(self._number, now_ns=now))
                if self.checks.last_seq != before:
                    self.checks.wrong.append(f"number {self._number} was a trigger again")
            case Event.REBOOT:
                self._number, self._arrived, self._arrived_number = 0, False, 0
                self.checks.waits.clear()
                self._tell(lambda now: self._conductor.trigger(0, now_ns=now))
            case Event.SILENCE:
                self._beating = False
                self._after(SILENT, self._wake)
            case _:
                pass

    def _wake(self) -> None:
        self._beating = True
