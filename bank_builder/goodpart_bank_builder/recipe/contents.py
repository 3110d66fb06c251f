"""Batches never change once they were built: a change is an error that names what changed."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goodpart._host.atomic import write_file
from goodpart.errors import UsageError
from goodpart_bank_builder.data.batches import Batch, contents_of, list_batch
from goodpart_bank_builder.data.dataset import dataset_digest
from goodpart_bank_builder.progress import progress
from goodpart_bank_builder.recipe.recipe import Recipe

_SHOWN = 3


def with_digests(recipe: Recipe, workspace: Path | None) -> tuple[Batch, ...]:
    """The batches of a recipe with the digests of what they hold.

    Args:
        recipe: what to look at.
        workspace: folder where names and contents of earlier batches are kept; None for none.

    Raises:
        UsageError: a batch holds other images than when it was built; the message names what changed.
    """
    found = []
    batches = recipe.settings.all_batches
    for number, batch in enumerate(progress(batches, doing="checking batches", total=len(batches), unit="batches")):
        contents = contents_of(list_batch(batch))
        digest = dataset_digest(contents)
        if batch.digest not in (None, digest):
            known = None if workspace is None else _read(_record(workspace, str(batch.digest)))
            raise UsageError(
                f"{recipe.places.of('batch', 'digest', number)}: expected batch {batch.name!r} as it was built, "
                f"found {_difference(known, contents)}; put them back, and append new ones as a batch"
            )
        if workspace is not None:
            write_file(_record(workspace, digest), json.dumps(contents).encode())
        found.append(dataclasses.replace(batch, digest=digest))
    return tuple(found)


def _record(workspace: Path, digest: str) -> Path:
    return workspace / "batches" / f"{digest}.json"


def _read(path: Path) -> dict[str, str] | None:
    """Names and contents of a batch, or None where there is no such file; they only serve a message."""
    with contextlib.suppress(OSError, ValueError):
        plain: Any = json.loads(path.read_bytes())
        if isinstance(plain, dict):
            return plain
    return None


def _difference(known: Mapping[str, str] | None, found: Mapping[str, str]) -> str:
    if known is None:
        return f"other names or contents in its {len(found)} images"
    kinds = {
        "new": sorted(found.keys() - known.keys()),
        "missing": sorted(known.keys() - found.keys()),
        "changed": sorted(name for name in found.keys() & known.keys() if found[name] != known[name]),
    }
    return ", ".join(
        f"{len(names)} {kind} ({', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''})"
        for kind, names in kinds.items()
        if names
    )
