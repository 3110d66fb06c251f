"""A ring's folder and index, compared, for tests of disks that fail and of kills."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

from goodpart_station.ring.index import FRAMES
from goodpart_station.ring.ring import Ring


def consistent(ring: Ring) -> None:
    """Every entry of the index has its image, of its size, and nothing else lies there."""
    frames = ring.frames.newest(count=1_000_000)
    found = {path.name: path.stat().st_size for path in (ring.frames.folder / FRAMES).iterdir()}
    assert found == {frame.file: frame.bytes for frame in frames}


def taken_bytes(folder: Path) -> int:
    """The sizes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """The time in which this process can write no larger file, as if the disk were full there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
