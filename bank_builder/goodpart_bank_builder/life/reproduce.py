"""Reproduce: builds a bundle again from its own recipe and list of images, and compares file by file."""

import collections
import dataclasses
import difflib
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from goodpart.bundle.bundle import Bundle, read_bundle
from goodpart.bundle.names import MANIFEST, MANIFEST_SHA256
from goodpart.errors import ContractError, UsageError
from goodpart.facts.learned import ImageList
from goodpart.frames.listing import list_folder
from goodpart_bank_builder.build.build import build_and_keep
from goodpart_bank_builder.build.provenance import own_versions
from goodpart_bank_builder.progress import progress
from goodpart_bank_builder.recipe.recipe import read_recipe, sha256_of

_SHOWN = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reproduced:
    """How a bundle and its reproduction compare.

    Attributes:
        digest: of the bundle.
        reproduced_digest: of the reproduction; None if there was none.
        missing: names of images, or of the mask, whose content no folder holds.
        changed: those of them whose name a folder holds, with another content.
        files: for every file of either bundle "identical", or what differs.
        environment: versions and CPU that are not those of the bundle.
    """

    digest: str
    reproduced_digest: str | None
    missing: tuple[str, ...]
    changed: tuple[str, ...] = ()
    files: dict[str, str]
    environment: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether every file is the same."""
        return self.reproduced_digest == self.digest


def reproduce(folder: Path, data: Sequence[Path], *, threads: int = 1, seed: int | None = None) -> Reproduced:
    """Builds a bundle again.

    Names, parts, batches and settings come from the bundle. Only bytes come from `data`, by their sha256.

    Args:
        folder: the bundle.
        data: folders that hold the images, and the ignore mask if there was one, under any name.
        threads: images to work on at a time.
        seed: another seed than the bundle's, to see what it changes; None for the same.

    Raises:
        UsageError: a folder cannot be used, or the bundle holds no recipe.
        BundleError: the bundle is refused.
    """
    bundle = read_bundle(folder)
    text, images = bundle.read_recipe(), bundle.read_images()
    if text is None or images is None:
        raise UsageError(f"{folder}: expected a bundle with its recipe and images, found none in it; build it again")
    environment = _environment(bundle)
    with tempfile.TemporaryDirectory() as work:
        place = Path(work)
        paths = [path for folder in data for path in list_folder(folder).images]
        missing = _lay_out(bundle, text, images, _by_content(paths), place)
        if missing:
            return Reproduced(
                digest=bundle.digest,
                reproduced_digest=None,
                missing=missing,
                changed=_named(missing, paths, bundle),
                files={},
                environment=environment,
            )
        recipe = read_recipe(place / "recipe.toml")
        settings = dataclasses.replace(
            recipe.settings,
            out=place / "out" / "bundle",
            serial=bundle.manifest.serial,
            parent=bundle.manifest.provenance.parent,
            seed=recipe.settings.seed if seed is None else seed,
            threads=threads,
        )
        report, _ = build_and_keep(settings)
        return Reproduced(
            digest=bundle.digest,
            reproduced_digest=report.digest,
            missing=(),
            files=_compared(bundle, read_bundle(settings.out)),
            environment=environment,
        )


def _by_content(paths: Sequence[Path]) -> dict[str, Path]:
    """Every picture by the sha256 of its file."""
    return {
        sha256_of(path): path.resolve() for path in progress(paths, doing="hashing", total=len(paths), unit="images")
    }


def _lay_out(bundle: Bundle, text: str, images: ImageList, found: dict[str, Path], place: Path) -> tuple[str, ...]:
    """Lays the recipe and what it names into a folder, as links; returns the names of what is missing."""
    batches = [batch.name for batch in bundle.manifest.provenance.batches or ()]
    if not batches:
        raise ContractError(f"{bundle.folder}: expected the batches of its images, found none; build it again")
    (place / "recipe.toml").write_text(text, encoding="utf-8")
    (place / "backbone.onnx").write_bytes(bundle.read_backbone())
    for batch in batches:
        (place / batch).mkdir()
    missing = []
    for image in (*images.images, *images.excluded):
        path = found.get(image.sha256)
        if path is None:
            missing.append(image.name)
            continue
        target = place / _below(image.name, batches)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)
    mask = next((line.split('"')[1] for line in text.splitlines() if line.startswith("ignore_sha256 = ")), None)
    if mask is not None and mask not in found:
        missing.append("the ignore mask")
    elif mask is not None:
        (place / "ignore.png").symlink_to(found[mask])
    return tuple(missing)


def _named(missing: Sequence[str], paths: Sequence[Path], bundle: Bundle) -> tuple[str, ...]:
    """Those of the missing images whose name some file has, within its batch."""
    batches = [batch.name for batch in bundle.manifest.provenance.batches or ()]
    same_name = collections.defaultdict(list)
    for path in paths:
        same_name[path.name].append(path)
    named = []
    for name in missing:
        own = Path(*Path(_below(name, batches)).parts[1:])
        if any(path.parts[-len(own.parts) :] == own.parts for path in same_name[own.name]):
            named.append(name)
    return tuple(named)


def _below(name: str, batches: Sequence[str]) -> str:
    """Where an image lies below its batch; names of the first batch stand without it."""
    plain = name.encode("latin-1", "backslashreplace").decode("unicode_escape")
    later = any(name.startswith(f"{batch}/") for batch in batches[1:])
    return plain if later else f"{batches[0]}/{plain}"


def _environment(bundle: Bundle) -> tuple[str, ...]:
    """What is not as it was when the bundle was built."""
    here = own_versions()
    stated = bundle.manifest.provenance.versions
    return tuple(
        f"{name}: {stated.get(name, 'not stated')} then, {here.get(name, 'not installed')} here"
        for name in sorted(stated.keys() | here.keys())
        if stated.get(name) != here.get(name)
    )


def _compared(one: Bundle, other: Bundle) -> dict[str, str]:
    files = {}
    for name in sorted({MANIFEST, *one.manifest.files, *other.manifest.files} - {MANIFEST_SHA256}):
        paths = [bundle.folder / name for bundle in (one, other)]
        absent = [
            word for word, path in zip(("the bundle", "the reproduction"), paths, strict=True) if not path.exists()
        ]
        if absent:
            files[name] = f"not in {absent[0]}"
            continue
        before, after = (path.read_bytes() for path in paths)
        files[name] = "identical" if before == after else _difference(name, before, after)
    return files


def _difference(name: str, before: bytes, after: bytes) -> str:
    """What differs between two versions of a file, in a few words."""
    if name.endswith(".json"):
        keys = list(_keys(json.loads(before), json.loads(after), ""))
        told = ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
        return f"differs in {told or 'layout'}"
    if name.endswith(".npy"):
        one, other = (np.load(io.BytesIO(each), allow_pickle=False) for each in (before, after))
        if one.shape != other.shape:
            return f"differs: shape {one.shape} then, {other.shape} now"
        rows = int((one != other).reshape(len(one), -1).any(axis=1).sum())
        return f"differs in {rows} of {len(one)} rows, by at most {np.abs(one.astype(float) - other).max():.3g}"
    if name.endswith(".toml"):
        old, new = (text.decode("utf-8", "replace").splitlines() for text in (before, after))
        lines = list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]
        then, now = (", ".join(line[1:] for line in lines if line.startswith(sign)) or "nothing" for sign in "-+")
        return f"differs: {then} then, {now} now"
    return f"differs: {len(before)} bytes then, {len(after)} now"


def _keys(one: Any, other: Any, where: str) -> Any:
    """The places at which two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if where == "" and key == "files":
                continue
            yield from _keys(one.get(key), other.get(key), f"{where}.{key}" if where else key)
    elif one != other:
        yield where
