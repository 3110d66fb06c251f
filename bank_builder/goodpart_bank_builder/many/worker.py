"""Worker: a process that builds one product after the other, as the process that started it asks for.

    python -m goodpart_bank_builder.many.worker

Each line of stdin is a JSON object with `recipe` and `wait`; each line of stdout is the row that came of it. The end of
stdin also comes when the other process was killed. It interrupts the build, so that nobody's process stays behind.
"""

import _thread
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import IO

from goodpart._host.strict_json import to_plain
from goodpart_bank_builder.many.product import build_product

GRACE_S = 30.0
"""How long an interrupted build may tidy up before the process ends at once, in seconds."""

_INTERRUPTED = 130


def main() -> int:
    """Works until the end of stdin; returns the exit code."""
    # whatever else prints to stdout must not come between the rows
    rows = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    busy = threading.Event()
    threading.Thread(target=_listen, args=(sys.stdin, asked, busy), daemon=True).start()
    try:
        while line := asked.get():
            job = json.loads(line)
            row = build_product(Path(job["recipe"]), wait=job["wait"])
            busy.clear()
            rows.write(json.dumps(to_plain(row), allow_nan=False) + "\n")
            rows.flush()
    except (KeyboardInterrupt, BrokenPipeError):
        return _INTERRUPTED
    return 0


def _listen(lines: IO[str], asked: "queue.SimpleQueue[str]", busy: threading.Event) -> None:
    """Hands lines on; at their end it stops the main thread, whatever that does."""
    for line in lines:
        busy.set()
        asked.put(line)
    asked.put("")
    if busy.is_set():
        _thread.interrupt_main()
        # a call into a native library does not see the interrupt
        late = threading.Timer(GRACE_S, os._exit, (_INTERRUPTED,))
        late.daemon = True
        late.start()


if __name__ == "__main__":
    sys.exit(main())
