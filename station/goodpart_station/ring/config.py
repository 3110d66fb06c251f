"""What the ring keeps, and how much of it."""

import dataclasses
import math

from goodpart.errors import UsageError

LEAST_BYTES = 4_000_000
"""The index alone may take a megabyte and a half."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RingConfig:
    """The section `[ring]`.

    Attributes:
        max_bytes: the most that the ring's folder takes, with its index, at least `LEAST_BYTES`.
        random_rate: the probability with which a part is kept whatever its verdict, 0 to 1.
        near_sigmas: a GOOD frame is kept if its score is less than this below the threshold, at least 0.
        rejects_per_minute: the most frames of DEFECT, and the most of UNKNOWN and REFUSED, that are written in a
            minute, at least 0. It bounds the wear of the disk when everything is rejected.
        retry_s: how long it writes nothing after the disk took no more, in seconds, above 0.
    """

    max_bytes: int = 20_000_000_000
    random_rate: float = 0.005
    near_sigmas: float = 0.5
    rejects_per_minute: int = 30
    retry_s: float = 30.0

    def __post_init__(self) -> None:
        if self.max_bytes < LEAST_BYTES:
            raise UsageError(f"max_bytes: expected at least {LEAST_BYTES}, found {self.max_bytes}")
        if not 0 <= self.random_rate <= 1:
            raise UsageError(f"random_rate: expected a share of 0 to 1, found {self.random_rate}")
        if not (self.near_sigmas >= 0 and math.isfinite(self.near_sigmas)):
            raise UsageError(f"near_sigmas: expected a number of 0 or more, found {self.near_sigmas}")
        if self.rejects_per_minute < 0:
            raise UsageError(f"rejects_per_minute: expected 0 or more, found {self.rejects_per_minute}")
        if not (self.retry_s > 0 and math.isfinite(self.retry_s)):
            raise UsageError(f"retry_s: expected a number above 0, found {self.retry_s}")
