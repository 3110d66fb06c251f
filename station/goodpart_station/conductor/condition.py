"""Condition: what the station's state follows from."""

import enum

from goodpart_station.codes import Reason, State


class Fault(enum.Enum):
    """What a FAULT comes from."""

    SOURCE = enum.auto()
    PRODUCT = enum.auto()
    LATE = enum.auto()
    OUTPUTS = enum.auto()


class Condition:
    """Source, product, faults, halt and step: the state is read off them and kept nowhere.

    Attributes:
        halted: whether somebody has asked for HALT.
        source_up: whether the source gives frames.
        source_why: why it does not, or "".
        product: the number of the product that is judged now, 0 for none.
        wanted: the number of the product that is being prepared, 0 for none.
        product_why: why there is no product, or "".
        step_why: why the counting cannot be trusted, or None while it can.
        outputs_why: why outputs cannot be switched, or "".
        faults: what is wrong, in words.
    """

    def __init__(self) -> None:
        self.halted = False
        self.source_up = False
        self.source_why = ""
        self.product = 0
        self.wanted = 0
        self.product_why = ""
        self.step_why: str | None = None
        self.outputs_why = ""
        self.faults: dict[Fault, str] = {}
        self._failed = 0

    def state(self, *, in_hand: bool) -> State:
        """The state.

        Args:
            in_hand: whether parts wait for their answer.
        """
        if self.faults:
            return State.FAULT
        if self.halted:
            return State.HALTED
        if not self.source_up:
            return State.STARTING
        if self.step_why is not None:
            return State.OUT_OF_STEP
        if not self.product:
            return State.INITIALIZED
        return State.BUSY if in_hand else State.READY

    @property
    def why(self) -> str:
        """The state in words, or ""."""
        match self.state(in_hand=False):
            case State.FAULT:
                return "; ".join(self.faults.values())
            case State.HALTED:
                return "halted"
            case State.STARTING:
                return f"waits for the source ({self.source_why})" if self.source_why else "waits for the source"
            case State.OUT_OF_STEP:
                return self.step_why or ""
            case State.INITIALIZED if self.wanted:
                return f"product {self.wanted} is being prepared"
            case State.INITIALIZED:
                return self.product_why or "no product is prepared"
            case _:
                return ""

    @property
    def refusal(self) -> Reason:
        """Why a trigger is refused that comes now, as far as the state says it; NONE if it is not."""
        match self.state(in_hand=False):
            case State.READY:
                return Reason.NONE
            case State.OUT_OF_STEP:
                return Reason.OUT_OF_STEP
            case State.INITIALIZED:
                return Reason.PRODUCT_NOT_READY
            case _:
                return Reason.NOT_READY

    def prepare(self, number: int) -> bool:
        """Another product is wanted: nothing is judged until it is ready.

        Returns:
            whether it must be loaded; it need not if it is judged now, or is being loaded.
        """
        if number in (self.product, self.wanted):
            return False
        self.product, self.wanted = 0, number
        return True

    def product_ready(self, number: int) -> None:
        """A product is loaded."""
        if number == self.wanted:
            self.product, self.wanted, self.product_why = number, 0, ""
            self.faults.pop(Fault.PRODUCT, None)

    def product_failed(self, number: int, why: str) -> None:
        """A product cannot be loaded."""
        if number == self.wanted:
            self.wanted, self._failed = 0, number
            self.product_why = self.faults[Fault.PRODUCT] = why

    def mended(self, fault: Fault, what: str, *, by_itself: bool) -> None:
        """The cause of a fault is gone: the fault goes too, or says that RESET ends it.

        Args:
            fault: which one; it need not be there.
            what: says that the cause is gone.
            by_itself: whether the station leaves FAULT by itself.
        """
        if by_itself:
            self.faults.pop(fault, None)
        elif (why := self.faults.get(fault)) is not None and not why.startswith(what):
            self.faults[fault] = f"{what}, and RESET ends this FAULT: {why}"

    def reset(self) -> int:
        """Ends halt and faults, but for outputs that still cannot be switched.

        Returns:
            the number of a product that must be loaded once more, 0 for none.
        """
        again = self._failed if Fault.PRODUCT in self.faults and not self.wanted else 0
        self.halted = False
        self.faults.clear()
        if self.outputs_why:
            self.faults[Fault.OUTPUTS] = self.outputs_why
        return again
