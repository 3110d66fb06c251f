"""A GenICam camera without a camera: what a test puts into it comes out, as a library would give it."""

import queue

import numpy as np

from goodpart_station.sources.device import FeatureError, Grabbed
from goodpart_station.sources.pixels import FORMATS, picture_of
from goodpart_station.sources.source import taken
from small_frames import draw_small

FEATURES = {
    "PixelFormat": "RGB8",
    "ExposureTime": 100.0,
    "Gain": 0.0,
    "Width": 18,
    "ReverseX": False,
    "AcquisitionMode": "SingleFrame",
    "TriggerSelector": "LineStart",
    "TriggerMode": "Off",
    "TriggerSource": "Line0",
}


def grabbed(pixels, frame_id=None, *, complete=True, pixel_format="RGB8"):
    """A frame as a library gives it."""
    data = np.frombuffer(np.ascontiguousarray(pixels).tobytes(), np.uint8)
    picture = picture_of(data, pixel_format, *pixels.shape[:2])
    return Grabbed(picture, frame_id, complete, pixel_format, *pixels.shape[:2])


class SmallDevice:
    """A device in this process.

    Attributes:
        box: frames and errors that `fetch` gives, in their order.
        told: what was done to it, in its order.
        features: what it holds; a value that is a function takes what is written and says what is held.
        shoots: whether a software trigger puts a frame into the box.
    """

    model, serial = "Small", "SN1"

    def __init__(self, *, shoots=True, **features):
        self.box = queue.SimpleQueue()
        self.told = []
        self.features = {**FEATURES, **features}
        self.rules = {}
        self.shoots = shoots
        self.count = 0
        self.gone = None
        self.is_open = True

    def read(self, name):
        if name not in self.features:
            raise FeatureError(f"{name}: expected a feature of the camera, found none")
        return self.features[name]

    def write(self, name, value):
        self.told.append((name, value))
        before = self.read(name)
        self.features[name] = self.rules.get(name, lambda given: type(before)(given))(value)

    def execute(self, name):
        self.told.append(name)
        if self.shoots:
            self.shoot()

    def start(self):
        self.told.append("start")

    def stop(self):
        self.told.append("stop")
        while taken(self.box, 0) is not None:
            pass
        self.count = 0

    def fetch(self, timeout_s):
        found = taken(self.box, timeout_s)
        if isinstance(found, Exception):
            raise found
        if callable(found):
            found()
            return None
        return found

    def alive(self):
        self.told.append("alive")
        if self.gone is not None:
            raise self.gone

    def close(self):
        self.is_open = False
        self.told.append("close")

    def shoot(self, seed=None, **facts):
        """The camera takes a picture."""
        self.count += 1
        self.box.put(
            grabbed(draw_small(self.count if seed is None else seed), facts.pop("frame_id", self.count), **facts)
        )


def raw(pixel_format, height_px, width_px):
    """The bytes of a picture of a format, each another one, and its values per pixel."""
    known = FORMATS[pixel_format]
    size = height_px * width_px * known.values * np.dtype(known.dtype.value).itemsize
    return np.arange(size, dtype=np.uint32).astype(np.uint8), known
