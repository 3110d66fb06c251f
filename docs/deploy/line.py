"""An inspection station in one file: judges every image file that appears in a folder. Copy it and make it yours.

    python line.py /var/lib/goodpart /run/frames [--public-key KEY.pub] [--threads 2]

Each frame gives one JSON line on stdout. Its file then moves to FRAMES/judged, where the last --keep stay. SIGHUP
switches to a newly activated bundle without dropping a frame. SIGTERM ends the program after the frame in hand. Under
systemd (see goodpart-line.service) the program says when it is ready, and tells the watchdog that it lives. If your
camera hands over arrays, replace the function `frames` alone.
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
from goodpart.frames.images import read_image
from goodpart.frames.listing import is_image

_POLL_S = 0.05


def main() -> int:
    """Loads, judges until told to end, and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="the store's folder")
    parser.add_argument("frames", type=Path, help="the folder in which image files appear, each renamed into it whole")
    parser.add_argument("--public-key", type=Path, help="judge only with bundles that this key has signed")
    parser.add_argument("--keep", type=int, default=1000, help="judged frames that stay (default %(default)s)")
    parser.add_argument("--threads", type=int, help="threads per frame (default: as tuned, or all cores)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    # handlers only take note: the frame in hand is finished first
    asked: set[int] = set()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: asked.add(signum))
    try:
        with LiveInspector(Store(options.store, public_key=options.public_key), threads=options.threads) as live:
            _judge_all(live, options.frames, asked, keep=options.keep)
    except GoodpartError as error:
        print(f"line: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _judge_all(live: LiveInspector, folder: Path, asked: set[int], *, keep: int) -> None:
    guard, done = FrozenGuard(live), folder / "judged"
    done.mkdir(parents=True, exist_ok=True)
    judged = deque(sorted(done.iterdir(), key=lambda path: path.stat().st_mtime))
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
            print(json.dumps(_result(live, guard, path)), flush=True)
            # the program that wrote the file may have removed it
            with contextlib.suppress(FileNotFoundError):
                judged.append(path.replace(done / path.name))
            while len(judged) > keep:
                judged.popleft().unlink(missing_ok=True)


def frames(folder: Path) -> Iterator[Path | None]:
    """The next image file, or None when there is none yet."""
    while True:
        waiting = sorted(path for path in folder.iterdir() if path.is_file() and is_image(path))
        if not waiting:
            yield None
            time.sleep(_POLL_S)
        yield from waiting


def _result(live: LiveInspector, guard: FrozenGuard, path: Path) -> dict[str, object]:
    """The result of one file; only a GOOD verdict ever reads as good."""
    try:
        inspection = guard.inspect(read_image(path, live.inspector.backbone.spec.frame))
    except FrameError as error:
        return {"file": path.name, "verdict": "REFUSED", "reason": str(error)}
    found: dict[str, object] = {"file": path.name, "verdict": inspection.verdict.value, "score": inspection.score}
    return found if inspection.reason is None else {**found, "reason": inspection.reason}


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
