"""Conductor: decides which frame is whose, what each part is answered, and when."""

from goodpart_station.codes import Bits, Command, Reason, State
from goodpart_station.conductor.condition import Condition, Fault
from goodpart_station.conductor.effects import Effect, Judgement, Prepare
from goodpart_station.conductor.flow import Flow
from goodpart_station.conductor.plc import PlcPulse
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.part import Frame, Part


class Conductor:
    """The rules of the station, without threads and without I/O.

    Every method that is told something returns what must be done about it, in order. The caller holds one lock around
    each call and what it does about the effects, so that slots are written in the order of the answers. It reads
    CLOCK_MONOTONIC for `now_ns`; a reading that is older than the last one counts as the last one.
    """

    def __init__(self, rules: Rules, *, now_ns: int) -> None:
        """Begins in STARTING, without a source, a product and a PLC."""
        self._rules, self._now_ns = rules, now_ns
        self._condition, self._plc = Condition(), PlcPulse(rules.plc_timeout_ns)
        self._flow = Flow(rules, self._condition, self._plc, now_ns=now_ns)

    def trigger(self, plc_seq: int | None, *, product: int = 0, part_id: int = 0, now_ns: int) -> tuple[Effect, ...]:
        """A part is there: it is taken, or answered at once.

        Args:
            plc_seq: the PLC's number of it, 1 to 65535. The number of the last trigger again is no trigger, because
                PLCs write their registers in every cycle. Any other number is one. 0 is no trigger either: it says that
                the PLC has begun again, and the next number is a trigger even if it is the last one. None for a part
                that no PLC has announced.
            product: the number of the product that the part must be judged as, 0 for the one that is judged now.
            part_id: what the PLC calls the part.
            now_ns: CLOCK_MONOTONIC.
        """
        self._begin(now_ns)
        if plc_seq == 0:
            self._flow.accepted_seq = 0
        elif plc_seq is None or plc_seq != self._flow.accepted_seq:
            self._flow.announced(plc_seq, product, part_id)
        return self._done()

    def frame(self, frame: Frame, now_ns: int) -> tuple[Effect, ...]:
        """The source has a frame."""
        self._begin(now_ns)
        self._flow.arrived(frame)
        return self._done()

    def judged(self, part: Part, judgement: Judgement, now_ns: int) -> tuple[Effect, ...]:
        """The judge has done what a `Judge` asked for."""
        self._begin(now_ns)
        self._flow.judged(part, judgement)
        return self._done()

    def tick(self, now_ns: int) -> tuple[Effect, ...]:
        """Time has passed; see `wakeup_ns`."""
        self._begin(now_ns)
        return self._done()

    def plc_heartbeat(self, now_ns: int) -> tuple[Effect, ...]:
        """The PLC's heartbeat has changed. A PLC is there, or there again, when it has changed twice."""
        self._begin(now_ns)
        self._plc.changed(self._now_ns)
        return self._done()

    def source_ready(self, now_ns: int) -> tuple[Effect, ...]:
        """The source gives frames from now on; none of them was taken before."""
        self._begin(now_ns)
        self._condition.source_up, self._condition.source_why = True, ""
        self._condition.mended(Fault.SOURCE, "the source is back", by_itself=self._rules.auto_reset)
        return self._done()

    def source_lost(self, why: str, now_ns: int) -> tuple[Effect, ...]:
        """The source gives no frames any more: FAULT."""
        self._begin(now_ns)
        self._condition.source_up, self._condition.source_why = False, why
        self._condition.faults[Fault.SOURCE] = why
        self._flow.source_lost(why)
        return self._done()

    def outputs(self, why: str, now_ns: int) -> tuple[Effect, ...]:
        """Outputs of this PC cannot be switched, for this reason: FAULT. "" says that they can again."""
        self._begin(now_ns)
        self._condition.outputs_why = why
        if why:
            self._condition.faults[Fault.OUTPUTS] = why
            self._flow.give_up(why)
        else:
            what = "the outputs can be switched again"
            self._condition.mended(Fault.OUTPUTS, what, by_itself=self._rules.auto_reset)
        return self._done()

    def product_ready(self, number: int, now_ns: int) -> tuple[Effect, ...]:
        """A product is loaded. It is judged from now on, unless another one was asked for in the meantime."""
        self._begin(now_ns)
        self._condition.product_ready(number)
        return self._done()

    def product_failed(self, number: int, why: str, now_ns: int) -> tuple[Effect, ...]:
        """A product cannot be loaded: FAULT. The one before it is judged no more: other parts lie on the line."""
        self._begin(now_ns)
        self._condition.product_failed(number, why)
        return self._done()

    def product_left(self, why: str, now_ns: int) -> tuple[Effect, ...]:
        """The product that was judged until now can be judged no more, such as one whose bundle was taken away."""
        self._begin(now_ns)
        self._condition.product, self._condition.product_why = 0, why
        return self._done()

    def command(self, command: int, *, product: int = 0, now_ns: int) -> tuple[Reason, tuple[Effect, ...]]:
        """Does what a PLC or a person asks for.

        Args:
            command: a `Command`. HALT is always done. RESET ends HALTED and FAULT. RESYNC ends OUT_OF_STEP as soon as
                no frame of an earlier part can come. PREPARE begins to load `product`.
            product: the number of the product to prepare.
            now_ns: CLOCK_MONOTONIC.

        Returns:
            NONE if it was carried out or has begun, else why not, and the effects.
        """
        self._begin(now_ns)
        match command:
            case Command.HALT:
                self._condition.halted = True
                reason = Reason.NONE
            case Command.RESET:
                reason = self._reset()
            case Command.RESYNC:
                # frames of exposures that the station asked for can still come: tick ends OUT_OF_STEP when they cannot
                if self._rules.trigger is not TriggerKind.SOFTWARE:
                    self._condition.step_why = None
                reason = Reason.NONE
            case Command.PREPARE:
                reason = self._prepare(product)
            case _:
                reason = Reason.UNKNOWN_COMMAND
        return reason, self._done()

    @property
    def wakeup_ns(self) -> int | None:
        """When `tick` must be called at the latest; None if nothing is waited for."""
        times = [each for each in (self._plc.next_ns, self._flow.next_ns) if each is not None]
        return min(times, default=None)

    @property
    def has_room(self) -> bool:
        """Whether a part that came now would be taken. A source that can wait, such as a folder, waits for it."""
        return self._flow.admission.refusal(0, by_plc=False) is None

    @property
    def state(self) -> State:
        """What the station does."""
        return self._condition.state(in_hand=self._flow.any_open)

    @property
    def why(self) -> str:
        """The state in words, or ""."""
        return self._condition.why

    @property
    def bits(self) -> Bits:
        """OVERRUN for some seconds after one, PLC_LOST and SIMULATION."""
        return (
            (Bits.OVERRUN if self._flow.admission.overrun else Bits(0))
            | (Bits.PLC_LOST if self._plc.lost else Bits(0))
            | (Bits.SIMULATION if self._rules.simulated else Bits(0))
        )

    @property
    def seq(self) -> int:
        """The station's own number of the last part; 0 before the first."""
        return self._flow.seq

    @property
    def accepted_seq(self) -> int:
        """The PLC's number of the last trigger that was taken or refused; 0 before the first."""
        return self._flow.accepted_seq

    @property
    def result_seq(self) -> int:
        """The PLC's number of the last part that was answered; 0 before the first."""
        return self._flow.answers.result_seq

    @property
    def product(self) -> int:
        """The number of the product that is judged now, 0 for none."""
        return self._condition.product

    @property
    def good_total(self) -> int:
        """Parts that got GOOD, modulo 2^32."""
        return self._flow.answers.good_total

    @property
    def timeouts_total(self) -> int:
        """Parts that got TIMEOUT."""
        return self._flow.answers.timeouts_total

    @property
    def late_total(self) -> int:
        """Judgements that came after their part had got TIMEOUT."""
        return self._flow.answers.late_total

    def _begin(self, now_ns: int) -> None:
        """Does what time alone brings about, before anything that is told."""
        self._now_ns = max(now_ns, self._now_ns)
        self._plc.pass_time(self._now_ns)
        self._flow.pass_time(self._now_ns)

    def _done(self) -> tuple[Effect, ...]:
        if self._rules.auto_reset and self._flow.idle and self._condition.faults.pop(Fault.LATE, None) is not None:
            # the judge has done all that it had
            self._flow.forgive()
        effects = tuple(self._flow.effects)
        self._flow.effects.clear()
        return effects

    def _reset(self) -> Reason:
        in_step = self._condition.state(in_hand=False) is not State.OUT_OF_STEP
        if again := self._condition.reset():
            self._prepare(again)
        self._flow.forgive()
        return Reason.NONE if in_step else Reason.OUT_OF_STEP

    def _prepare(self, number: int) -> Reason:
        if number not in self._rules.products:
            return Reason.PRODUCT_NOT_READY
        if self._condition.prepare(number):
            self._flow.effects.append(Prepare(number))
        return Reason.NONE
