"""The ring: keeps frames of answered parts in bounded space. It goes on when the disk does not."""

import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from goodpart._host.locks import hold
from goodpart._host.opencv import load_opencv
from goodpart.errors import UsageError
from goodpart.facts.spec import Channels
from goodpart_station.codes import Bits
from goodpart_station.part import Result
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.frames import Frames, KeptFrame, as_frame
from goodpart_station.ring.index import FRAMES, Index, write_audit
from goodpart_station.ring.keeping import KeptFor, file_name, why_kept
from goodpart_station.ring.losses import Losses
from goodpart_station.ring.mend import mend
from goodpart_station.ring.pictures import encoded, on_disk, write_whole
from goodpart_station.ring.room import LABELLED_SHARE, Room, protected_bytes

LABELS = ("good", "defect")
"""What a person may say of a frame."""

_LOG = logging.getLogger("goodpart_station.ring")
_MINUTE_NS = 60_000_000_000


class Ring:
    """Writes the frames of a station. One thread calls `keep`; `label` and `audit` may come from others.

    Attributes:
        frames: questions to the ring, for any thread.
    """

    def __init__(
        self, folder: Path, config: RingConfig, *, boot: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Touches no disk.

        Args:
            folder: where the ring is, or will be.
            config: what it keeps.
            boot: the id of this start of the station, letters and digits.
            clock: seconds that only count up, for the time between two tries.
        """
        self.config, self.boot, self.frames = config, boot, Frames(folder)
        self._folder, self._clock = folder, clock
        self._index: Index | None = None
        self._room: Room | None = None
        self._held: int | None = None
        self._again_at = 0.0
        self._complained = False
        self._lost = 0
        self._losses = Losses()
        self._written_ns: dict[KeptFor, deque[int]] = {KeptFor.REJECT: deque(), KeptFor.UNKNOWN: deque()}
        self._channels: dict[str, Channels] = {}

    @property
    def lost(self) -> int:
        """How many frames should have been kept since the start, and were not for want of room or disk."""
        return self._lost

    @property
    def used_bytes(self) -> int:
        """What the ring takes at most, 0 while its disk does not give it."""
        room = self._room
        return 0 if room is None else room.used_bytes

    @property
    def bits(self) -> Bits:
        """`Bits.DISK_FULL` while it cannot write."""
        return Bits(0) if self._room is not None else Bits.DISK_FULL

    def open(self) -> None:
        """Mends what the last end left, and begins. If the disk does not take that, it tries again later.

        Raises:
            UsageError: another process writes this ring, or a newer goodpart did.
            MissingExtraError: OpenCV is not installed.
        """
        load_opencv("the ring")
        try:
            self._open()
        except (OSError, sqlite3.Error) as error:
            self._stop(error)

    def close(self) -> None:
        """Ends; another process may open the ring then."""
        if self._index is not None:
            self._index.close()
        if self._held is not None:
            os.close(self._held)
        self._index = self._room = self._held = None

    def wants(self, result: Result) -> KeptFor | None:
        """Why `keep` would keep a frame; microseconds, for the judging thread."""
        if result.inspection is not None:
            # a frame that nothing judges later has the same order of channels
            self._channels[result.product] = result.inspection.frame_spec.channels
        return why_kept(result, self.boot, self.config)

    def missed(self, result: Result) -> None:
        """Notes a frame that will not come to `keep`; microseconds, for the judging thread."""
        self._losses.drop(result, self.wants(result))

    def keep(self, result: Result) -> bool:
        """Writes the frame of a part if there is a reason to keep it, and room.

        Returns:
            whether it was written. Nothing that the disk says is raised.
        """
        kept = self.wants(result)
        if kept is None or self._too_many(kept, result.answered_ns):
            return False
        try:
            if self._room is None and self._clock() >= self._again_at:
                self._open()
            written = self._room is not None and self._write(result, kept)
        except (OSError, sqlite3.Error) as error:
            self._stop(error)
            written = False
        except UsageError as error:
            # only another process that has the ring now
            self._stop(OSError(str(error)))
            written = False
        if not written:
            self._lost += 1
            self._losses.add(result, kept)
        elif kept in self._written_ns:
            self._written_ns[kept].append(result.answered_ns)
        return written

    def label(self, number: int, label: str | None, *, who: str, at: float) -> KeptFrame:
        """Notes what a person says of a frame. It waits for the disk.

        Args:
            number: the `id` of the frame.
            label: "good" or "defect"; None takes the label away.
            who: the name of the person.
            at: UTC seconds since 1970.

        Returns:
            the frame with its label.

        Raises:
            UsageError: another label; the frame is gone, or nothing has judged it; labels that nobody exported take
                half of the room already; or the disk does not take it.
        """
        if label not in (*LABELS, None):
            raise UsageError(f"label: expected one of {', '.join(LABELS)}, found {label!r}")
        index, room = self._at_work()
        try:
            with index.writing() as connection:
                connection.row_factory = sqlite3.Row
                row = connection.execute("SELECT * FROM frame WHERE id = ?", (number,)).fetchone()
                connection.row_factory = None
                if row is None:
                    raise UsageError(f"frame {number}: expected a frame of the ring, found none; it was removed")
                frame = as_frame(row)
                if label is not None:
                    _check_label(connection, frame, room)
                connection.execute(
                    "UPDATE frame SET label = ?, label_by = ?, label_at = ?, exported = NULL WHERE id = ?",
                    (label, who, at, number) if label is not None else (None, None, None, number),
                )
                write_audit(connection, at, who, f"label of frame {number}", frame.label, label)
        except sqlite3.Error as error:
            raise UsageError(f"frame {number}: expected a disk that takes its label, found {error}") from error
        found = self.frames.frame(number)
        if found is None:
            raise UsageError(f"frame {number}: expected a frame of the ring, found none; it was removed")
        return found

    def audit(self, who: str, what: str, before: str | None, after: str | None, *, at: float) -> None:
        """Notes a change in the audit: at UTC seconds since 1970, `who` changed `what`. It waits for the disk.

        Raises:
            UsageError: the disk does not take it.
        """
        index, _ = self._at_work()
        try:
            with index.writing() as connection:
                write_audit(connection, at, who, what, before, after)
        except sqlite3.Error as error:
            raise UsageError(f"{index.path}: expected a disk that takes a note, found {error}") from error

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._held = hold(self._folder)
        if self._held is None:
            raise UsageError(f"{self._folder}: expected a ring of its own, found one that another process writes")
        try:
            self._index = Index(self._folder, make=True)
            self._index.check()
            mend(self._folder, self._index)
            self._room = Room(self._folder, self._index, self.config.max_bytes)
        except BaseException:
            self.close()
            raise
        if self._complained:
            _LOG.warning("%s: images are kept again", self._folder)
        self._complained = False

    def _stop(self, error: Exception) -> None:
        """Writes nothing for a while; says so once."""
        self.close()
        self._again_at = self._clock() + self.config.retry_s
        if not self._complained:
            damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
            what = "move the folder away" if damaged else "make room or mend the disk"
            _LOG.error("%s: no images are kept: %s; %s", self._folder, error, what)
        self._complained = True

    def _at_work(self) -> tuple[Index, Room]:
        index, room = self._index, self._room
        if index is None or room is None:
            raise UsageError(f"{self._folder}: expected a ring that takes changes, found a full or failing disk")
        return index, room

    def _too_many(self, kept: KeptFor, now_ns: int) -> bool:
        """Whether so many were written in the last minute that the disk is to be spared."""
        if kept not in self._written_ns:
            return False
        written = self._written_ns[kept]
        while written and written[0] <= now_ns - _MINUTE_NS:
            written.popleft()
        return len(written) >= self.config.rejects_per_minute

    def _write(self, result: Result, kept: KeptFor) -> bool:
        index, room = self._at_work()
        assert result.frame is not None  # noqa: S101 - why_kept has looked
        name = file_name(self.boot, result.part.seq)
        path = self._folder / FRAMES / name
        if path.exists():
            return True
        data = encoded(result.frame.pixels, self._channels.get(result.product, Channels.RGB))
        if not room.make(kept, len(data)):
            return False
        write_whole(path, data)
        row = _row(result, kept) | {"boot": self.boot, "file": name, "bytes": len(data)}
        with index.writing() as connection:
            places = ", ".join(f":{column}" for column in row)
            connection.execute(f"INSERT INTO frame ({', '.join(row)}) VALUES ({places})", row)  # noqa: S608
            self._losses.write(connection)
        self._losses.clear()
        room.take(kept, len(data))
        return True


def _check_label(connection: sqlite3.Connection, frame: KeptFrame, room: Room) -> None:
    """Refuses a label for a frame that nothing judged, and one that would leave too little room for new frames."""
    if frame.judged is None:
        raise UsageError(f"frame {frame.id}: expected a frame that was judged, found one that was {frame.verdict}")
    kept = KeptFor(frame.kept_for)
    if frame.label is not None and frame.exported is None:
        return
    if protected_bytes(connection, kept) + on_disk(frame.bytes) > LABELLED_SHARE * room.limit_bytes(kept):
        raise UsageError(
            f"frame {frame.id}: expected labels on at most half of the room for {kept.value} frames, found it taken; "
            "export them first (goodpart-station export)"
        )


def _row(result: Result, kept: KeptFor) -> dict[str, object]:
    part, inspection = result.part, result.inspection
    return {
        "seq": part.seq,
        "plc_seq": part.plc_seq,
        "part_id": part.part_id,
        "at": result.at,
        "mono_ns": result.answered_ns,
        "product": result.product,
        "bundle": result.bundle,
        "verdict": result.verdict.name,
        "judged": None if inspection is None else inspection.verdict.value,
        "reason": result.reason.name,
        # a name of a file that is not UTF-8 holds half characters
        "detail": None if result.detail is None else result.detail.encode("utf-8", "backslashreplace").decode(),
        "score": None if inspection is None else inspection.score,
        "threshold": None if inspection is None else inspection.threshold,
        "p_value": None if inspection is None else inspection.p_value,
        "simulated": int(result.simulated),
        "kept_for": kept.value,
    }
