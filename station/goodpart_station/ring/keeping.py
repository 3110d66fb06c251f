"""Which frames are kept, and why. The reason decides later what a frame may be used for."""

import enum
import hashlib

import numpy as np

from goodpart import Verdict
from goodpart_station.codes import PartVerdict
from goodpart_station.part import Frame, Result
from goodpart_station.ring.config import RingConfig


class KeptFor(enum.Enum):
    """Why a frame is kept."""

    RANDOM = "random"
    REJECT = "reject"
    NEAR = "near"
    UNKNOWN = "unknown"


SHARES = {KeptFor.RANDOM: 0.40, KeptFor.REJECT: 0.35, KeptFor.NEAR: 0.15, KeptFor.UNKNOWN: 0.10}
"""The share of the ring's room that each reason has."""


def is_drawn(boot: str, seq: int, rate: float) -> bool:
    """Whether the draw fell on a part.

    It is a hash of the part's number alone. So it stands before the part is judged, and cannot depend on its verdict:
    frames that are kept for it may set a threshold.

    Args:
        boot: the id of this start of the station.
        seq: the part's number.
        rate: the probability, 0 to 1.
    """
    digest = hashlib.blake2b(f"{boot}-{seq}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < rate * 2.0**64


def why_kept(result: Result, boot: str, config: RingConfig) -> KeptFor | None:
    """Why the frame of a part is kept, or None if it is not.

    It takes microseconds, so that the judging thread can ask.

    Args:
        result: of the part.
        boot: the id of this start of the station.
        config: of the ring.
    """
    if result.frame is None or not _is_picture(result.frame):
        return None
    if result.verdict is PartVerdict.TIMEOUT and not result.late and result.inspection is None:
        # the judge still has the frame: it comes again with what is in it
        return None
    if is_drawn(boot, result.part.seq, config.random_rate):
        return KeptFor.RANDOM
    inspection = result.inspection
    if inspection is None or result.verdict in (PartVerdict.UNKNOWN, PartVerdict.REFUSED):
        return KeptFor.UNKNOWN
    if inspection.verdict is Verdict.UNKNOWN:
        return KeptFor.UNKNOWN
    if inspection.verdict is Verdict.DEFECT:
        return KeptFor.REJECT
    if inspection.margin > -config.near_sigmas:
        return KeptFor.NEAR
    # a good part that was rejected for its lateness alone
    return KeptFor.UNKNOWN if result.late else None


def file_name(boot: str, seq: int) -> str:
    """The name of a part's image; numbers begin anew at each start, so the start's id stands before it."""
    return f"{boot}-{seq:09d}.png"


def _is_picture(frame: Frame) -> bool:
    """Whether a PNG can hold the pixels without a loss."""
    pixels = frame.pixels
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    return frame.unreadable is None and shaped and pixels.size > 0 and pixels.dtype in (np.uint8, np.uint16)
