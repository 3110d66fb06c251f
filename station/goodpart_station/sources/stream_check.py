"""What `goodpart-station check` finds in a stream."""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Iterator, Mapping

from goodpart import Bundle, FrameError, UsageError
from goodpart_station.sources.address import StreamKind
from goodpart_station.sources.colours import conversion_of, pixels_of
from goodpart_station.sources.pixels import misfit_size
from goodpart_station.sources.source import Look, SourceLostError
from goodpart_station.sources.stream_reader import SAME_CLOCK_NS, followed
from goodpart_station.sources.stream_settings import StreamSettings
from goodpart_station.sources.video import Picture, Video

_FRAMES = 20


@dataclasses.dataclass(frozen=True)
class _Seen:
    """The frames that a check has looked at.

    Attributes:
        codec: as FFmpeg calls it.
        pictures: those after the stream has settled.
        wait_s: from the opening to the first of them.
        late_ms: how much later than the quickest frame each came after its time stamp.
        same_clock: whether time stamps are of this PC's clock.
    """

    codec: str
    pictures: list[Picture]
    wait_s: float
    late_ms: list[float]
    same_clock: bool

    @property
    def step_ms(self) -> float:
        """The usual time between two frames."""
        stamps = [picture.stamp_ns for picture in self.pictures]
        return statistics.median(later - earlier for earlier, later in itertools.pairwise(stamps)) / 1e6


def examine(settings: StreamSettings, bundles: Mapping[str, Bundle]) -> Look:
    """Opens a stream, looks at some frames, and lets it go.

    Args:
        settings: the stream.
        bundles: the active bundle of each product, by the name that messages use.

    Returns:
        what was found.

    Raises:
        SourceLostError: it cannot be opened, or gives too few frames.
        UsageError: its frames are not what a bundle declares, or a part would not wait long enough for its frame.
    """
    shown = settings.address.shown
    seen = _look(settings)
    frame = seen.pictures[-1].frame
    flawed = [picture.flaw for picture in seen.pictures if picture.flaw is not None]
    keys = sum(picture.key for picture in seen.pictures)
    words = [
        f"{shown}: {seen.codec}, {frame.height}x{frame.width} (HxW)",
        *_converted(seen.pictures[-1], bundles, shown),
        f"{len(seen.pictures)} frames, {1e3 / seen.step_ms:.1f} per second, {keys} of them key frames",
        f"{len(flawed)} damaged or after a gap{f' ({flawed[-1]})' if flawed else ''}",
    ]
    if settings.address.live:
        words.append(f"the first that can be used came {seen.wait_s:.1f} s after the opening began")
        words.append(f"frames came up to {max(seen.late_ms):.0f} ms later than the quickest")
        if seen.same_clock:
            delay_ms = max((each.arrived_ns - each.stamp_ns) / 1e6 for each in seen.pictures)
            words.append(f"and up to {delay_ms:.0f} ms after their time stamps, which are of this PC's clock")
    else:
        words.append("recorded: no verdict of it is GOOD")
    if settings.triggered:
        words.append(_window(settings, seen))
    per_second = min(1e3 / seen.step_ms, settings.rate or float("inf"))
    return Look(words="; ".join(words), per_second=None if settings.triggered else per_second, slower="rate = {}")


def _look(settings: StreamSettings) -> _Seen:
    address, began_s = settings.address, time.monotonic()
    video = Video(address, settings.url, options=settings.options, open_s=settings.open_s, read_s=settings.timeout_s)
    try:
        pictures: list[Picture] = []
        wait_s, begun = 0.0, _within(video.pictures(), settings, began_s)
        usable: Iterator[Picture] = begun
        if address.live:
            usable = (each for each, exposed_ns in followed(begun, address, latency_ns=0) if exposed_ns is not None)
        for picture in usable:
            wait_s = wait_s or time.monotonic() - began_s
            pictures.append(picture)
            if len(pictures) == _FRAMES:
                break
    finally:
        video.close()
    if len(pictures) < 2:
        raise SourceLostError(
            f"{address.shown}: expected at least 2 frames that can be used, found {len(pictures)}; look at the "
            f"camera's key frame interval and clock, or allow a longer timeout_s"
        )
    delays_ms = [(each.arrived_ns - each.stamp_ns) / 1e6 for each in pictures]
    late_ms = [each - min(delays_ms) for each in delays_ms]
    same_clock = address.kind is StreamKind.DEVICE and 0 <= delays_ms[0] <= SAME_CLOCK_NS / 1e6
    return _Seen(video.codec, pictures, wait_s, late_ms, same_clock=same_clock)


def _within(pictures: Iterator[Picture], settings: StreamSettings, began_s: float) -> Iterator[Picture]:
    """The pictures that come while a check has time: twice what the opening of a station has."""
    for picture in pictures:
        yield picture
        if time.monotonic() - began_s > 2 * settings.open_s:
            return


def _converted(picture: Picture, bundles: Mapping[str, Bundle], shown: str) -> list[str]:
    """What becomes of a frame for each bundle."""
    words: list[str] = []
    for name, bundle in bundles.items():
        spec, checks = bundle.manifest.backbone.frame, bundle.manifest.checks
        try:
            pixels = pixels_of(picture.frame, spec)
        except FrameError as error:
            raise UsageError(f"{shown}: {name}: {error}") from error
        if why := misfit_size(pixels.shape[:2], None if checks is None else checks.size, video=True):
            raise UsageError(f"{shown}: {name}: {why}")
        if (word := conversion_of(picture.frame, spec)) not in words:
            words.append(word)
    return words


def _window(settings: StreamSettings, seen: _Seen) -> str:
    """Whether parts wait long enough, and how long they must stand still."""
    latency_ms, after_ms = settings.latency_ns / 1e6, settings.give_up_ns / 1e6
    need_ms = latency_ms + 2 * seen.step_ms + max(seen.late_ms)
    if after_ms < need_ms:
        raise UsageError(
            f"{settings.address.shown}: pair_after_ms: expected at least {need_ms:.0f} (latency_ms, two frames and the "
            f"delay of the slowest frame), found {after_ms:g}; wait longer"
        )
    return (
        f"a part must stand still for {latency_ms + seen.step_ms:.0f} ms from its trigger on (latency_ms and one "
        f"frame); latency_ms itself cannot be measured from here"
    )
