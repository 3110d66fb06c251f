"""Conductor: decides which frame is whose, what each part is answered, and when."""

from goodpart_station.codes import Bits, Reason, State
from goodpart_station.conductor.effects import Effect, Judgement
from goodpart_station.conductor.rules import Rules
from goodpart_station.part import Frame, Part


class Conductor:
    """The rules of the station, without threads and without I/O.

    Every method that is told something returns what must be done about it, in order. The caller holds one lock around
    each call and what it does about the effects, so that slots are written in the order of the answers. It reads
    CLOCK_MONOTONIC for `now_ns`; a reading that is older than the last one counts as the last one.
    """

    def __init__(self, rules: Rules, *, now_ns: int) -> None:
        """Begins in STARTING, without a source and without a product."""
        self._rules = rules
        self._now_ns = now_ns

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
        raise NotImplementedError

    def frame(self, frame: Frame, now_ns: int) -> tuple[Effect, ...]:
        """The source has a frame."""
        raise NotImplementedError

    def judged(self, part: Part, judgement: Judgement, now_ns: int) -> tuple[Effect, ...]:
        """The judge has done what a `Judge` asked for."""
        raise NotImplementedError

    def tick(self, now_ns: int) -> tuple[Effect, ...]:
        """Time has passed; see `wakeup_ns`."""
        raise NotImplementedError

    def plc_heartbeat(self, now_ns: int) -> tuple[Effect, ...]:
        """The PLC's heartbeat has changed. A PLC is there, or there again, when it has changed twice."""
        raise NotImplementedError

    def source_ready(self, now_ns: int) -> tuple[Effect, ...]:
        """The source gives frames from now on; none of them was taken before."""
        raise NotImplementedError

    def source_lost(self, why: str, now_ns: int) -> tuple[Effect, ...]:
        """The source gives no frames any more: FAULT."""
        raise NotImplementedError

    def product_ready(self, number: int, now_ns: int) -> tuple[Effect, ...]:
        """A product is loaded. It is judged from now on, unless another one was asked for in the meantime."""
        raise NotImplementedError

    def product_failed(self, number: int, why: str, now_ns: int) -> tuple[Effect, ...]:
        """A product cannot be loaded: FAULT. The one before it is judged no more: other parts lie on the line."""
        raise NotImplementedError

    def product_left(self, why: str, now_ns: int) -> tuple[Effect, ...]:
        """The product that was judged until now can be judged no more, such as one whose bundle was taken away."""
        raise NotImplementedError

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
        raise NotImplementedError

    @property
    def wakeup_ns(self) -> int | None:
        """When `tick` must be called at the latest; None if nothing is waited for."""
        raise NotImplementedError

    @property
    def has_room(self) -> bool:
        """Whether a part that came now would be taken. A source that can wait, such as a folder, waits for it."""
        raise NotImplementedError

    @property
    def state(self) -> State:
        """What the station does."""
        raise NotImplementedError

    @property
    def why(self) -> str:
        """The state in words, or ""."""
        raise NotImplementedError

    @property
    def bits(self) -> Bits:
        """OVERRUN for some seconds after one, PLC_LOST and SIMULATION."""
        raise NotImplementedError

    @property
    def accepted_seq(self) -> int:
        """The PLC's number of the last trigger that was taken or refused; 0 before the first."""
        raise NotImplementedError

    @property
    def result_seq(self) -> int:
        """The PLC's number of the last part that was answered; 0 before the first."""
        raise NotImplementedError

    @property
    def product(self) -> int:
        """The number of the product that is judged now, 0 for none."""
        raise NotImplementedError

    @property
    def good_total(self) -> int:
        """Parts that got GOOD, modulo 2^32."""
        raise NotImplementedError

    @property
    def timeouts_total(self) -> int:
        """Parts that got TIMEOUT."""
        raise NotImplementedError

    @property
    def late_total(self) -> int:
        """Judgements that came after their part had got TIMEOUT."""
        raise NotImplementedError
