"""A build from a recipe: serial, parent and digests are kept, and the bundle is signed where the recipe says so."""

import contextlib
import dataclasses
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from goodpart._host.atomic import check_file, check_target, write_file
from goodpart.bundle.manifest_file import read_manifest
from goodpart.bundle.names import MANIFEST_SHA256, OWN_FILES
from goodpart.errors import BundleError, UsageError
from goodpart_bank_builder.build.build import BuildReport, build_and_keep
from goodpart_bank_builder.build.sign import sign_bundle
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.learn.learn import Learned
from goodpart_bank_builder.learn.workspace import Workspace
from goodpart_bank_builder.recipe.contents import with_digests
from goodpart_bank_builder.recipe.recipe import Recipe, read_recipe, read_text, sha256_of
from goodpart_bank_builder.recipe.stored import Pins, pinned

BUILT = "built.json"
"""The file of the workspace that holds serial and digest of the last bundle."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What a recipe made.

    Attributes:
        report: of the build.
        learned: from the images.
        settings: of the build, with what was overridden.
        serial: of the bundle.
        parent: digest of the bundle that it replaced, or None.
        signed: whether it was signed.
        workspace: what was taken from the workspace, in words; None without one.
    """

    report: BuildReport
    learned: Learned
    settings: BuildSettings
    serial: int
    parent: str | None
    signed: bool
    workspace: str | None


def workspace_of(recipe: Recipe) -> Path:
    """The folder beside a recipe where builds of its product keep what makes the next one cheap."""
    return recipe.file.parent / "workspace" / recipe.settings.product


def build_recipe(
    file: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    threads: int = 1,
    workspace: bool = True,
    text: str | None = None,
) -> Rebuilt:
    """Builds the bundle of a recipe; it replaces an older bundle of the product.

    The first build writes the digests of backbone, mask and batches into the recipe.

    Args:
        file: the recipe.
        overrides: fields of `BuildSettings` that count instead of what the recipe says.
        threads: images to work on at a time.
        workspace: whether to use and fill the workspace.
        text: the recipe as it will be: it is written once the bundle is there. None for what the file holds.

    Raises:
        UsageError: the recipe cannot be used, or a backbone, a mask or a batch is no longer what it was.
        FrameError: an image cannot be read and `skip_unreadable` is off.
        BundleError: the backbone is refused, or the finished bundle does not pass its own checks.
    """
    before = read_text(file)
    recipe = read_recipe(file, text)
    given = dict(overrides or {})
    check_pins(recipe, given)
    folder = workspace_of(recipe) if workspace else None
    settings = dataclasses.replace(recipe.settings, **{"threads": threads, "force": True, **given})
    check_target(settings.out, force=True, mark=MANIFEST_SHA256, own=OWN_FILES)
    parent, last = _older(settings.out, settings.product)
    parent = given.get("parent", parent)
    last = max(last, _last_serial(folder))
    if "serial" not in given:
        settings = dataclasses.replace(settings, serial=last + 1 if recipe.serial is None else recipe.serial)
    settings = dataclasses.replace(settings, batches=with_digests(recipe, folder), parent=parent)
    pins = Pins(
        backbone_sha256=sha256_of(settings.backbone),
        ignore_sha256=None if settings.ignore is None else sha256_of(settings.ignore),
        digests=tuple(str(batch.digest) for batch in settings.batches),
    )
    after = pinned(recipe.places.text, pins if not {"backbone", "ignore"} & given.keys() else _of_recipe(recipe, pins))
    if after != before:
        check_file(file)
    kept = None if folder is None else open_workspace(recipe, settings)
    report, learned = build_and_keep(settings, kept)
    if recipe.key is not None:
        sign_bundle(settings.out, recipe.key)
    if after != before:
        _write_recipe(file, after, before)
    words = None
    if folder is not None and kept is not None:
        _keep_scores(folder / "heldout" / f"{report.digest}.npz", learned)
        words = _words(kept)
        stated = {"digest": report.digest, "serial": settings.serial}
        write_file(folder / BUILT, (json.dumps(stated) + "\n").encode())
    return Rebuilt(
        report=report,
        learned=learned,
        settings=settings,
        serial=settings.serial,
        parent=parent,
        signed=recipe.key is not None,
        workspace=words,
    )


def next_place(recipe: Recipe) -> tuple[int, str | None]:
    """Serial and parent that the next bundle of a recipe gets, with the workspace.

    Raises:
        UsageError: another product's bundle, or none, lies in its place.
    """
    parent, last = _older(recipe.settings.out, recipe.settings.product)
    last = max(last, _last_serial(workspace_of(recipe)))
    return (last + 1 if recipe.serial is None else recipe.serial), parent


def _write_recipe(file: Path, text: str, before: str) -> None:
    """Writes a recipe, unless somebody has changed it while the bundle was built."""
    if read_text(file) != before:
        raise UsageError(f"{file}: expected the recipe that was built, found it changed meanwhile; build again")
    write_file(file, text.encode())


def open_workspace(recipe: Recipe, settings: BuildSettings) -> Workspace:
    """The workspace of a recipe, for a build with these settings."""
    mask = None if settings.ignore is None else sha256_of(settings.ignore)
    decides = (sha256_of(settings.backbone), mask, settings.max_megapixels)
    return Workspace(workspace_of(recipe), decides=decides, embeddings_bytes=recipe.embeddings_mb << 20)


def _words(kept: Workspace) -> str:
    found, made = kept.found, kept.made
    return (
        f"{kept.folder}, {kept.tidy() / 1e6:.0f} MB; taken from it: {found['coresets']} of "
        f"{found['coresets'] + made['coresets']} coresets, {found['embeddings']} embeddings of images"
    )


def _keep_scores(path: Path, learned: Learned) -> None:
    """Keeps score and peak of every held-out image, in sigmas, by the sha256 of its file."""
    calibration = learned.calibration
    peaks = [float(found.max()) for found in learned.held_out.values()]
    scores, peaks_found = ((np.array(values) - calibration.mean) / calibration.std for values in (learned.worst, peaks))
    data = io.BytesIO()
    np.savez(data, sha256=[learned.images[each] for each in learned.held_out], scores=scores, peaks=peaks_found)
    write_file(path, data.getvalue())


def check_pins(recipe: Recipe, given: Mapping[str, Any]) -> None:
    """Refuses a changed backbone or mask, unless another one is given on the command line."""
    pins = {
        field: None
        for option, field in (("backbone", "backbone_sha256"), ("ignore", "ignore_sha256"))
        if option in given
    }
    dataclasses.replace(recipe, **pins).check_pins()  # type: ignore[arg-type]


def _of_recipe(recipe: Recipe, pins: Pins) -> Pins:
    """Pins of the files that the recipe names, where others were given."""
    ignore = recipe.settings.ignore
    return dataclasses.replace(
        pins,
        backbone_sha256=sha256_of(recipe.settings.backbone),
        ignore_sha256=None if ignore is None else sha256_of(ignore),
    )


def _older(out: Path, product: str) -> tuple[str | None, int]:
    """Digest and serial of the bundle that will be replaced; None and 0 without one."""
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


def _last_serial(folder: Path | None) -> int:
    """Serial of the last bundle that the workspace knows; 0 if it knows none."""
    if folder is not None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return int(json.loads((folder / BUILT).read_bytes())["serial"])
    return 0
