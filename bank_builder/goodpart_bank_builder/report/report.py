"""Report: the results of an evaluation as self-contained web pages."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from goodpart._host.atomic import check_target, staged_folder
from goodpart.bundle.description import bundle_facts
from goodpart.bundle.term import load_term
from goodpart.errors import UsageError
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart.scoring.overlay import ColourScale
from goodpart_bank_builder.evaluate.conclusion import conclude
from goodpart_bank_builder.evaluate.figures import MEAN_OF, CategoryResult, ImageResult
from goodpart_bank_builder.evaluate.judged import BY_CONSTRUCTION, judged_parts
from goodpart_bank_builder.evaluate.metrics import mean_of
from goodpart_bank_builder.evaluate.reasons import on_mark
from goodpart_bank_builder.report.advice import near_identical_words, next_steps
from goodpart_bank_builder.report.charts import cost_chart, precision_recall_chart, roc_chart, score_chart
from goodpart_bank_builder.report.choice import choose_images
from goodpart_bank_builder.report.good_patches import GoodPatches
from goodpart_bank_builder.report.line import prices, right_of_rejected, worse_than_no_inspection
from goodpart_bank_builder.report.page import INDEX, MARK, environment
from goodpart_bank_builder.report.painted import read_painted
from goodpart_bank_builder.report.pictures import draw_legend, draw_pictures
from goodpart_bank_builder.report.published import Published, load_published
from goodpart_bank_builder.report.recommend import recommend
from goodpart_bank_builder.report.tables import figure_rows, kind_columns, kind_rows
from goodpart_bank_builder.report.text import distance_scale, printable
from goodpart_bank_builder.report.thresholds import (
    broken_promise,
    gap_step,
    lower_threshold_step,
    middle_of_gap,
    threshold_rows,
)
from goodpart_bank_builder.report.training import doctor_command, look_at_training

_PAGE = re.compile(r"[A-Za-z0-9_.-]{1,100}\.html")


def check_report_folder(folder: Path) -> None:
    """Refuses a folder that a report cannot be written to; to be called before any long work.

    Raises:
        UsageError: the folder cannot be written, or holds files other than those of an earlier report.
    """
    check_target(folder, force=True, mark=MARK, own=_own_files(folder))


def write_report(
    folder: Path,
    results: dict[str, tuple[Inspector, CategoryResult]],
    missing: list[str],
    *,
    bundles: dict[str, Path] | None = None,
    doctor_page: str | None = None,
    near_identical: int = 0,
) -> Path:
    """Writes a page for every category and, for several categories, an overview; all pages appear at once.

    Args:
        folder: a new or empty folder, or an earlier report, which is replaced.
        results: inspector and result by category, at least one.
        missing: categories without a bundle.
        bundles: by category, the folders that the pages name in commands; None for those that were loaded.
        doctor_page: link from the pages to the doctor's page of the same build, None without one.
        near_identical: how many pairs of near-identical images the doctor found in that build.

    Returns:
        the page to open.

    Raises:
        UsageError: as in `check_report_folder`, or a page cannot be written.
        FrameError: an image or mask can no longer be read.
    """
    own = _own_files(folder)
    published, pages_of = load_published(), environment()
    names = {next(iter(results)): INDEX} if len(results) == 1 and not missing else _page_names(list(results))
    pages = {
        names[name]: _category_page(
            pages_of,
            published,
            name,
            inspector,
            result,
            alone=names[name] == INDEX,
            bundle=inspector.bundle.folder if bundles is None else bundles[name],
            doctor_page=doctor_page,
            near_identical=near_identical,
        )
        for name, (inspector, result) in results.items()
    }
    if INDEX not in pages:
        pages[INDEX] = _overview(pages_of, published, results, names, missing)
    with staged_folder(folder, force=True, mark=MARK, own=own) as staging:
        for page, text in pages.items():
            (staging / page).write_text(text, encoding="utf-8", newline="\n")
        (staging / MARK).write_text("".join(f"{page}\n" for page in sorted(pages)), encoding="ascii", newline="\n")
    return folder / INDEX


def _own_files(folder: Path) -> re.Pattern[str]:
    """Matches the files that a new report may remove from a folder: those of the earlier report in it."""
    try:
        listed = (folder / MARK).read_text(encoding="utf-8", errors="replace").split() if folder.is_dir() else []
    except FileNotFoundError:
        listed = []
    except OSError as error:
        raise UsageError(f"{folder}: expected a folder that can be read, found none ({error.strerror})") from error
    own = {MARK, *(page for page in listed if _PAGE.fullmatch(page))}
    return re.compile("|".join(re.escape(name) for name in sorted(own)))


def _page_names(categories: list[str]) -> dict[str, str]:
    """Names a page after every category, with characters that links allow; names are unique and never the index."""
    names: dict[str, str] = {}
    taken = {INDEX}
    for category in categories:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", category)[:80] or "_"
        candidates = (plain, *(f"{plain}-{count}" for count in range(2, len(categories) + 3)))
        # some file systems ignore case
        names[category] = next(f"{name}.html" for name in candidates if f"{name}.html".lower() not in taken)
        taken.add(names[category].lower())
    return names


def _category_page(
    pages_of: Environment,
    published: Published,
    name: str,
    inspector: Inspector,
    result: CategoryResult,
    *,
    alone: bool,
    bundle: Path,
    doctor_page: str | None,
    near_identical: int,
) -> str:
    return pages_of.get_template("category.html.j2").render(
        name=name,
        alone=alone,
        bundle=inspector.bundle,
        doctor_command=doctor_command(bundle),
        doctor_page=doctor_page,
        near_identical=near_identical_words(near_identical),
        by_construction=BY_CONSTRUCTION,
        calibration=inspector.calibration,
        distance_scale=distance_scale(inspector.calibration, pixel_threshold=inspector.pixel_threshold),
        has_term=load_term(inspector.bundle) is not None,
        figures=result.figures,
        unit=result.figures.counted,
        verdicts=[verdict for verdict in Verdict if verdict is not Verdict.UNKNOWN or _has_unknown(result)],
        kinds_of={image.path: image.kind for image in result.images},
        provenance=bundle_facts(inspector.bundle),
        match=published.match(name),
        published=published,
        **_tables(inspector, result),
        **_pictures(name, inspector, result, bundle, near_identical),
    )


def _tables(inspector: Inspector, result: CategoryResult) -> dict[str, Any]:
    """Tables and charts of a category."""
    cost = result.figures.cost
    charts = {
        "scores": score_chart(result),
        "roc": roc_chart(result),
        "precision_recall": precision_recall_chart(result),
        "cost": None if cost is None else cost_chart(cost, result.figures.threshold),
    }
    return {
        "broken_promise": broken_promise(inspector, result.figures),
        "right_of_rejected": right_of_rejected(result.figures),
        "prices": None if cost is None else prices(cost),
        "worse_than_no_inspection": worse_than_no_inspection(result),
        "figure_rows": figure_rows(result.figures),
        "kind_rows": kind_rows(result),
        "kind_columns": kind_columns(result),
        "threshold_rows": threshold_rows(inspector, result),
        # the only text that is not escaped: the charts are our own, and escape the names in them
        "charts": {chart: None if svg is None else Markup(svg) for chart, svg in charts.items()},  # noqa: S704
    }


def _pictures(
    name: str, inspector: Inspector, result: CategoryResult, bundle: Path, near_identical: int
) -> dict[str, Any]:
    """The pictures of a category, and the words that follow from them."""
    choice, conclusion = choose_images(result.images, result.figures.rate_unit), conclude(result)
    good = GoodPatches(inspector)
    pictures = draw_pictures(inspector, choice.shown(), doing=f"{printable(name)} report")
    passed = [pictures[image.path].seen for image in choice.escapes.shown]
    recommended = recommend(inspector, result)
    lower = gap_step(inspector, result, bundle) or lower_threshold_step(inspector, result, bundle)
    if recommended.threshold == result.figures.threshold and middle_of_gap(result) is not None:
        # the command for another one would contradict it
        lower = None
    if lower is not None or result.figures.escapes.events or result.figures.false_rejects.events:
        # one recommendation before all that could be chosen
        lower = " ".join([recommended.says, *([] if lower is None else [lower])])
    return {
        "choice": choice,
        "pictures": pictures,
        "anchors": _anchors(choice.shown()),
        "conclusion": conclusion,
        "on_mark": on_mark(judged_parts(result)),
        "beside": [image for image in result.images if image.verdict is Verdict.DEFECT and image.on_mark is False],
        "steps": next_steps(
            inspector.bundle, result, conclusion, passed, lower_threshold=lower, near_identical=near_identical
        ),
        "recommended": recommended,
        "examination": inspector.bundle.manifest.provenance.examination,
        "good": good,
        "training": look_at_training(inspector, result, good),
        "pixel_threshold": inspector.pixel_threshold,
        "top_k": _top_k(inspector),
        "painted": read_painted(inspector.bundle),
        "legend": draw_legend(ColourScale.of(inspector.threshold, inspector.pixel_threshold)),
    }


def _anchors(images: list[ImageResult]) -> dict[Path, str]:
    """The id of every image that a page shows, for links to it."""
    return {image.path: f"image-{number}" for number, image in enumerate(images)}


def _top_k(inspector: Inspector) -> int:
    """How many patches make the score of an image."""
    spec, ignored = inspector.backbone.spec, inspector.bundle.ignored
    return spec.profile.top_k(spec.grid.patches - (0 if ignored is None else int(ignored.sum())))


def _has_unknown(result: CategoryResult) -> bool:
    return any(image.verdict is Verdict.UNKNOWN for image in result.images)


def _overview(
    pages_of: Environment,
    published: Published,
    results: dict[str, tuple[Inspector, CategoryResult]],
    pages: dict[str, str],
    missing: list[str],
) -> str:
    figures = {name: result.figures for name, (_, result) in results.items()}
    mean: dict[str, Any] = {name: mean_of([getattr(row, name) for row in figures.values()]) for name in MEAN_OF}
    return pages_of.get_template("overview.html.j2").render(
        figures=figures,
        conclusions={name: conclude(result) for name, (_, result) in results.items()},
        inspectors={name: inspector for name, (inspector, _) in results.items()},
        mean=mean,
        pages=pages,
        missing=missing,
        published=published,
        matches={name: published.match(name) for name in results},
        charts={
            name: Markup(score_chart(result, name=f"scores{number}"))  # noqa: S704 - as above
            for number, (name, (_, result)) in enumerate(results.items())
        },
        warning=next((row.warning for row in figures.values() if row.warning is not None), None),
    )
