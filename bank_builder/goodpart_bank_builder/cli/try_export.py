"""The backbone of `try`: the command `goodpart-export`, run as a child, because the builder never needs torch."""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goodpart.errors import UsageError

COMMAND = "goodpart-export"

_GRACE_S = 10.0


class ExportFailedError(Exception):
    """The command ended with an error, and has said why on stderr.

    Attributes:
        code: its exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"{COMMAND} ended with {code}")
        self.code = code


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """What is passed on to the command.

    Attributes:
        weights: `imagenet`, a file, or `untrained`.
        images: folder of good images, whose proportions the input gets.
        smallest_defect_px: side of the smallest defect that matters, in frame pixels, or None.
        roi: the part of the frame to inspect, `Y,X,H,W` in pixels, or None.
    """

    weights: str
    images: Path
    smallest_defect_px: float | None
    roi: str | None

    def arguments(self, out: Path) -> list[str]:
        """Arguments of the command that writes `out`."""
        given = {"--smallest-defect-px": self.smallest_defect_px, "--roi": self.roi}
        passed_on = [f"{option}={value}" for option, value in given.items() if value is not None]
        # with an equals sign, a value that begins with a dash is no option
        return [
            f"--weights={self.weights}", "--size=auto", f"--images={self.images}", f"--out={out}", *passed_on, "--json",
        ]  # fmt: skip


def find_command() -> str:
    """The command beside this Python, or else on the PATH.

    Raises:
        UsageError: it is not installed.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which(COMMAND, path=beside) or shutil.which(COMMAND)
    if found is None:
        raise UsageError(
            f"{COMMAND}: expected the command in {beside} or on the PATH, found none; run pip install ./runtime "
            "./export in a clone of goodpart, or give --backbone FILE from another workstation"
        )
    return found


def run_export(command: str, settings: ExportSettings, out: Path) -> dict[str, Any]:
    """Exports a backbone; its progress and messages go to stderr.

    Args:
        command: from `find_command`.
        settings: what to pass on.
        out: the ONNX file to write.

    Returns:
        the command's report.

    Raises:
        ExportFailedError: it ended with an error of its own.
        UsageError: it cannot be started, was killed, or printed no report.
    """
    text = _output([command, *settings.arguments(out)])
    try:
        report = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{command}: expected its report as JSON, found {text[:80]!r}; install it again") from error
    if not isinstance(report, dict) or not out.is_file():
        raise UsageError(f"{command}: expected a backbone and its report, found none; install it again")
    return report


def _output(arguments: Sequence[str]) -> str:
    """What a child prints; it ends with this process, also when this process is interrupted."""
    try:
        child = subprocess.Popen(  # noqa: S603 - our own command
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            # Ctrl-C reaches this process alone, which then ends the child: one of them reports the interruption
            start_new_session=True,
        )
    except OSError as error:
        raise UsageError(f"{arguments[0]}: expected a command that starts, found none ({error.strerror})") from error
    with child:
        try:
            text, _ = child.communicate()
        except BaseException:
            _end(child)
            raise
    if child.returncode < 0:
        raise UsageError(
            f"{arguments[0]}: expected a backbone, found the command ended by signal {-child.returncode}; it may need "
            "more memory"
        )
    if child.returncode:
        raise ExportFailedError(child.returncode)
    return text


def _end(child: "subprocess.Popen[str]") -> None:
    child.terminate()
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
