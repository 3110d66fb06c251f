"""Engine: carries out what the conductor asks for, and judges."""

import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Callable

from goodpart.facts.spec import FrameSpec
from goodpart_station.codes import Bits, Command, Reason
from goodpart_station.conductor.conductor import Conductor
from goodpart_station.conductor.effects import Answer, Effect, Expose, Prepare, Taken
from goodpart_station.conductor.effects import Judge as JudgeFrame
from goodpart_station.conductor.rules import Rules
from goodpart_station.feed import SOURCE, Feed
from goodpart_station.judge import Judge
from goodpart_station.life import Life
from goodpart_station.line import PlcLink, Sink, Wakes, Watcher
from goodpart_station.part import Frame, Status
from goodpart_station.passed import Passed
from goodpart_station.products import Products
from goodpart_station.results import empty_slot, result_of, slot_of, status_of
from goodpart_station.sources.source import Source

JUDGE, LOOP = "judge", "loop"
"""The names of threads that must show life, beside that of the source."""

_JUDGE_POLL_S = 0.1
"""How long the judge waits for a frame before it shows life again."""

_FEED_END_S = 1.0
"""How long the end waits for the source's thread."""

_END_WITHIN_S = 5.0
"""How long parts in hand may take to be answered when the station ends."""

_log = logging.getLogger(__name__)


