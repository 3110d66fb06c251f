"""An inspection station in one file: judges every image file that appears in a folder. Copy it and make it yours.

    python line.py /var/lib/goodpart /run/frames [--public-key KEY.pub] [--threads 2]

Each frame gives one JSON line on stdout. Its file moves to FRAMES/judging before it is opened, and then to
FRAMES/judged, where the last --keep stay. A file that lies in FRAMES/judging when the program starts has ended it: the
file moves to FRAMES/poison and is REFUSED, and does not end the program again. SIGHUP switches to a newly activated
bundle without dropping a frame. SIGTERM ends the program after the frame in hand. Under systemd (see
goodpart-line.service) the program says when it is ready, and tells the watchdog that it lives. If your camera hands
over arrays, replace the function `frames` alone.
"""

import argparse
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from goodpart import FrameError, FrozenGuard, GoodpartError, LiveInspector, Store
from goodpart.frames.images import ImageReader
from goodpart.frames.listing import is_image

_POLL_S = 0.05

_BYTES_PER_PIXEL = 6
"""The most that a plain file has: three channels of 16 bits."""


def main() -> int:
    """Loads, judges until told to end, and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="the store's folder")
    parser.add_argument("frames", type=Path, help="the folder in which image files appear, each renamed into it whole")
    parser.add_argument("--public-key", type=Path, help="judge only with bundles that this key has signed")
    parser.add_argument("--keep", type=int, default=1000, help="judged frames that stay (default %(default)s)")
    parser.add_argument(
        "--max-megapixels", type=float, default=50.0, help="refuse larger frames by their header (default %(default)s)"
    )
    parser.add_argument("--threads", type=int, help="threads per frame (default: as tuned, or all cores)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    # handlers only take note: the frame in hand is finished first
    asked: set[int] = set()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: asked.add(signum))
    try:
        with LiveInspector(Store(options.store, public_key=options.public_key), threads=options.threads) as live:
            reader = ImageReader(max_megapixels=options.max_megapixels)
            _judge_all(live, reader, options.frames, asked, keep=options.keep)
    except GoodpartError as error:
        print(f"line: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _judge_all(live: LiveInspector, reader: ImageReader, folder: Path, asked: set[int], *, keep: int) -> None:
    guard, judging, judged = FrozenGuard(live), folder / "judging", _Kept(folder / "judged", keep)
    judging.mkdir(parents=True, exist_ok=True)
    _set_poison_aside(judging, _Kept(folder / "poison", keep))
    notify("READY=1")
    for path in frames(folder):
        # also while no part comes: the watchdog asks whether this loop runs
        notify("WATCHDOG=1")
        if signal.SIGHUP in asked:
            asked.discard(signal.SIGHUP)
            # the trial of a new bundle takes seconds, during which frames are still judged
            threading.Thread(target=_refresh, args=(live,), daemon=True).start()
        if asked:
            notify("STOPPING=1")
            return
        if path is not None:
            # the program that wrote the file may have removed it
            with contextlib.suppress(FileNotFoundError):
                # before it is opened: whatever ends the program now is not tried first again after the restart
                in_hand = path.replace(judging / path.name)
                print(json.dumps(_result(live, reader, guard, in_hand)), flush=True)
                judged.take(in_hand)


def _set_poison_aside(judging: Path, poison: "_Kept") -> None:
    """Refuses the frames that the program had in hand when it was ended: by a crash, for memory, or by the watchdog."""
    for path in sorted(judging.iterdir()):
        reason = f"the program ended while it judged this frame; it lies in {poison.folder}, and is not tried again"
        print(json.dumps({"file": path.name, "verdict": "REFUSED", "reason": reason}), flush=True)
        poison.take(path)


class _Kept:
    """A folder of which the last files stay, so that it cannot fill the memory that it lies in."""

    def __init__(self, folder: Path, keep: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._keep = folder, keep
        self._files = deque(sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime))

    def take(self, path: Path) -> None:
        self._files.append(path.replace(self.folder / path.name))
        while len(self._files) > self._keep:
            self._files.popleft().unlink(missing_ok=True)


def frames(folder: Path) -> Iterator[Path | None]:
    """The next image file, or None when there is none yet."""
    while True:
        waiting = sorted(path for path in folder.iterdir() if path.is_file() and is_image(path))
        if not waiting:
            yield None
            time.sleep(_POLL_S)
        yield from waiting


def _result(live: LiveInspector, reader: ImageReader, guard: FrozenGuard, path: Path) -> dict[str, object]:
    """The result of one file; only a GOOD verdict ever reads as good."""
    try:
        # the header limits what the pixels take, and this what the file itself takes while it is read
        _refuse_large(path, most_bytes=reader.max_megapixels * 1e6 * _BYTES_PER_PIXEL + 1e6)
        inspection = guard.inspect(reader.read(path, live.inspector.backbone.spec.frame))
    except FrameError as error:
        return {"file": path.name, "verdict": "REFUSED", "reason": str(error)}
    except MemoryError:
        return {"file": path.name, "verdict": "REFUSED", "reason": "expected memory for this frame, found none left"}
    found: dict[str, object] = {"file": path.name, "verdict": inspection.verdict.value, "score": inspection.score}
    return found if inspection.reason is None else {**found, "reason": inspection.reason}


def _refuse_large(path: Path, *, most_bytes: float) -> None:
    if (found_bytes := path.stat().st_size) > most_bytes:
        found, most = found_bytes / 1e6, most_bytes / 1e6
        raise FrameError(f"{path}: expected a file of at most {most:.0f} MB, found {found:.0f} MB")


def _refresh(live: LiveInspector) -> None:
    try:
        changed = live.refresh()
    except GoodpartError as error:
        logging.getLogger("line").warning("the bundle stays: %s", error)
    else:
        digest = live.inspector.bundle.digest
        logging.getLogger("line").info("%s bundle %s", "switched to" if changed else "stays with", digest)


def notify(state: str) -> None:
    """Sends a state to systemd (sd_notify(3)). Does nothing without systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        # a full queue already says the same, and waiting for its reader would stop the line
        with contextlib.suppress(BlockingIOError):
            channel.send(state.encode("ascii"), socket.MSG_DONTWAIT)


if __name__ == "__main__":
    sys.exit(main())
