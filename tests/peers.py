"""Programs of others that tests talk to. A test whose peer is missing is skipped, and fails under `--no-skips`.

`.ci/run` installs them (docs/tests.md): programs from Debian, and npm packages into the folder `GOODPART_PEERS`.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

VARIABLE = "GOODPART_PEERS"

PLC = Path(__file__).parent / "station" / "plc"
"""Programs of ours that play a PLC or a station, in Node.js and Python."""

PATIENCE_S = 120.0


def program(name: str, package: str | None = None) -> str:
    """The path of a program of Debian, or skips.

    Args:
        name: what it is called.
        package: the Debian package, if it has another name.
    """
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"missing: {name} (Debian: apt install {package or name})")
    return found


def npm_package(name: str) -> Path:
    """The folder of an npm package, or skips; its peers lie beside it."""
    if VARIABLE not in os.environ:
        pytest.skip(f"{VARIABLE} is not set (docs/tests.md)")
    folder = Path(os.environ[VARIABLE]) / "node_modules" / name
    if not (folder / "package.json").is_file():
        pytest.skip(f"missing: the npm package {name} in {folder.parent} (docs/tests.md)")
    return folder


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Talker:
    """A process that answers each line of JSON with one.

    Attributes:
        process: it.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def ask(self, **asked: Any) -> Any:
        """What it answers to a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> Any:
        """Its next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.process.args}: has ended"
        return json.loads(line)


@contextlib.contextmanager
def talking(*command: object, code: int = 0, errors: int | IO[str] | None = None) -> Iterator[Talker]:
    """Such a process. It ends with its stdin.

    Args:
        command: its words.
        code: the exit code that it ends with.
        errors: where its stderr goes.
    """
    words, pipe = [str(word) for word in command], subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=errors, text=True) as process:
        try:
            yield Talker(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(PATIENCE_S) == code
        finally:
            process.kill()


@contextlib.contextmanager
def node(script: str, *arguments: object, package: str) -> Iterator[Talker]:
    """A program of ours in Node.js; skips without it.

    Args:
        script: its file in `PLC`.
        arguments: its words.
        package: the npm package that it needs.
    """
    npm_package(package)
    with talking(program("node", "nodejs"), PLC / script, *arguments) as talker:
        yield talker
