"""Shared code of all command lines of the project: sub-commands, exit codes, one-line errors, parsing of values."""

import argparse
import errno
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, NoReturn, Protocol

from goodpart._host.machine import says_no_memory
from goodpart.cli.rows import tell
from goodpart.errors import GoodpartError, UnfitImagesError
from goodpart.printable import printable

INTERRUPTED = 130
"""Exit code after Ctrl-C, as in shells."""

USAGE = 2
"""Exit code of wrong usage. A missing command has the same code, because 0 would mean "all good"."""


_FULL = (errno.ENOSPC, errno.EIO, errno.EDQUOT)
"""Errors of an output that takes no more."""


class OneLineParser(argparse.ArgumentParser):
    """The parser of a program; what it quotes from the command line is escaped."""

    def error(self, message: str) -> NoReturn:
        """Prints the usage and one line, and ends the program with exit code 2."""
        super().error(printable(message))


class Command(Protocol):
    """A module that implements one command; `SUMMARY` is one sentence for the help."""

    SUMMARY: str

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's arguments and options to its parser."""

    def run(self, options: argparse.Namespace) -> int:
        """Does the work; returns the exit code."""


def add_commands(parser: argparse.ArgumentParser, commands: Mapping[str, Command]) -> Any:
    """Adds sub-commands to a parser. A command line without one prints the help to stderr and ends with code 2.

    Args:
        parser: parser of the program, or of a command with sub-commands.
        commands: commands by name, in the order of the help.

    Returns:
        argparse's collection of sub-parsers, for commands with sub-commands.
    """

    def show_help(options: argparse.Namespace) -> int:
        parser.print_help(sys.stderr)
        return USAGE

    parser.set_defaults(command=show_help, traceback=False)
    parsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, command in commands.items():
        added = parsers.add_parser(name, help=command.SUMMARY, description=command.SUMMARY)
        command.add_options(added)
        add_common_options(added)
        added.set_defaults(command=command.run)
    return parsers


def run_command(options: argparse.Namespace) -> int:
    """Runs the command that `add_commands` found on the command line; returns its exit code."""
    return int(options.command(options))


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of every command line."""
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error was raised")


def run(
    main: Callable[[argparse.Namespace], int],
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    *,
    help_alone: bool = False,
) -> int:
    """Parses the command line, runs `main`, and turns every error into one line on stderr and an exit code.

    Args:
        main: takes the parsed options and returns the exit code.
        parser: parser of the program.
        argv: arguments without the program's name; None for the arguments of the process.
        help_alone: whether to print the help and return 2 if there are no arguments.
    """
    _mend_streams()
    arguments = sys.argv[1:] if argv is None else argv
    if help_alone and not arguments:
        parser.print_help(sys.stderr)
        return USAGE
    options = parser.parse_args(arguments)
    # a service manager's stop and a closed terminal also interrupt, so that unfinished output is removed
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP
    before = {number: signal.getsignal(number) for number in map(signal.Signals.__getitem__, names)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    try:
        code = main(options)
        sys.stdout.flush()  # what cannot be written is an error here, and a traceback after the end
    except UnfitImagesError as error:
        return _report_each(parser.prog, error, show=options.traceback)
    except GoodpartError as error:
        return _report(parser.prog, f"{error}{_memory_limit(str(error))}", error.exit_code, show=options.traceback)
    except KeyboardInterrupt:
        return _report(parser.prog, "interrupted; nothing half-written is left", INTERRUPTED, show=options.traceback)
    except BrokenPipeError:
        # the reader has closed the pipe (for example `| head`); the flush at exit must not fail again
        _drop_output()
        return USAGE
    except MemoryError:
        text = "expected more memory, found none left (see ulimit -v, or the container's limit); give it more"
        return _report(parser.prog, text, USAGE, show=options.traceback)
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            return _report(parser.prog, _unexpected(error), USAGE, show=options.traceback)
        _drop_output()
        text = f"stdout: expected room for the results, found none ({error.strerror}); they are incomplete"
        return _report(parser.prog, text, USAGE, show=options.traceback)
    except Exception as error:  # noqa: BLE001 - Python's own exit code 1 would read as "at least one defect"
        return _report(parser.prog, _unexpected(error), USAGE, show=options.traceback)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code


def print_json(value: object) -> None:
    """Prints one JSON object on one line of stdout and flushes it, so that a reader gets it at once."""
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
    """A parser of `count` whole numbers separated by commas; messages call them `names`."""

    def parse(text: str) -> tuple[int, ...]:
        parts = text.split(",")
        if len(parts) != count or not all(part.strip().isdecimal() for part in parts):
            raise argparse.ArgumentTypeError(f"expected {names}, found {text!r}")
        return tuple(int(part) for part in parts)

    return parse


def _mend_streams() -> None:
    """Keeps output from failing because a stream is closed (`>&-`) or a file's name is not UTF-8."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - it lasts as long as the process
        elif isinstance(getattr(sys, name), io.TextIOWrapper):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _unexpected(error: Exception) -> str:
    if limit := _memory_limit(str(error)):
        return f"expected more memory, found none ({error}){limit}"
    return f"unexpected {type(error).__name__}: {error}; please report this with the output of --traceback"


def _memory_limit(text: str) -> str:
    """What stands behind an error of a native library that got no memory, if this process has a limit of it."""
    if not says_no_memory(text) or sys.platform == "win32":
        return ""
    import resource

    for limit, how in (
        (resource.RLIMIT_AS, "map {} MB (ulimit -v)"),
        (resource.RLIMIT_DATA, "write {} MB (ulimit -d)"),
    ):
        if (most := resource.getrlimit(limit)[0]) != resource.RLIM_INFINITY:
            return f"; this process may {how.format(most >> 20)}: give it more"
    return ""


def _drop_output() -> None:
    """Sends what is still to be printed to nowhere, so that the flush at exit does not fail as well."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(program: str, text: str, code: int, *, show: bool) -> int:
    if show:
        traceback.print_exc()
    tell(f"{program}: {text}")
    return code


def _report_each(program: str, error: UnfitImagesError, *, show: bool) -> int:
    """A line for each image, because one line would be too short for all."""
    *others, last = error.errors or (error,)
    for each in others:
        _report(program, str(each), error.exit_code, show=False)
    return _report(program, str(last), error.exit_code, show=show)
