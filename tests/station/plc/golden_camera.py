"""A camera in memory: every third part is a defect, the bundle's golden frame 1; the others are its golden frame 0."""

import queue
import time

import numpy as np

from goodpart_station.part import Frame
from goodpart_station.sources.source import POLL_S, taken


class GoldenCamera:
    """Satisfies `Source`: it has the frame of a part at once."""

    repeats = True
    simulated = False

    def __init__(self, bundle, number):
        """Reads the two frames.

        Args:
            bundle: the folder of the bundle.
            number: gives the number of a part; every third one is a defect.
        """
        self._good, self._defect = (np.load(bundle / "golden" / f"{index:03}.npy") for index in (0, 1))
        self._number, self._taken = number, queue.SimpleQueue()

    def check(self):
        return "in memory"

    def trigger(self, part):
        self._taken.put(self._good if self._number(part) % 3 else self._defect)

    def frames(self):
        number = 0
        while True:
            pixels = taken(self._taken, POLL_S)
            if pixels is None:
                yield None
                continue
            number += 1
            yield Frame(pixels, time.monotonic_ns(), camera_frame=number)

    def done(self, frame):
        pass