class Engine:
    """The station as its links, sinks and the page see it (`Line`), and its judging loop.

    One lock is held around each call of the conductor and what it asks for, which is memory alone: a slot, a mailbox, a
    queue. So answers come out in their order, and the judge waits for nothing but a frame.

    Attributes:
        products, source: what judges, and where frames come from.
        feed: the thread of the source.
        life: when each thread last showed life.
        plc_links, watchers, sinks: what answers, steps and results go to; added before `run`.
    """

    def __init__(
        self, rules: Rules, *, products: Callable[["Engine"], Products], source: Callable[["Engine"], Source]
    ) -> None:
        """Puts the parts together; nothing runs yet.

        Args:
            rules: the conductor's settings.
            products: makes the products, which tell the engine what is ready.
            source: makes the source, which asks the engine for the frame that is wanted.
        """
        self._lock = threading.Lock()
        self.products = products(self)
        self.source = source(self)
        # a program may bring a source of its own, which the station's file does not know
        self._simulated = rules.simulated or self.source.simulated
        rules = dataclasses.replace(rules, simulated=self._simulated)
        self._conductor = Conductor(rules, now_ns=time.monotonic_ns())
        self._tasks: queue.SimpleQueue[tuple[JudgeFrame, tuple[Frame, ...]] | None] = queue.SimpleQueue()
        self._passed = Passed()
        self._open: set[int] = set()
        self._heartbeat, self._extra_bits = 0, Bits(0)
        self._wakeup_ns: int | None = None
        self._has_room = False
        # no Event: its lock would be held for ever by a signal handler that interrupts another one
        self._stopping = False
        self._failure: BaseException | None = None
        self.life = Life((SOURCE, JUDGE, LOOP))
        self.plc_links: list[PlcLink] = []
        self.watchers: list[Watcher] = []
        self.sinks: list[Sink] = []
        self.loop: Wakes | None = None
        self._judge = Judge(self.products, repeats=self.source.repeats)
        self.feed = Feed(self.source, self, self.life)
        self._status = self._new_status()

    # What links, sinks and the page ask: see `Line`.

    def trigger(self, plc_seq: int | None, *, product: int = 0, part_id: int = 0) -> int | None:
        """A part is there; see `Line.trigger`."""
        seq: int | None = None

        def told(now_ns: int) -> tuple[Effect, ...]:
            nonlocal seq
            before = self._conductor.seq
            effects = self._conductor.trigger(plc_seq, product=product, part_id=part_id, now_ns=now_ns)
            seq = self._conductor.seq if self._conductor.seq != before else None
            return effects

        self._step(told)
        return seq

    def plc_heartbeat(self) -> None:
        """The PLC's heartbeat has changed."""
        self._step(self._conductor.plc_heartbeat)

    def acknowledge(self, plc_seq: int) -> None:
        """The PLC has used the result with this number. The link counts those that it has not; here nothing waits."""

    def command(self, command: int, *, product: int = 0, who: str) -> Reason:
        """Does what a PLC or a person asks for; see `Line.command`."""
        answer = Reason.UNKNOWN_COMMAND

        def told(now_ns: int) -> tuple[Effect, ...]:
            nonlocal answer
            if self._stopping and command != Command.HALT:
                answer = Reason.NOT_READY
                return ()
            answer, effects = self._conductor.command(command, product=product, now_ns=now_ns)
            return effects

        self._step(told)
        name = next((each.name for each in Command if each == command), str(command))
        refused = "" if answer is Reason.NONE else f", refused: {answer.name}"
        _log.info("%s: %s%s%s", who, name, f" {product}" if product else "", refused)
        return answer

    def status(self) -> Status:
        """The newest state."""
        return self._status

    # What the event loop, the products and the source tell.

    def tick(self) -> None:
        """The time has come that the conductor waits for."""
        self._step(self._conductor.tick)

    def beat(self, bits: Bits, *, alive: bool) -> None:
        """A tenth of a second has passed.

        Args:
            bits: what links and sinks want known.
            alive: whether the PLC's heartbeat may go on.
        """
        with self._lock:
            self._extra_bits = bits
            self._heartbeat = (self._heartbeat + alive) & 0xFFFF
            self._status = self._new_status()

    def product_ready(self, number: int) -> None:
        """A product is loaded."""
        self._step(lambda now_ns: self._conductor.product_ready(number, now_ns))

    def product_failed(self, number: int, why: str) -> None:
        """A product cannot be loaded."""
        self._step(lambda now_ns: self._conductor.product_failed(number, why, now_ns))

    def source_ready(self) -> None:
        """The source gives frames from now on."""
        self._step(self._conductor.source_ready)

    def source_lost(self, why: str) -> None:
        """The source gives no frames any more."""
        self._step(lambda now_ns: self._conductor.source_lost(why, now_ns))

    def outputs(self, why: str) -> None:
        """Outputs of this PC cannot be switched, for this reason; "" says that they can again."""
        self._step(lambda now_ns: self._conductor.outputs(why, now_ns))

    def frame(self, frame: Frame) -> bool:
        """The source has a frame; returns whether the judge has got it."""

        def told(now_ns: int) -> tuple[Effect, ...]:
            self._passed.arrived(frame)
            return () if frame.stray else self._conductor.frame(frame, now_ns)

        effects = self._step(told)
        return any(isinstance(effect, JudgeFrame) and effect.frame is frame for effect in effects)

    def is_over(self) -> bool:
        """Whether the station ends, and no part needs a frame any more."""
        return self._stopping and not self._open

    @property
    def wakeup_ns(self) -> int | None:
        """When `tick` must be called at the latest."""
        return self._wakeup_ns

    def spec(self, product: int = 0) -> FrameSpec | None:
        """The frame that a product's bundle declares; see `Wanted`."""
        live = self.products.get(product or self._status.product)
        return None if live is None else live.inspector.backbone.spec.frame

    def has_room(self) -> bool:
        """Whether a part that came now would be taken; see `Wanted`."""
        return self._has_room

    def stop(self, failure: BaseException | None = None) -> None:
        """Ends `run` after the parts in hand are answered. Signal handlers call it too.

        Args:
            failure: what `run` raises then, if something unexpected ends the station.
        """
        if failure is not None:
            self._failure = failure
        self._stopping = True
        self._tasks.put(None)

    def run(self) -> None:
        """Judges until `stop`. The calling thread is the judge.

        Raises:
            BaseException: what `stop` was told.
        """
        self.feed.start()
        until_s: float | None = None
        while until_s is None or (self._open and time.monotonic() < until_s):
            self._judge_next()
            if self._stopping and until_s is None:
                until_s = time.monotonic() + _END_WITHIN_S
                self.command(Command.HALT, who="end")
        self.feed.join(_FEED_END_S)
        if self._failure is not None:
            raise self._failure

    def _judge_next(self) -> None:
        self.life.beat(JUDGE)
        try:
            given = self._tasks.get(timeout=_JUDGE_POLL_S)
        except queue.Empty:
            return
        if given is not None:
            task, passed = given
            judgement = self._judge.look(task.part, task.frame, passed)
            self._step(lambda now_ns: self._conductor.judged(task.part, judgement, now_ns), judging=True)
            self.source.done(task.frame)

    def _step(self, tell: Callable[[int], tuple[Effect, ...]], *, judging: bool = False) -> tuple[Effect, ...]:
        """Tells the conductor something, and carries out what it asks for; what cannot be done ends the station."""
        with self._lock:
            effects = tell(time.monotonic_ns())
            try:
                for effect in effects:
                    self._carry_out(effect)
            except BaseException as error:
                # what was asked for is not done, and the conductor counts on it
                self.stop(error)
                raise
            before_ns, self._wakeup_ns = self._wakeup_ns, self._conductor.wakeup_ns
            self._has_room = self._conductor.has_room
            self._status = self._new_status()
        # the judge makes nothing due earlier, and a wake-up is a write to a socket
        if not judging and self.loop is not None and _is_earlier(self._wakeup_ns, before_ns):
            self.loop.wake()
        return effects

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Taken():
                self._open.add(effect.part.seq)
                if (slot := empty_slot(effect.part)) is not None:
                    for link in self.plc_links:
                        link.publish(slot)
                for watcher in self.watchers:
                    watcher.taken(effect.part)
            case Answer():
                self._answer(effect)
            case Expose():
                self.source.trigger(effect.part)
            case JudgeFrame():
                self._open.add(effect.part.seq)
                self._tasks.put((effect, self._passed.before(effect.frame)))
                for watcher in self.watchers:
                    watcher.acquired(effect.part)
            case Prepare():
                self.products.prepare(effect.product)

    def _answer(self, answer: Answer) -> None:
        if not answer.late:
            self._open.discard(answer.part.seq)
            # before anything else: the PLC waits for it
            if (slot := slot_of(answer)) is not None:
                for link in self.plc_links:
                    link.publish(slot)
        result = result_of(answer, product=self.products.name(answer.part.product), simulated=self._simulated)
        for sink in self.sinks:
            sink.put(result)

    def _new_status(self) -> Status:
        live = self.products.get(self._conductor.product)
        return status_of(self._conductor, live, bits=self._extra_bits, heartbeat=self._heartbeat)


def _is_earlier(new_ns: int | None, old_ns: int | None) -> bool:
    return new_ns is not None and (old_ns is None or new_ns < old_ns)
