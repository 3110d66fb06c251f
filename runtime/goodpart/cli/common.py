"""What the three command line tools share: options, exit codes, one-line errors."""

import argparse
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType

from goodpart.errors import GoodpartError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """The options that every command has."""
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error was raised")


def run(main: Callable[[argparse.Namespace], int], parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Parses the command line, runs `main`, and turns every error into one line on stderr and an exit code.

    Args:
        main: takes the parsed options, gives the exit code.
        parser: the command's parser.
        argv: arguments without the program's name; None for the process's own.
    """
    _mend_streams()
    options = parser.parse_args(argv)
    # a service manager's stop and a closed terminal are interruptions too: clean up what is half done
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP
    before = {number: signal.getsignal(number) for number in map(signal.Signals.__getitem__, names)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    try:
        return main(options)
    except GoodpartError as error:
        return _report(parser.prog, str(error), error.exit_code, show=options.traceback)
    except KeyboardInterrupt:
        return _report(parser.prog, "interrupted; nothing half-written is left", INTERRUPTED, show=options.traceback)
    except BrokenPipeError:
        # the reader went away (for example `| head`); nothing more can be told, also not by the exit-time flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except Exception as error:  # noqa: BLE001 - Python's own exit code 1 would read as "at least one defect"
        text = f"unexpected {type(error).__name__}: {error}; please report this with the output of --traceback"
        return _report(parser.prog, text, 2, show=options.traceback)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def print_json(value: object) -> None:
    """One JSON object on one line of stdout, seen by a reader at once."""
    print(json.dumps(value, allow_nan=False), flush=True)


def size(text: str) -> tuple[int, int]:
    """Parses `HxW` in pixels.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    height, cross, width = text.lower().partition("x")
    if not (cross and height.isdecimal() and width.isdecimal() and int(height) > 0 and int(width) > 0):
        raise argparse.ArgumentTypeError(f"expected HxW in pixels, such as 256x256, found {text!r}")
    return int(height), int(width)


def integers(count: int, names: str) -> Callable[[str], tuple[int, ...]]:
    """A parser of `count` whole numbers separated by commas; `names` is how messages call them."""

    def parse(text: str) -> tuple[int, ...]:
        parts = text.split(",")
        if len(parts) != count or not all(part.strip().isdecimal() for part in parts):
            raise argparse.ArgumentTypeError(f"expected {names}, found {text!r}")
        return tuple(int(part) for part in parts)

    return parse


def _mend_streams() -> None:
    """Output never fails for want of a stream (`>&-`) or because a file's name is not UTF-8."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - it lasts as long as the process
        elif isinstance(getattr(sys, name), io.TextIOWrapper):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _report(program: str, text: str, code: int, *, show: bool) -> int:
    if show:
        traceback.print_exc()
    print(f"{program}: {' '.join(text.splitlines())}", file=sys.stderr, flush=True)
    return code
