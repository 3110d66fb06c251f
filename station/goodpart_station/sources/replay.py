"""Replay source: the image files of a folder as the frames of a simulated camera. No part passes by them."""

import dataclasses
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.opencv import load_opencv
from goodpart.frames.listing import find_images
from goodpart_station.part import Frame, Part
from goodpart_station.sources.image_files import FrameFiles
from goodpart_station.sources.source import POLL_S, Wanted, pause, taken

_SHUFFLE_SEED = 0


class ReplaySource:
    """The images below a folder, in the order of their names or shuffled, at a rate or one after the other.

    With triggers each trigger gets the next image. Every pass of a shuffled replay has another order, and every replay
    has the same ones.
    """

    simulated = True

    def __init__(
        self,
        folder: Path,
        *,
        wanted: Wanted,
        triggered: bool,
        rate: float | None = None,
        shuffle: bool = False,
        repeat: bool = True,
        dim: float = 1.0,
        defocus: float = 0.0,
        max_megapixels: float = 50.0,
    ) -> None:
        """Finds the images.

        Args:
            folder: with images, in sub-folders too.
            wanted: which frames the station wants.
            triggered: whether a trigger asks for each frame.
            rate: frames per second, whether the judge keeps up or not; None for the next one when the last is judged.
            shuffle: whether each pass has an order of its own.
            repeat: whether it begins again at the end.
            dim: what the pixels are multiplied by, such as 0.9 for a lamp that has lost a tenth.
            defocus: the standard deviation in pixels of a Gaussian that blurs them, 0 for none.
            max_megapixels: larger pictures are refused by their header.

        Raises:
            UsageError: there is no image.
            MissingExtraError: `defocus` needs OpenCV, which is not installed.
        """
        self._folder, self._paths = folder, find_images(folder)
        self.repeats = repeat
        self._wanted, self._triggered, self._rate, self._shuffle = wanted, triggered, rate, shuffle
        self._dim, self._defocus = dim, defocus
        self._blur = load_opencv("a defocused replay").GaussianBlur if defocus else None
        self._files = FrameFiles(max_megapixels=max_megapixels)
        self._triggers: queue.SimpleQueue[Part] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Frame] = queue.SimpleQueue()

    def check(self) -> str:
        """How many images it has; a folder without any is refused earlier."""
        return f"{self._folder}: {len(self._paths)} images to replay; no verdict of them is GOOD"

    def trigger(self, part: Part) -> None:
        """The next image is this part's frame."""
        self._triggers.put(part)

    def done(self, frame: Frame) -> None:
        """The next image may come, if they come one after the other."""
        self._done.put(frame)

    def frames(self) -> Iterator[Frame | None]:
        """A frame for each image; see `Source.frames`."""
        due_s = time.monotonic()
        for path in self._playlist():
            product = 0
            if self._triggered:
                while (part := taken(self._triggers, POLL_S)) is None:
                    yield None
                product = part.product
            while (spec := self._wanted.spec(product)) is None or not (self._triggered or self._may_come()):
                pause()
                yield None
            frame = self._changed(self._files.read(path, spec))
            # with its folder: the same name may lie in several
            frame = dataclasses.replace(frame, name=path.relative_to(self._folder).as_posix())
            while not self._triggered and (wait_s := due_s - time.monotonic()) > 0:
                pause(min(wait_s, POLL_S))
                yield None
            if self._rate is not None:
                # what was missed while nothing was judged is not made up for
                due_s = max(due_s + 1 / self._rate, time.monotonic())
            frame = dataclasses.replace(frame, at_ns=time.monotonic_ns())
            yield frame
            while self._waits and taken(self._done, POLL_S) is not frame:
                yield None
            while taken(self._done, 0) is not None:
                pass

    @property
    def _waits(self) -> bool:
        """Whether the next image comes when the last one is judged."""
        return self._rate is None and not self._triggered

    def _may_come(self) -> bool:
        """Whether a frame may come now. At a rate it comes whether there is room for it or not, as from a camera."""
        return self._wanted.has_room() or not self._waits

    def _playlist(self) -> Iterator[Path]:
        rng = np.random.default_rng(_SHUFFLE_SEED)
        while True:
            order = rng.permutation(len(self._paths)) if self._shuffle else range(len(self._paths))
            yield from (self._paths[index] for index in order)
            if not self.repeats:
                return

    def _changed(self, frame: Frame) -> Frame:
        """The frame with the planted changes."""
        if frame.unreadable is not None or (self._dim == 1.0 and self._blur is None):
            return frame
        pixels: npt.NDArray[Any] = frame.pixels
        if self._blur is not None:
            pixels = self._blur(pixels, (0, 0), self._defocus)
        most = np.iinfo(pixels.dtype).max
        dimmed = np.clip(np.rint(pixels * np.float32(self._dim)), 0, most).astype(pixels.dtype)
        return dataclasses.replace(frame, pixels=dimmed)
