"""A build from a recipe: serial, parent and digests are kept, and the bundle is signed where the recipe says so.

Only one process builds a product at a time. What a bundle was made from is noted beside it, so that `build-all` does
not build again what `build`, `update` or `exclude` has just built.
"""

import contextlib
import dataclasses
import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from goodpart._host.atomic import check_file, check_target, write_file
from goodpart.bundle.names import MANIFEST_SHA256, OWN_FILES
from goodpart.errors import GoodpartError, UsageError
from goodpart_bank_builder.build.build import BuildReport, build_and_keep
from goodpart_bank_builder.build.sign import sign_bundle
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.learn.learn import Learned
from goodpart_bank_builder.learn.workspace import Workspace
from goodpart_bank_builder.life.alone import alone, holder
from goodpart_bank_builder.life.lineage import keep_serial, last_serial, replaced
from goodpart_bank_builder.life.stamp import Built, Stamp, drop_plan, plan, stamp_of, write_built
from goodpart_bank_builder.recipe.contents import with_digests
from goodpart_bank_builder.recipe.recipe import Recipe, read_recipe, read_text, sha256_of
from goodpart_bank_builder.recipe.stored import Pins, pinned

_DECIDES_NOTHING = frozenset({"serial", "parent"})
"""What may be overridden though the bundle then counts as that of its recipe."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Edit:
    """A change of a recipe, which is written once the bundle is there.

    Attributes:
        before: the text that the change was made to.
        after: the text with the change.
    """

    before: str
    after: str


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
        built: what is noted beside the bundle; None if settings were overridden, so that the recipe makes another one.
    """

    report: BuildReport
    learned: Learned
    settings: BuildSettings
    serial: int
    parent: str | None
    signed: bool
    workspace: str | None
    built: Built | None


def workspace_of(recipe: Recipe) -> Path:
    """The folder beside a recipe where builds of its product keep what makes the next one cheap."""
    return recipe.file.parent / "workspace" / recipe.settings.product


@contextlib.contextmanager
def build_recipe(
    file: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    threads: int = 1,
    workspace: bool = True,
    edit: Edit | None = None,
) -> Iterator[Rebuilt]:
    """Builds the bundle of a recipe, which replaces an older bundle of the product, before the `with` block.

    The first build writes the digests of backbone, mask and batches into the recipe. The block may write what lies
    beside the bundle. Only when it ends without an error does the bundle count as up to date.

    Args:
        file: the recipe.
        overrides: fields of `BuildSettings` that count instead of what the recipe says.
        threads: images to work on at a time.
        workspace: whether to use and fill the workspace.
        edit: the recipe as it will be; None to leave it as it is.

    Raises:
        UsageError: another process builds the product; the recipe cannot be used or has changed meanwhile; or a
            backbone, a mask or a batch is no longer what it was.
        FrameError: an image cannot be read and `skip_unreadable` is off.
        BundleError: the backbone is refused, or the finished bundle does not pass its own checks.
    """
    given = dict(overrides or {})
    out = given.get("out") or read_recipe(file, None if edit is None else edit.after).settings.out
    with alone(out, wait=False) as is_alone:
        if not is_alone:
            raise UsageError(
                f"{file}: expected no other build of {out.name}, found one at work ({holder(out)}); wait for its end"
            )
        with build_alone(file, given, threads=threads, workspace=workspace, edit=edit) as rebuilt:
            yield rebuilt


@contextlib.contextmanager
def build_alone(
    file: Path,
    given: Mapping[str, Any],
    *,
    threads: int = 1,
    workspace: bool = True,
    edit: Edit | None = None,
    stamp: Stamp | None = None,
) -> Iterator[Rebuilt]:
    """Like `build_recipe`, for a caller that holds the lock of the product.

    Args:
        file, threads, workspace, edit: as in `build_recipe`.
        given: its overrides.
        stamp: of what the bundle is made from, where the caller knows it already.
    """
    began, before = time.perf_counter(), read_text(file)
    if edit is not None and edit.before != before:
        raise UsageError(f"{file}: expected the recipe as it was a moment ago, found it changed meanwhile; try again")
    recipe = read_recipe(file, before if edit is None else edit.after)
    check_pins(recipe, given)
    folder = workspace_of(recipe) if workspace else None
    settings = dataclasses.replace(recipe.settings, **{"threads": threads, "force": True, **given})
    check_target(settings.out, force=True, mark=MANIFEST_SHA256, own=OWN_FILES)
    there, last = replaced(settings.out, settings.product)
    settings = dataclasses.replace(settings, batches=with_digests(recipe, folder))
    after = _with_pins(recipe, settings, given)
    if after != before:
        check_file(file)
    digests = [str(batch.digest) for batch in settings.batches]
    stamp = None if _overridden(recipe, given) else stamp or stamp_of(recipe, digests)
    serial = max(last, last_serial(folder)) + 1 if recipe.serial is None else recipe.serial
    serial, parent = given.get("serial", serial), given.get("parent", there)
    if stamp is not None and not _DECIDES_NOTHING & given.keys():
        planned = plan(settings.out, stamp, serial, parent)
        serial, parent = planned.serial, planned.parent
    settings = dataclasses.replace(settings, serial=serial, parent=parent)
    kept = None if folder is None else open_workspace(recipe, settings)
    try:
        report, learned = build_and_keep(settings, kept)
    except BaseException:
        _give_up(settings, there)
        raise
    if recipe.key is not None:
        sign_bundle(settings.out, recipe.key)
    if after != before:
        _write_recipe(file, after, before)
    words = None
    if folder is not None and kept is not None:
        _keep_scores(folder / "heldout" / f"{report.digest}.npz", learned)
        words = _words(kept)
        keep_serial(folder, digest=report.digest, serial=serial)
    built = None if stamp is None else _built(stamp, report, time.perf_counter() - began)
    yield Rebuilt(
        report=report,
        learned=learned,
        settings=settings,
        serial=serial,
        parent=parent,
        signed=recipe.key is not None,
        workspace=words,
        built=built,
    )
    if built is not None:
        write_built(settings.out, built)


def _give_up(settings: BuildSettings, there: str | None) -> None:
    """Drops what a build had to make, unless it has replaced the bundle that was there already."""
    with contextlib.suppress(GoodpartError):
        if replaced(settings.out, settings.product)[0] == there:
            drop_plan(settings.out)


def _built(stamp: Stamp, report: BuildReport, seconds: float) -> Built:
    return Built(
        stamp=stamp,
        digest=report.digest,
        images=report.images,
        threshold=report.calibration.threshold,
        suspects=report.diagnosis.look_at,
        seconds=seconds,
        warning=report.warning,
    )


def _overridden(recipe: Recipe, given: Mapping[str, Any]) -> bool:
    """Whether something was given that makes another bundle than the recipe does."""
    decides = {name: value for name, value in given.items() if name not in _DECIDES_NOTHING}
    return dataclasses.replace(recipe.settings, **decides) != recipe.settings


def _with_pins(recipe: Recipe, settings: BuildSettings, given: Mapping[str, Any]) -> str:
    """The text of a recipe with the digests of what it names."""
    pins = Pins(
        backbone_sha256=sha256_of(settings.backbone),
        ignore_sha256=None if settings.ignore is None else sha256_of(settings.ignore),
        digests=tuple(str(batch.digest) for batch in settings.batches),
    )
    return pinned(recipe.places.text, pins if not {"backbone", "ignore"} & given.keys() else _of_recipe(recipe, pins))


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
