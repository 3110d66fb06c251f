"""Stamp: what decides a bundle, as digests, so that a product is built again only when one of them changed."""

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomllib

from goodpart._host.atomic import write_file
from goodpart._host.strict_json import decode, encode
from goodpart.bundle.manifest_file import read_manifest
from goodpart.errors import GoodpartError, ManifestError
from goodpart_bank_builder.data.batches import contents_of, list_batch
from goodpart_bank_builder.data.dataset import dataset_digest
from goodpart_bank_builder.recipe.recipe import Recipe, sha256_of

PACKAGES = ("goodpart", "goodpart-bank-builder")
"""The packages whose versions are the builder's."""

_PINS = {"backbone": ("sha256",), "batch": ("digest",), "bank": ("ignore_sha256",)}
"""What the first build writes into a recipe; it follows from the files, which count by themselves."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a bundle is made from.

    Attributes:
        recipe: sha256 over every key of the recipe, without the digests that the first build writes, and over the key
            file and the lists of excluded images that it names.
        images: sha256 over names and contents of the images of all batches, and over the mask.
        backbone: sha256 of the backbone.
        builder: versions of the packages that build.
    """

    recipe: str
    images: str
    backbone: str
    builder: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Built:
    """What `BUNDLE.built.json` says of the bundle beside it. The file appears when the bundle is whole.

    Attributes:
        stamp: of what the bundle was made from.
        digest: of the bundle.
        images: good images that were learned.
        threshold: in sigmas.
        suspects: images that want a look.
        seconds: wall time of the build.
        warning: the warning that marks all results of the bundle, or None.
    """

    stamp: Stamp
    digest: str
    images: int
    threshold: float
    suspects: int
    seconds: float
    warning: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planned:
    """What `BUNDLE.building.json` says while a build is at work: a second attempt after a kill makes the same bundle.

    Attributes:
        stamp: of what the bundle is made from.
        serial: of the bundle.
        parent: digest of the bundle that it replaces, or None.
    """

    stamp: Stamp
    serial: int
    parent: str | None


def stamp_of(recipe: Recipe, digests: Sequence[str] | None = None) -> Stamp:
    """What the next bundle of a recipe would be made from; reads all of its files.

    Args:
        recipe: of the product.
        digests: of what the batches hold now; None to read them.

    Raises:
        UsageError: a file or folder cannot be read, or a batch has no images.
    """
    settings = recipe.settings
    if digests is None:
        digests = [dataset_digest(contents_of(list_batch(batch))) for batch in settings.all_batches]
    files = [str(settings.ignore and sha256_of(settings.ignore)), *digests]
    return Stamp(
        recipe=_digest([_without_pins(recipe), _named_files(recipe)]),
        images=_digest(files),
        backbone=sha256_of(settings.backbone),
        builder=", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
    )


def changes(recipe: Recipe, stamp: Stamp) -> tuple[str, ...]:
    """Why the bundle of a recipe is out of date, in words; empty if it is up to date.

    Args:
        recipe: of the product.
        stamp: of what its next bundle would be made from.
    """
    built = read_built(recipe.settings.out)
    if built is None:
        return ("never built",)
    names = [field.name for field in dataclasses.fields(Stamp)]
    found = tuple(name for name in names if getattr(built.stamp, name) != getattr(stamp, name))
    try:
        digest = read_manifest(recipe.settings.out)[1]
    except GoodpartError:
        return (*found, "no bundle")
    return found if digest == built.digest else (*found, "another bundle")


def built_file(out: Path) -> Path:
    """The file beside a bundle that says what it was made from."""
    return _beside(out, "built.json")


def read_built(out: Path) -> Built | None:
    """What was noted when a bundle was built; None without it. A damaged file counts as none: the bundle is remade."""
    with contextlib.suppress(OSError, ManifestError):
        return decode(Built, built_file(out).read_bytes(), where=str(built_file(out)))
    return None


def write_built(out: Path, built: Built) -> None:
    """Notes that a bundle is whole.

    Raises:
        UsageError: the file cannot be written.
    """
    write_file(built_file(out), encode(built))
    drop_plan(out)


def forget(out: Path) -> None:
    """Makes a bundle count as out of date.

    Raises:
        OSError: the file cannot be removed.
    """
    built_file(out).unlink(missing_ok=True)


def plan(out: Path, stamp: Stamp, serial: int, parent: str | None) -> Planned:
    """What a build has to make: what an attempt of the same stamp that was killed had to, or else what is given.

    Args:
        out: the bundle.
        stamp: of what it is made from.
        serial: of the bundle.
        parent: digest of the bundle that it replaces, or None.

    Raises:
        UsageError: the file cannot be written.
    """
    file = _beside(out, "building.json")
    with contextlib.suppress(OSError, ManifestError):
        planned = decode(Planned, file.read_bytes(), where=str(file))
        # a bundle of a later serial came from elsewhere since
        if planned.stamp == stamp and serial <= planned.serial + 1:
            return planned
    planned = Planned(stamp=stamp, serial=serial, parent=parent)
    write_file(file, encode(planned))
    return planned


def drop_plan(out: Path) -> None:
    """Ends a build that has made its bundle, or that was given up before there was one."""
    with contextlib.suppress(OSError):
        _beside(out, "building.json").unlink(missing_ok=True)


def _beside(out: Path, name: str) -> Path:
    # resolved, because "." has no name
    folder = out.resolve()
    return folder.with_name(f"{folder.name}.{name}")


def _without_pins(recipe: Recipe) -> dict[str, Any]:
    plain: dict[str, Any] = tomllib.loads(recipe.places.text)
    for table, keys in _PINS.items():
        entries = plain.get(table, {})
        for entry in entries if isinstance(entries, list) else [entries]:
            for key in keys:
                entry.pop(key, None)
    return plain


def _named_files(recipe: Recipe) -> dict[str, str]:
    """The sha256 of the key, and of every list of excluded images."""
    files = [Path(name) for name in recipe.settings.exclude if Path(name).is_file()]
    files += [] if recipe.key is None else [recipe.key]
    return {str(number): sha256_of(file) for number, file in enumerate(files)}


def _digest(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()
