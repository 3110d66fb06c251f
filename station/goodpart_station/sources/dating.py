"""When the frames of a live stream were exposed: at the earliest, because a stream is always late."""

_DRIFT = 200e-6
"""How much faster or slower than this PC's clock a camera's clock may run. Quartz stays within 100 ppm."""

SETTLED_AFTER_NS = 1_000_000_000
"""A stream counts as settled when for so long no frame has come sooner after its time stamp than those before it."""

_STEADY_NS = 5_000_000
"""What does not count as sooner: the jitter of a network and of threads."""


class Dating:
    """Dates frames by their time stamps and by their arrival.

    A frame's delay is the time from its time stamp to its arrival, plus an unknown but constant offset between the two
    clocks. The least delay that was ever seen is that of a frame that waited nowhere. So a frame with a longer delay
    has waited, in a buffer of the camera, of the network or of this PC, and is older than its arrival says. Its
    exposure is dated by its time stamp and the least delay. Only the least delay itself is then unknown, and
    `latency_ns` stands for it.

    The least delay may grow by `_DRIFT`, because the camera's clock may be slower than this PC's. A lasting delay that
    grows as slowly as that is taken for the clock's.

    Attributes:
        same_clock: whether time stamps are of this PC's CLOCK_MONOTONIC.
        jumped: whether the last frame came much sooner after its time stamp than those before it: the sender's clock
            has jumped, or all of them had waited. Until the stream has settled again, frames cannot be dated.
    """

    def __init__(self, *, latency_ns: int, same_clock: bool = False) -> None:
        """Has seen no frame.

        Args:
            latency_ns: how long before its arrival a frame that waited nowhere was exposed, at most.
            same_clock: whether time stamps are of this PC's CLOCK_MONOTONIC.
        """
        self._latency_ns, self.same_clock = latency_ns, same_clock
        self._least_ns: float | None = 0.0 if same_clock else None
        self._last_ns = 0
        self.jumped = False
        # the least delay that the stream had when it last was sooner, and when that was
        self._steady_ns, self._sooner_ns = 0.0, 0

    @property
    def settled(self) -> bool:
        """Whether the least delay is known. A server may send frames of the last seconds first, all at once."""
        return self._last_ns - self._sooner_ns >= SETTLED_AFTER_NS and self._sooner_ns > 0

    def exposed_ns(self, stamp_ns: int, arrived_ns: int) -> int:
        """CLOCK_MONOTONIC at which a frame was exposed at the earliest.

        Args:
            stamp_ns: its time stamp, of any clock.
            arrived_ns: CLOCK_MONOTONIC of its arrival, not before that of the last frame.
        """
        delay_ns = arrived_ns - stamp_ns
        least_ns = self._least_ns
        if least_ns is None:
            least_ns = float(delay_ns)
        elif not self.same_clock:
            least_ns += (arrived_ns - self._last_ns) * _DRIFT
        self.jumped = delay_ns < least_ns - _STEADY_NS
        least_ns = min(least_ns, float(delay_ns))
        # small steps add up, so they are compared with the last large one
        if self._sooner_ns == 0 or least_ns < self._steady_ns - _STEADY_NS:
            self._steady_ns, self._sooner_ns = least_ns, arrived_ns
        self._least_ns, self._last_ns = least_ns, arrived_ns
        return stamp_ns + int(least_ns) - self._latency_ns
