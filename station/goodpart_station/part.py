"""One part from its trigger to its verdict: the only things that threads hand to each other."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from goodpart import Inspection
from goodpart.facts.spec import Channels
from goodpart_station.codes import Bits, PartVerdict, Reason, State


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a source.

    Attributes:
        pixels: as for `Inspector.inspect`; nobody ever writes to it again, after `Source.done` neither.
        at_ns: CLOCK_MONOTONIC at which it was whole in memory.
        camera_frame: the camera's own number of it, which counts up by 1, or None.
        complete: whether the camera says that all of it has arrived.
        name: of the file that it came from, or None.
        unreadable: why there are no pixels (`pixels` is then empty), or None.
        channels: what a camera says that the pixels are. Its frames must be as the bundle declares, and of the very
            size of the good images. None: a file, which was read as the bundle declares.
        bits: what a camera says of how many bits of a value it uses, or None.
        asked_by: `Part.seq` of the part whose software trigger the frame followed, 0 if it followed none; None if the
            source cannot tell.
        stray: whether it is certainly no part's. A camera may have frozen on it, so the judge must know it.
    """

    pixels: npt.NDArray[Any]
    at_ns: int
    camera_frame: int | None = None
    complete: bool = True
    name: str | None = None
    unreadable: str | None = None
    channels: Channels | None = None
    bits: int | None = None
    asked_by: int | None = None
    stray: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One part, known by its trigger.

    Attributes:
        seq: the station's own number: 1 for the first part after a start, then one more for each trigger.
        plc_seq: the number that the PLC gave it, 1 to 65535, or None without a PLC.
        part_id: what the PLC calls it, 0 to 2^32 - 1; 0 if it says nothing.
        product: the number of the product that was judged at the trigger.
        triggered_ns: CLOCK_MONOTONIC of the trigger.
        deadline_ns: CLOCK_MONOTONIC at which it gets TIMEOUT.
    """

    seq: int
    plc_seq: int | None
    part_id: int
    product: int
    triggered_ns: int
    deadline_ns: int


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """What a PLC reads about one part.

    Attributes:
        seq: the number that the PLC gave the part, 1 to 65535.
        verdict, reason: the answer.
        product: the product's number.
        score_millisigmas: the image score times 1000, cut to 32 bits with sign; 0 without a score.
        elapsed_ms: from trigger to verdict, at most 65535.
    """

    seq: int
    verdict: PartVerdict
    reason: Reason
    product: int
    score_millisigmas: int
    elapsed_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """Everything about one answered part. Sinks and the page get it, after the PLC's slot is written.

    Attributes:
        part: the part.
        verdict, reason: as in its slot.
        detail: the reason in words, or None.
        product: the product's name.
        bundle: the digest of the bundle that judged, or "" if none did.
        serial: the bundle's serial, or 0.
        inspection, frame: what was judged; None if nothing was.
        late: the verdict came after the deadline: the slot holds TIMEOUT, whatever `inspection` says.
        simulated: the frame came from a replay.
        answered_ns: CLOCK_MONOTONIC of the answer.
        at: UTC seconds since 1970 of the answer.
        ms: milliseconds of "grab", "queue", "embed", "search" and "total", as far as they are known.
    """

    part: Part
    verdict: PartVerdict
    reason: Reason
    detail: str | None
    product: str
    bundle: str
    serial: int
    inspection: Inspection | None
    frame: Frame | None
    late: bool
    simulated: bool
    answered_ns: int
    at: float
    ms: Mapping[str, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """The newest state of the station, as a PLC and the page see it.

    Attributes:
        state, bits: what it does, and what should be known.
        heartbeat: 0 to 65535, one more every 100 ms while source and judge show life.
        accepted_seq: the PLC's number of the last trigger that was taken or refused; 0 before the first.
        result_seq: the PLC's number of the last result; 0 before the first.
        product: the number of the product that is judged now, 0 for none.
        good_total: parts that got GOOD since the start, modulo 2^32.
        bundle: digest of the bundle that judges now, hexadecimal, or "".
        why: the state in words for people, such as what a FAULT comes from; "" if there is nothing to say.
    """

    state: State
    bits: Bits
    heartbeat: int
    accepted_seq: int
    result_seq: int
    product: int
    good_total: int
    bundle: str
    why: str
