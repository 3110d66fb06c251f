"""Kills a ring of images while it keeps, labels, exports and starts, and a log while it is written.

    python tests/attacks/kills_ring.py --kills 200 --seed 0

Half of the kills come after a random time, half before a random one of the operation's own file operations. The next
start must mend what is left: SQLite finds the index whole, every entry has its image and every image its entry, each
image decodes, the cap holds, no labelled frame is gone that was not exported, an export is whole or not there, and
the log's files hold every result once, in order. One JSON object on stdout; exit code 1 if anything was not.
"""

import argparse
import itertools
import json
import sqlite3
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

# before numpy: it sets how many threads there are
from attacks import kills  # isort: skip
import cv2

from goodpart.errors import GoodpartError
from goodpart_station.message import Messages
from goodpart_station.ring.config import LEAST_BYTES, RingConfig
from goodpart_station.ring.export import Wanted, plan_export, write_export
from goodpart_station.ring.index import INDEX
from goodpart_station.ring.ring import Ring
from goodpart_station.sinks.jsonl import JsonlSink
from small_answers import AT, BOOT, BUNDLE, good, near, pixels, reject
from station_disk import consistent, taken_bytes

CONFIG = RingConfig(random_rate=0.2, rejects_per_minute=1000, max_bytes=LEAST_BYTES)
OPERATIONS = ("keep", "label", "export", "start", "log")
_KEPT = 3


class Scene:
    """A ring at its cap, to which frames are added, and a file that notes which frames it must not lose."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.turn = folder, 0
        self.claims = folder / "claims"

    @property
    def ring(self) -> Ring:
        found = Ring(self.folder / "ring", CONFIG, boot=BOOT)
        found.open()
        return found

    def make(self) -> None:
        self.claims.write_text("")
        ring = self.ring
        self._keep(ring, range(1, 101))
        ring.close()
        # so that the first export has something to do
        self.label()

    def prepare(self) -> None:
        """Nothing: every operation takes the ring as the last one left it."""

    def keep(self) -> None:
        ring = self.ring
        first = 1 + max((frame.seq for frame in ring.frames.newest(count=1)), default=0)
        # numbers of frames that a kill has taken away come again
        self._keep(ring, range(first, first + 8))
        ring.close()

    def label(self) -> None:
        ring = self.ring
        frames = [frame for frame in ring.frames.newest(count=12) if frame.judged and not frame.label]
        for frame in frames[self.turn % 3 :: 3]:
            try:
                ring.label(frame.id, "good", who="anna", at=AT + self.turn)
            except GoodpartError:
                break
            self._note(f"+{frame.id}")
        ring.close()

    def export(self) -> None:
        ring = self.ring
        labelled = [frame for frame in ring.frames.newest(count=1000) if frame.label and frame.exported is None]
        if len(labelled) > 3:
            # from now on they may be exported, and then removed
            for frame in labelled:
                self._note(f"-{frame.id}")
            wanted = Wanted(labels="all", until=AT + 1e9, since=0.0)
            write_export(ring.frames.folder, plan_export(ring.frames.folder, wanted), self.out, now=AT, force=True)
        ring.close()

    def start(self) -> None:
        self.ring.close()

    @property
    def sink(self) -> JsonlSink:
        """A log of small files, open and mended."""
        found = JsonlSink(self.folder / "log.jsonl", Messages("line1", BOOT, CONFIG), max_bytes=10_000, keep=_KEPT)
        found._open()
        return found

    def log(self) -> None:
        # each of its steps in this thread: a forked child has no other
        sink, numbers = self.sink, self.logged
        first = numbers[-1] + 1 if numbers else 1
        for seq in range(first, first + 60):
            sink._append(good(seq))
        assert sink.dropped == 0
        sink._shut()

    @property
    def logged(self) -> list[int]:
        """The numbers in all files of the log, the oldest first."""
        ends = [*(f".{number}" for number in range(_KEPT, 0, -1)), ""]
        files = [self.folder / f"log.jsonl{end}" for end in ends]
        return [json.loads(line)["seq"] for path in files if path.exists() for line in path.read_bytes().splitlines()]

    @property
    def out(self) -> Path:
        return self.folder / "export"

    def check(self) -> None:
        """Whatever was killed, all of this holds after the next start."""
        ring = self.ring
        assert ring.bits == 0, "it could not be opened"
        consistent(ring)
        assert taken_bytes(ring.frames.folder) <= CONFIG.max_bytes
        with sqlite3.connect(ring.frames.folder / INDEX) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        frames = ring.frames.newest(count=100_000)
        for frame in frames:
            assert cv2.imread(str(ring.frames.path(frame))).shape[2] == 3
            assert frame.bundle == BUNDLE
        claimed: set[int] = set()
        for line in self.claims.read_text().splitlines():
            if line[1:].isdecimal():
                (claimed.add if line[0] == "+" else claimed.discard)(int(line[1:]))
        assert claimed <= {frame.id for frame in frames if frame.label}, "a labelled frame is gone"
        if self.out.exists():
            lines = (self.out / "labels.jsonl").read_text().splitlines()
            assert {json.loads(line)["file"] for line in lines[1:]} == {path.name for path in self.out.glob("*.png")}
        ring.close()
        self.sink._shut()
        numbers = self.logged
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True

    def leftovers(self) -> list[str]:
        found = itertools.chain(self.folder.rglob("*.tmp"), self.folder.rglob(".*.partial"))
        return sorted(str(path.relative_to(self.folder)) for path in found)

    def _keep(self, ring: Ring, numbers: range) -> None:
        for seq in numbers:
            make = (reject, near, good)[(seq + self.turn) % 3]
            ring.keep(make(seq, picture=pixels(seq, 60 + seq * 7 % 120, 200)))
        assert ring.bits == 0

    def _note(self, text: str) -> None:
        with self.claims.open("a") as file:
            file.write(f"{text}\n")


def main() -> int:
    """Runs as the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="goodpart-kills-") as folder:
        scene = Scene(Path(folder))
        found = kills.run(
            options.kills, options.seed, scene, operations=OPERATIONS,
            say=lambda text: print(text, end="", file=sys.stderr),
        )  # fmt: skip
    print(file=sys.stderr)
    print(json.dumps(found))
    return 1 if found["fault"] or found["leftovers_in_the_end"] else 0


if __name__ == "__main__":
    sys.exit(main())
