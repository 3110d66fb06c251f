"""Lineage: which bundle the next one of a product replaces, and which serial it gets."""

import contextlib
import json
from pathlib import Path

from goodpart._host.atomic import write_file
from goodpart.bundle.manifest_file import read_manifest
from goodpart.errors import BundleError, UsageError

LAST = "built.json"
"""The file of the workspace that holds serial and digest of the last bundle."""


def replaced(out: Path, product: str) -> tuple[str | None, int]:
    """Digest and serial of the bundle that will be replaced; None and 0 without one.

    Raises:
        UsageError: the bundle of another product, or none, lies there.
    """
    if not out.exists() or not any(out.iterdir()):
        return None, 0
    try:
        manifest, digest = read_manifest(out)
    except BundleError as error:
        raise UsageError(f"{error}; move {out} away, or name another place with --out") from error
    if manifest.name != product:
        raise UsageError(
            f"{out}: expected a bundle of {product}, found one of {manifest.name}; name another place with --out"
        )
    return digest, manifest.serial


def last_serial(workspace: Path | None) -> int:
    """Serial of the last bundle that a workspace knows; 0 if it knows none."""
    if workspace is not None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return int(json.loads((workspace / LAST).read_bytes())["serial"])
    return 0


def keep_serial(workspace: Path, *, digest: str, serial: int) -> None:
    """Notes the last bundle in a workspace, so that serials grow even after somebody has moved the bundle away.

    Raises:
        UsageError: the file cannot be written.
    """
    write_file(workspace / LAST, (json.dumps({"digest": digest, "serial": serial}) + "\n").encode())
