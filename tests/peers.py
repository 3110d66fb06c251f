"""Programs of others that tests talk to. A test whose peer is missing is skipped, and fails under `--no-skips`.

`.ci/run` installs them (docs/tests.md): programs from Debian, and npm packages into the folder `GOODPART_PEERS`.
"""

import os
import shutil
from pathlib import Path

import pytest

VARIABLE = "GOODPART_PEERS"


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
