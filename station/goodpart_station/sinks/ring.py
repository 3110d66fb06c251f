"""The ring as a sink: frames that are worth keeping go through a mailbox of their own."""

import time
from collections.abc import Callable

from goodpart_station.codes import Bits
from goodpart_station.part import Result
from goodpart_station.ring.ring import Ring
from goodpart_station.sinks.worker import Worker

FRAMES = 32
"""How many frames wait for the disk, at most."""

MOST_BYTES = 256_000_000
"""What the pixels of these frames take, at most; one frame may always wait."""

_TOLD_S = 60.0


class RingSink:
    """Writes frames into a ring, in a thread of its own."""

    name = "ring"

    def __init__(self, ring: Ring, *, size: int = FRAMES, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes a ring that is not open yet.

        Args:
            ring: the ring.
            size: how many frames wait for the disk, at most.
            clock: seconds that only count up.
        """
        self.ring = ring
        self._clock = clock
        self._worker = Worker(self.name, size, self._keep, finish=ring.close)
        self._too_large = 0
        self._seen, self._told_until = 0, 0.0

    @property
    def dropped(self) -> int:
        """How many frames should have been kept, and were not for want of time, room or disk."""
        return self._worker.dropped + self._too_large + self.ring.lost

    @property
    def bits(self) -> Bits:
        """What the state should show: DISK_FULL while nothing can be written, RING_DROPS for a minute after a drop."""
        dropped = self._worker.dropped + self._too_large
        if dropped != self._seen:
            self._seen, self._told_until = dropped, self._clock() + _TOLD_S
        drops = Bits.RING_DROPS if self._clock() < self._told_until else Bits(0)
        return self.ring.bits | drops

    def put(self, result: Result) -> None:
        """Hands a frame over if the ring wants it; the others would push it out."""
        if result.frame is None or self.ring.wants(result) is None:
            return
        # those that wait are about as large as this one
        waiting = self._worker.waiting
        if waiting and (waiting + 1) * result.frame.pixels.nbytes > MOST_BYTES:
            self._too_large += 1
            self.ring.missed(result)
            return
        for pushed_out in self._worker.put(result):
            self.ring.missed(pushed_out)

    def start(self) -> None:
        """Opens the ring and starts the thread.

        Raises:
            UsageError, MissingExtraError: as in `Ring.open`.
        """
        self.ring.open()
        self._worker.start()

    def close(self) -> None:
        """Writes what still waits for at most two seconds, and closes the ring."""
        self._worker.close()

    def _keep(self, result: Result) -> None:
        self.ring.keep(result)
