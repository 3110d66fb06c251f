"""What the conductor is told about a frame, and what it asks to be done."""

import dataclasses
from collections.abc import Mapping

from goodpart import Inspection
from goodpart_station.codes import PartVerdict, Reason
from goodpart_station.part import Frame, Part


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judgement:
    """What the judge found in a frame.

    Attributes:
        inspection: what the bundle says, or None if the frame has no verdict.
        reason: why there is neither GOOD nor DEFECT: NO_SIGNAL, FROZEN_CAMERA or UNFIT_FRAME beside an inspection that
            is UNKNOWN; FRAME_REFUSED, INFERENCE_ERROR or PRODUCT_NOT_READY without an inspection; else NONE.
        detail: the reason in words, or None.
        product: the number of the product whose bundle judged, 0 if none did.
        bundle: the digest of this bundle, or "".
        serial: of this bundle, or 0.
        ms: milliseconds of "grab", "queue", "embed" and "search", as far as they are known. Not used by the conductor.
    """

    inspection: Inspection | None
    reason: Reason
    detail: str | None
    product: int
    bundle: str = ""
    serial: int = 0
    ms: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def verdict(self) -> PartVerdict:
        """GOOD, DEFECT or UNKNOWN as inspected; REFUSED without an inspection."""
        return PartVerdict.REFUSED if self.inspection is None else PartVerdict[self.inspection.verdict.value]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """The trigger counts. The part's slot must read NONE from now on: an older part may have had the same number.

    Attributes:
        part: the part.
    """

    part: Part


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Expose:
    """The camera must take the picture now (software trigger).

    Attributes:
        part: whose picture.
    """

    part: Part


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """The judge must inspect the frame with the bundle of `part.product`, and then call `Conductor.judged`.

    Attributes:
        part: the part that the frame shows.
        frame: its frame.
    """

    part: Part
    frame: Frame


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Prepare:
    """The product must be loaded; then `Conductor.product_ready` or `product_failed` must be called.

    Parts of the product before it may still be with the judge.

    Attributes:
        product: its number.
    """

    product: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answer:
    """The answer for a part. Each part gets exactly one with `late` off.

    Attributes:
        part: the part.
        verdict, reason: for its slot. With a simulated source, SIMULATED stands for GOOD, DEFECT and UNKNOWN.
        detail: the reason in words, or None.
        frame: the frame that belongs to the part, as far as it is known, or None.
        judgement: what the answer stands on, or None.
        late: the judgement came after the part had got TIMEOUT. This answer is for the records alone: it must not be
            written to a slot, which may belong to another part by now.
        at_ns: CLOCK_MONOTONIC of the answer.
    """

    part: Part
    verdict: PartVerdict
    reason: Reason
    detail: str | None
    frame: Frame | None
    judgement: Judgement | None
    late: bool
    at_ns: int


Effect = Taken | Expose | Judge | Prepare | Answer
"""What the conductor asks for. Effects are carried out in their order."""
