"""The steps of `try`: export, build, evaluate, report; all results appear at once in one folder."""

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

from goodpart._host.atomic import check_target, staged_folder, write_file
from goodpart._host.strict_json import to_plain
from goodpart.bundle.names import OWN_FILES
from goodpart.bundle.term import load_term
from goodpart.cli.rows import tell
from goodpart.errors import FrameError, UsageError
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.build.build import BuildReport, build_and_keep
from goodpart_bank_builder.cli.try_export import ExportSettings, find_command, run_export
from goodpart_bank_builder.data.bad_folder import read_bad_folder, refuse_overlap
from goodpart_bank_builder.data.dataset import Category
from goodpart_bank_builder.data.good_folder import read_good_folder
from goodpart_bank_builder.data.parts import make_folds
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.doctor.finding import FindingKind
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.figures import CategoryResult
from goodpart_bank_builder.evaluate.held_out import HeldOut
from goodpart_bank_builder.report.painted import write_painted

BACKBONE, BUNDLE, REPORT, DOCTOR, FINDINGS = "backbone.onnx", "bundle", "report", "doctor", "findings.json"
_LINKS, _LINKED = "images", 200
_FRAME = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)

MARK = "goodpart-try.txt"
"""The file that marks the folder of a try."""

OWN = re.compile(
    rf"{MARK}|{BACKBONE}|backbone\.report\.json|{re.escape(FINDINGS)}|{BUNDLE}\.painted\.json|"
    rf"({REPORT}|{DOCTOR})/(index\.html|goodpart-report\.txt)|{BUNDLE}/({OWN_FILES.pattern})"
)
"""Every file in such a folder; a new try replaces no others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrySettings:
    """What to try.

    Attributes:
        build: the build. Its `out` is the folder for all results; its `backbone` counts only without `export`.
        bad_dir: folder of bad parts, or None.
        export: how the backbone is exported, None to take that of `build`.
    """

    build: BuildSettings
    bad_dir: Path | None
    export: ExportSettings | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tried:
    """What came out.

    Attributes:
        report: of the build.
        result: of the evaluation.
        exported: the report of `goodpart-export`, None if a backbone was given.
        input_px: height and width of the input.
    """

    report: BuildReport
    result: CategoryResult
    exported: dict[str, Any] | None
    input_px: tuple[int, int]


def try_folders(settings: TrySettings) -> Tried:
    """Exports, builds, evaluates and writes the report; the folder appears complete, or not at all.

    Raises:
        UsageError: a folder, an option or the target cannot be used, or `goodpart-export` is not installed.
        ExportFailedError: it ended with an error of its own.
        FrameError: an image cannot be read and `skip_unreadable` is off.
        BundleError: the backbone is refused.
    """
    build, out = settings.build, settings.build.out
    # all that can be refused is refused now, because the steps take minutes
    check_target(out, force=build.force, mark=MARK, own=OWN)
    found = read_good_folder(build)
    make_folds(found.parts, build)
    bad = _read_bad(settings, list(found.parts))
    command = None if settings.export is None else find_command()
    steps = ["exporting a backbone"] * (command is not None) + ["building", "evaluating", "writing the report"]
    with staged_folder(out, force=build.force, mark=MARK, own=OWN) as staging:
        exported, backbone = None, build.backbone
        reader = ImageReader(max_megapixels=build.max_megapixels, say=tell)
        if command is not None and settings.export is not None:
            _say(steps, "exporting a backbone")
            export = settings.export
            if build.exclude or build.skip_unreadable:
                # the command knows neither option, and would stop at an image that is left out
                export = dataclasses.replace(export, images=staging / _LINKS)
                _link(list(found.parts), export.images, reader, skip=build.skip_unreadable)
            exported, backbone = run_export(command, export, staging / BACKBONE), staging / BACKBONE
            shutil.rmtree(staging / _LINKS, ignore_errors=True)
        elif backbone.is_file():
            write_file(staging / BACKBONE, backbone.read_bytes())
        bad = _readable(bad, Backbone.load(backbone), reader, skip=build.skip_unreadable)
        _say(steps, "building")
        report, learned = build_and_keep(
            dataclasses.replace(build, backbone=backbone, out=staging / BUNDLE, name=build.product)
        )
        write_painted(staging / BUNDLE, learned, digest=report.digest, good_dir=build.good_dir)
        _say(steps, "evaluating")
        with Inspector.load(staging / BUNDLE, threads=1) as inspector:
            held_out = HeldOut(
                inspector=inspector,
                distances=learned.held_out,
                sizes_px={path: (facts.height_px, facts.width_px) for path, facts in learned.frames.items()},
                ignored=learned.ignored,
                parts=found.parts,
                alone=learned.distances,
            )
            category = dataclasses.replace(bad, images=(*bad.images, *held_out.images()))
            result = evaluate_category(inspector, category, workers=build.threads, reader=reader, held_out=held_out)
            _say(steps, "writing the report")
            _write(staging, report, inspector, result, build)
        profile = inspector.backbone.spec.profile
    return Tried(
        report=dataclasses.replace(report, bundle=str(out / BUNDLE)),
        result=result,
        exported=exported,
        input_px=(profile.input_height_px, profile.input_width_px),
    )


def _read_bad(settings: TrySettings, good: list[Path]) -> Category:
    build = settings.build
    if settings.bad_dir is None:
        return Category(name=build.product, images=())
    bad = read_bad_folder(settings.bad_dir, name=build.product, group=build.group, group_gap=build.group_gap)
    refuse_overlap(build.good_dir, good, settings.bad_dir, [image.path for image in bad.images])
    return bad


def _link(paths: list[Path], folder: Path, reader: ImageReader, *, skip: bool) -> None:
    """Makes a folder of links to good images that can be read, at most as many as the command looks at."""
    folder.mkdir()
    step = max(1, -(-len(paths) // _LINKED))
    for number, path in enumerate(paths[::step]):
        try:
            reader.read(path, _FRAME)
        except FrameError:
            # the build names them
            if not skip:
                raise
        else:
            (folder / f"{number:04}{path.suffix}").symlink_to(path)


def _readable(bad: Category, backbone: Backbone, reader: ImageReader, *, skip: bool) -> Category:
    """The bad images that can be read. Reading them now is cheap; a refusal after the build would cost minutes."""
    images, skipped = [], []
    for image in bad.images:
        try:
            reader.read(image.path, backbone.spec.frame)
        except FrameError as error:
            if not skip:
                raise
            tell(f"skipped: {error}")
            skipped.append(image.path.name)
        else:
            images.append(image)
    backbone.close()
    if skipped and not images:
        raise UsageError(f"{bad.images[0].path.parent}: expected images of bad parts that can be read, found none")
    notes = [f"bad images that cannot be read: {len(skipped)}, such as {skipped[0]}"] if skipped else []
    return dataclasses.replace(bad, images=tuple(images), notes=(*bad.notes, *notes))


def _write(
    staging: Path, report: BuildReport, inspector: Inspector, result: CategoryResult, build: BuildSettings
) -> None:
    """Writes the pages and the findings, and marks the folder."""
    # matplotlib takes a second to import, and no other command needs it
    from goodpart_bank_builder.report.look_closer import Closer
    from goodpart_bank_builder.report.page import INDEX
    from goodpart_bank_builder.report.report import write_report
    from goodpart_bank_builder.report.suspects import write_suspects

    name = build.product
    write_report(
        staging / REPORT,
        {name: (inspector, result)},
        [],
        bundles={name: build.out / BUNDLE},
        doctor_page=f"../{DOCTOR}/{INDEX}",
        near_identical=sum(each.count for each in report.diagnosis.findings if each.kind is FindingKind.LOOKALIKES),
    )
    closer = Closer(build, inspector.backbone, inspector.bank.vectors, load_term(inspector.bundle))
    write_suspects(staging / DOCTOR, build, report.diagnosis, closer, inspector.calibration)
    plain = significant_plain(to_plain(report.diagnosis), FIGURE_DIGITS)
    write_file(staging / FINDINGS, (json.dumps(plain, indent=2, allow_nan=False) + "\n").encode())
    write_file(staging / MARK, b"made by goodpart-bank try\n")


def _say(steps: list[str], step: str) -> None:
    tell(f"step {steps.index(step) + 1} of {len(steps)}: {step}")
