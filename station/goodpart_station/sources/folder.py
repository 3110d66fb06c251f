"""Folder source: judges every image file that appears in a folder. Another program writes them."""

import contextlib
import dataclasses
import logging
import math
import queue
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from goodpart.frames.listing import is_image
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.part import Frame, Part
from goodpart_station.sources.image_files import FrameFiles, unreadable
from goodpart_station.sources.source import POLL_S, SourceLostError, Wanted, pause, taken
from goodpart_station.sources.strays import Strays

JUDGING, JUDGED, POISON, UNASKED = "judging", "judged", "poison", "unasked"

_ARRIVAL_POLL_S = 0.005
"""How often the folder is looked at while a part waits for its frame."""

LEAST_DATED_S = 2 * _ARRIVAL_POLL_S
"""Files cannot be dated more exactly than this: looking takes its time beside the wait, and most would be set aside."""

_log = logging.getLogger(__name__)


class FolderSource:
    """Image files that another program renames into a folder, each of them whole.

    A file moves to FOLDER/judging before it is opened, and then to FOLDER/judged, where the last ones stay. A file that
    lies in FOLDER/judging at the start has ended the program: it moves to FOLDER/poison, is refused, and is not tried
    again.

    Without triggers each file is a part, and the next one waits in the folder until it is judged. With a software
    trigger the first file that appears after a trigger is the frame of its part; with a hardware trigger each file
    counts as taken when it is seen. A file that no part can have asked for moves to FOLDER/unasked.
    """

    repeats = False
    simulated = False

    def __init__(
        self,
        folder: Path,
        *,
        wanted: Wanted,
        trigger: TriggerKind,
        keep: int = 1000,
        max_megapixels: float = 50.0,
        dated_within_s: float = math.inf,
    ) -> None:
        """Names the folder; nothing is read yet.

        Args:
            folder: where the files appear.
            wanted: which frames the station wants.
            trigger: who decides when a frame is taken.
            keep: how many files stay in each of the folders for files that are done with.
            max_megapixels: larger pictures are refused by their header.
            dated_within_s: with a hardware trigger, how long the folder may not be looked at before a file that is then
                there is nobody's.
        """
        self._folder, self._wanted, self._trigger, self._keep = folder, wanted, trigger, keep
        self._dated_within_s = dated_within_s
        self._files, self._strays = FrameFiles(max_megapixels=max_megapixels), Strays()
        self._triggers: queue.SimpleQueue[Part] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Frame] = queue.SimpleQueue()

    def check(self) -> str:
        """Whether the folder is there, and files in it can be moved.

        Raises:
            SourceLostError: it is not, or they cannot.
        """
        try:
            with tempfile.TemporaryDirectory(prefix=".check-", dir=self._folder):
                pass
            waiting, left = len(self._waiting()), self._folder / JUDGING
            in_hand = len([*left.iterdir()]) if left.is_dir() else 0
        except OSError as error:
            raise self._lost(error) from error
        found = f"{self._folder}: {waiting} image files wait"
        return f"{found}; {in_hand} lie in {JUDGING}, which the next start refuses" if in_hand else found

    def trigger(self, part: Part) -> None:
        """The next file to appear is this part's frame."""
        self._triggers.put(part)

    def done(self, frame: Frame) -> None:
        """The frame's file may leave FOLDER/judging."""
        self._done.put(frame)

    def frames(self) -> Iterator[Frame | None]:
        """A frame for each file; see `Source.frames`."""
        try:
            for name in (JUDGING, JUDGED, POISON, UNASKED):
                (self._folder / name).mkdir(exist_ok=True)
            judged, poison = self._kept(JUDGED), self._poison()
            match self._trigger:
                case TriggerKind.NONE:
                    yield from self._free(judged, poison)
                case TriggerKind.SOFTWARE:
                    yield from self._asked(judged)
                case TriggerKind.HARDWARE:
                    yield from self._as_they_come(judged)
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> SourceLostError:
        return SourceLostError(
            f"{self._folder}: expected a folder that can be read and written, found none ({error.strerror}); the "
            f"program that writes frames, or the service, makes it"
        )

    def _kept(self, name: str) -> "_Kept":
        return _Kept(self._folder / name, self._keep)

    def _poison(self) -> list[Frame]:
        """Sets aside what the program had in hand when it was ended: by a crash, for memory, or by the watchdog."""
        poison, found = self._kept(POISON), []
        for path in sorted((self._folder / JUDGING).iterdir()):
            why = f"the program ended while it judged this frame; it lies in {poison.folder}, and is not tried again"
            poison.take(path)
            _log.warning("%s: %s", path.name, why)
            found.append(unreadable(path.name, why))
        return found

    def _free(self, judged: "_Kept", poison: list[Frame]) -> Iterator[Frame | None]:
        """Each file is a part; one after the other."""
        for frame in poison:
            while not self._wanted.has_room():
                pause()
                yield None
            yield from self._handed(frame)
        while True:
            waiting = self._waiting()
            if not waiting:
                pause()
                yield None
            for path in waiting:
                while (spec := self._wanted.spec()) is None or not self._wanted.has_room():
                    pause()
                    yield None
                if (in_hand := self._take_in_hand(path)) is not None:
                    yield from self._handed(self._files.read(in_hand, spec))
                    with contextlib.suppress(FileNotFoundError):
                        judged.take(in_hand)

    def _handed(self, frame: Frame) -> Iterator[Frame | None]:
        """Hands a frame over and waits until it is done with."""
        yield frame
        while taken(self._done, POLL_S) is not frame:
            yield None

    def _asked(self, judged: "_Kept") -> Iterator[Frame | None]:
        """The first file that appears after a trigger."""
        unasked, part = self._kept(UNASKED), None
        before: set[Path] = set()
        while True:
            listed_ns, waiting = time.monotonic_ns(), self._waiting()
            # asked after the listing: a trigger that comes later than this is later than `listed_ns` as well
            if (asked := self._last_asked(POLL_S if part is None else 0)) is not None:
                # what lies there now may have come before the trigger: nobody's, however long nothing was looked at
                part, before = asked, set(self._waiting())
                yield None
            elif part is None:
                before = set(waiting)
                yield None
            elif time.monotonic_ns() >= part.deadline_ns:
                # its deadline answers a part without a frame; a file that comes later is not its own any more
                part = None
                yield None
            elif new := [path for path in waiting if path not in before]:
                for path in before:
                    with contextlib.suppress(FileNotFoundError):
                        unasked.take(path)
                spec, in_hand = self._wanted.spec(part.product), self._take_in_hand(new[0])
                part, before = None, set(new[1:])
                if spec is not None and in_hand is not None:
                    yield dataclasses.replace(self._files.read(in_hand, spec), at_ns=listed_ns)
                elif in_hand is not None:
                    unasked.take(in_hand)
            else:
                pause(_ARRIVAL_POLL_S)
                yield None
            self._put_away(judged)

    def _last_asked(self, timeout_s: float) -> Part | None:
        """The part of the newest trigger; those before it have no exposure any more."""
        part = taken(self._triggers, timeout_s)
        while (newer := taken(self._triggers, 0)) is not None:
            part = newer
        return part

    def _as_they_come(self, judged: "_Kept") -> Iterator[Frame | None]:
        """Each file at once: the conductor finds its trigger by the time. What lay there at the start is nobody's.

        A file counts as taken when it was seen. It may have come at any time since the folder was looked at before: if
        that is so long ago that the file could be another part's, it is nobody's.
        """
        unasked = self._kept(UNASKED)
        for path in self._waiting():
            unasked.take(path)
        before_ns = time.monotonic_ns()
        while True:
            listed_ns, waiting = time.monotonic_ns(), self._waiting()
            is_dated = listed_ns - before_ns <= self._dated_within_s * 1e9
            before_ns = listed_ns
            for path in waiting:
                spec, in_hand = self._wanted.spec(), self._take_in_hand(path)
                if in_hand is not None and spec is not None and is_dated:
                    yield dataclasses.replace(self._files.read(in_hand, spec), at_ns=listed_ns)
                elif in_hand is not None:
                    unasked.take(in_hand)
                    if not is_dated:
                        self._strays.tell(path.name, listed_ns)
            if not waiting:
                pause(_ARRIVAL_POLL_S)
                yield None
            self._put_away(judged)

    def _put_away(self, judged: "_Kept") -> None:
        while (frame := taken(self._done, 0)) is not None:
            with contextlib.suppress(FileNotFoundError):
                judged.take(self._folder / JUDGING / str(frame.name))

    def _waiting(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if path.is_file() and is_image(path))

    def _take_in_hand(self, path: Path) -> Path | None:
        # the program that wrote the file may have removed it
        with contextlib.suppress(FileNotFoundError):
            # before it is opened: whatever ends the program now is not tried first again after the restart
            return path.replace(self._folder / JUDGING / path.name)
        return None


class _Kept:
    """A folder of which the last files stay, so that it cannot fill the memory that it lies in."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder, self._keep = folder, keep
        self._files = deque(sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime))

    def take(self, path: Path) -> None:
        self._files.append(path.replace(self.folder / path.name))
        while len(self._files) > self._keep:
            self._files.popleft().unlink(missing_ok=True)
