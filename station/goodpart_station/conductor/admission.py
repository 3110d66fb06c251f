"""Admission: whether a part can be taken that is announced now."""

from goodpart_station.codes import Reason
from goodpart_station.conductor.condition import Condition
from goodpart_station.conductor.hands import Hands
from goodpart_station.conductor.pairing import Pairing
from goodpart_station.conductor.plc import PlcPulse
from goodpart_station.conductor.rules import Rules

_OVERRUN_SHOWN_NS = 10_000_000_000

Refusal = tuple[Reason, str]
"""Why a part is refused, and the same in words."""


class Admission:
    """Decides, and remembers for some seconds that parts came too fast."""

    def __init__(self, rules: Rules, condition: Condition, hands: Hands, pairing: Pairing, plc: PlcPulse) -> None:
        self._rules, self._condition, self._hands, self._pairing, self._plc = rules, condition, hands, pairing, plc
        self._announced_ns: int | None = None
        self._overrun_ns: int | None = None

    def announced(self, product: int, *, by_plc: bool, now_ns: int) -> Refusal | None:
        """Why a part is refused that is announced now, or None if it is taken.

        Args:
            product: the product that it must be judged as, 0 for any.
            by_plc: whether a PLC announces it.
            now_ns: CLOCK_MONOTONIC.
        """
        last_ns, self._announced_ns = self._announced_ns, now_ns
        refusal = self.refusal(product, by_plc=by_plc)
        spacing_ns = self._rules.min_spacing_ns
        if refusal is None and last_ns is not None and now_ns - last_ns < spacing_ns:
            found = f"{(now_ns - last_ns) / 1e6:.1f}"
            refusal = Reason.OVERRUN, f"expected {spacing_ns / 1e6:g} ms between two triggers, found {found}"
        if refusal is not None and refusal[0] is Reason.OVERRUN:
            self._overrun_ns = now_ns
        return refusal

    def refusal(self, product: int, *, by_plc: bool) -> Refusal | None:
        """The same without regard to the last part."""
        condition = self._condition
        if condition.refusal is not Reason.NONE:
            return condition.refusal, condition.why
        if by_plc and self._plc.lost:
            return Reason.PLC_LOST, "the PLC's heartbeat rests"
        if product not in (0, condition.product):
            found = f"product {condition.product} is judged now, and product {product} was asked for"
            return Reason.PRODUCT_NOT_READY, found
        if self._hands.waiting >= self._rules.queue_parts:
            return Reason.OVERRUN, f"{self._hands.waiting} parts wait already"
        if self._pairing.exposing:
            # a picture that is taken later shows the place where the part has been
            return Reason.OVERRUN, "the picture of the part before is still being taken"
        return None

    def pass_time(self, now_ns: int) -> None:
        """Time has passed."""
        if (shown_to_ns := self.next_ns) is not None and now_ns >= shown_to_ns:
            self._overrun_ns = None

    @property
    def overrun(self) -> bool:
        """Whether parts came too fast in the last seconds."""
        return self._overrun_ns is not None

    @property
    def next_ns(self) -> int | None:
        """When `overrun` ends; None if it is not on."""
        return None if self._overrun_ns is None else self._overrun_ns + _OVERRUN_SHOWN_NS
