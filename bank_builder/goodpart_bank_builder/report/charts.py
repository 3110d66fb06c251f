"""Charts of a report as inline SVG. Text stays text, and the same figures give the same bytes."""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as Xml

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter
from sklearn.metrics import precision_recall_curve, roc_curve

from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.evaluate.costs import CostCurve
from goodpart_bank_builder.evaluate.figures import CategoryResult, ImageResult
from goodpart_bank_builder.report.choice import is_wrong
from goodpart_bank_builder.report.text import printable

GOOD_COLOUR, DEFECT_COLOUR, TEXT_COLOUR, GUIDE_COLOUR = "#2463a8", "#c2570c", "#1f2933", "#6b7280"
_MOST_DOTS, _MOST_KINDS, _BINS = 300, 14, 40
_WIDTH_IN = 4.6
"""Narrow, so that its text can be read on a phone."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "goodpart",
    "text.parse_math": False,  # a kind of defect may be called $
    "font.size": 11,
    "legend.handlelength": 1.3,
    "legend.columnspacing": 1.4,
    "legend.handletextpad": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GUIDE_COLOUR,
    "axes.labelcolor": TEXT_COLOUR,
    "text.color": TEXT_COLOUR,
    "xtick.color": TEXT_COLOUR,
    "ytick.color": TEXT_COLOUR,
    "legend.frameon": False,
    "axes.unicode_minus": False,
}


def score_chart(result: CategoryResult, *, name: str = "scores") -> str:
    """Draws a histogram of the image scores of good and defective parts, and below it every image by kind.

    Args:
        result: the result of one category.
        name: name of the chart, unique on its page.
    """
    threshold = result.figures.threshold
    rows = _rows(result.images)
    with _style():
        figure = Figure(figsize=(_WIDTH_IN, 2.4 + 0.32 * len(rows)), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.7, 0.32 * len(rows) + 0.1])
        edges = _edges([image.score for image in result.images], threshold)
        for defective, colour, kind in ((False, GOOD_COLOUR, "good"), (True, DEFECT_COLOUR, "defective")):
            scores = [image.score for image in result.images if image.is_defective is defective]
            if scores:
                upper.hist(scores, edges, color=colour, alpha=0.65, label=f"{kind} images ({len(scores)})")
        upper.set_ylabel("images")
        for row, (_, images) in enumerate(reversed(rows)):
            _draw_dots(lower, row, images)
        lower.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)])
        lower.set_ylim(-0.6, len(rows) - 0.4)
        lower.set_xlabel("image score in sigmas of good patches")
        for axes in (upper, lower):
            line = axes.axvline(threshold, color=TEXT_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)))
        line.set_label(f"threshold {threshold:.2f}")
        _scale_scores(lower, edges)
        rings = []
        if unknown := sum(image.verdict is Verdict.UNKNOWN for image in result.images):
            rings = [
                lower.scatter(
                    [], [], s=22, facecolors="none", edgecolors=TEXT_COLOUR, label=f"UNKNOWN ({unknown} of these)"
                )
            ]
        handles = [*upper.get_legend_handles_labels()[0], *rings, line]
        figure.legend(handles=handles, loc="outside upper center", ncols=2)
        return _svg(
            figure, name, f"Image scores of {len(result.images)} test images by kind, threshold {threshold:.2f}"
        )


def roc_chart(result: CategoryResult) -> str | None:
    """Draws the ROC curve with the point of the threshold in use; None without both good and defective parts."""
    figures = result.figures
    if figures.image_auroc is None:
        return None
    defective, scores = _labelled(result.images)
    called = np.array([image.verdict is not Verdict.GOOD for image in result.images])
    rejected, found, _ = roc_curve(defective, scores)
    with _style():
        figure, axes = _square("false-reject rate", "share of defects found")
        axes.plot([0, 1], [0, 1], color=GUIDE_COLOUR, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.plot(rejected, found, color=DEFECT_COLOUR, linewidth=1.8)
        _mark_operating_point(axes, called[~defective].mean(), called[defective].mean(), figures.threshold)
        axes.legend(loc="lower right")
        return _svg(figure, "roc", f"ROC curve, area {figures.image_auroc:.3f}")


def precision_recall_chart(result: CategoryResult) -> str | None:
    """Draws the precision-recall curve with the point of the threshold in use; None without both kinds of parts."""
    figures = result.figures
    if figures.image_auprc is None:
        return None
    defective, scores = _labelled(result.images)
    precision, recall, _ = precision_recall_curve(defective, scores)
    # at a recall of 0 precision is undefined; the curve starts with the first defined precision, as the area does
    found_some = recall > 0
    precision, recall = precision[found_some], recall[found_some]
    precision, recall = np.append(precision, precision[-1]), np.append(recall, 0.0)
    called = np.array([image.verdict is not Verdict.GOOD for image in result.images])
    with _style():
        figure, axes = _square("share of defects found (recall)", "share of DEFECT verdicts that are right")
        axes.axhline(defective.mean(), color=GUIDE_COLOUR, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.plot(recall, precision, color=DEFECT_COLOUR, linewidth=1.8, drawstyle="steps-post")
        if called.any():
            _mark_operating_point(axes, called[defective].mean(), defective[called].mean(), figures.threshold)
            axes.legend(loc="lower left")
        return _svg(figure, "pr", f"Precision-recall curve, average precision {figures.image_auprc:.3f}")


def cost_chart(cost: CostCurve, threshold: float) -> str:
    """Draws the cost per part by threshold, the threshold in use, the cheapest one, and the cost of no inspection."""
    with _style():
        figure = Figure(figsize=(_WIDTH_IN, 4.0), layout="constrained")
        axes = figure.subplots()
        axes.plot(cost.thresholds, cost.costs, color=GOOD_COLOUR, linewidth=1.8, drawstyle="steps-post")
        for marked, value, inside, words in (
            (threshold, cost.cost_at_threshold, TEXT_COLOUR, "in use: threshold"),
            (cost.best_threshold, cost.best_cost, "white", "cheapest on these defects:"),
        ):
            label = f"{words} {marked:.2f}, cost {value:.3f}"
            axes.plot(
                marked, value, "o", color=TEXT_COLOUR, mfc=inside, markersize=7, label=label, clip_on=False, zorder=5
            )
        nothing = cost.cost_of_no_inspection
        axes.axhline(
            nothing,
            color=DEFECT_COLOUR,
            linewidth=1.2,
            linestyle=(0, (4, 2)),
            label=f"no inspection, cost {nothing:.3f}",
        )
        axes.set_xlabel("threshold in sigmas")
        axes.set_ylabel("cost per part")
        axes.set_ylim(0, None)
        _scale_scores(axes, _edges(cost.thresholds, threshold))
        figure.legend(loc="outside upper left")
        return _svg(figure, "cost", f"Cost per part by threshold, {cost.cost_at_threshold:.3f} at the one in use")


@contextlib.contextmanager
def _style() -> Iterator[None]:
    """Sets the style of all charts; the user's matplotlibrc has no effect."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def _rows(images: Sequence[ImageResult]) -> list[tuple[str, list[ImageResult]]]:
    """Good parts first, then the kinds of defects by name. The last row joins the kinds beyond the limit of a chart."""
    kinds = sorted({image.kind for image in images if image.is_defective})
    alone = kinds if len(kinds) <= _MOST_KINDS else kinds[: _MOST_KINDS - 1]
    rows = [("good", [image for image in images if not image.is_defective])]
    rows += [(_label(kind), [image for image in images if image.is_defective and image.kind == kind]) for kind in alone]
    others = [image for image in images if image.is_defective and image.kind not in alone]
    rows.append((f"{len(kinds) - len(alone)} other kinds", others))
    return [(label, row) for label, row in rows if row]


def _draw_dots(axes: Axes, row: int, images: list[ImageResult]) -> None:
    """Draws the images of a row as dots, at most `_MOST_DOTS`, evenly by score.

    Wrong verdicts are in full colour, and UNKNOWN images are rings.
    """
    ordered = sorted(images, key=lambda image: (image.score, image.path.as_posix()))
    shown = [ordered[rank] for rank in np.unique(np.linspace(0, len(ordered) - 1, _MOST_DOTS).round().astype(int))]
    dots: dict[tuple[bool, bool], list[tuple[float, float, str]]] = {}
    for order, image in enumerate(shown):
        # the golden ratio spreads neighbours apart without random numbers
        at = row + ((order * 0.618034) % 1.0 - 0.5) * 0.5
        colour = DEFECT_COLOUR if image.is_defective else GOOD_COLOUR
        unknown = image.verdict is Verdict.UNKNOWN
        dots.setdefault((unknown, not unknown and is_wrong(image)), []).append((image.score, at, colour))
    # those in full colour lie on top
    for (unknown, wrong), own in sorted(dots.items()):
        x, y, colours = zip(*own, strict=True)
        if unknown:
            axes.scatter(x, y, s=22, facecolors="none", edgecolors=colours, linewidths=1.0)
        else:
            axes.scatter(x, y, s=22 if wrong else 16, c=colours, alpha=1.0 if wrong else 0.35, linewidths=0)


def _labelled(images: Sequence[ImageResult]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    return np.array([image.is_defective for image in images]), np.array([image.score for image in images])


def _square(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH_IN, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.02)
    return figure, axes


def _mark_operating_point(axes: Axes, x: float, y: float, threshold: float) -> None:
    label = f"at the threshold, {threshold:.2f}"
    axes.plot([x], [y], "o", color=TEXT_COLOUR, markersize=8, clip_on=False, zorder=5, linestyle="none", label=label)


def _edges(scores: Sequence[float], threshold: float) -> npt.NDArray[np.float64]:
    """`(bins + 1,) float64` ascending edges around all scores; logarithmic if the highest scores are far above."""
    low, high = min(*scores, threshold), max(*scores, threshold)
    if low > 0 and high > 6 * threshold:
        return np.geomspace(low * 0.95, high * 1.05, _BINS + 1)
    margin = 0.03 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, _BINS + 1)


def _scale_scores(axes: Axes, edges: npt.NDArray[np.float64]) -> None:
    if edges[1] - edges[0] < 0.9 * (edges[-1] - edges[-2]):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.set_xlabel(f"{axes.get_xlabel()} (logarithmic)")
    axes.set_xlim(edges[0], edges[-1])


def _label(kind: str) -> str:
    shown = printable(kind)
    return shown if len(shown) <= 22 else shown[:21] + "…"


def _svg(figure: Figure, name: str, says: str) -> str:
    """Turns a figure into an element of an HTML page; `name` makes its ids unique on the page."""
    drawn = io.StringIO()
    with warnings.catch_warnings():
        # the font that measures text may lack the script of a kind's name; the browser's fonts have it
        warnings.filterwarnings("ignore", "Glyph")
        figure.savefig(drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    root = Xml.fromstring(drawn.getvalue())  # noqa: S314 - drawn by this function
    for element in root.iter():
        _mend(element, name)
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in ("metadata", "style")]:
            parent.remove(child)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": says, "class": "chart"}
    return Xml.tostring(root, encoding="unicode")


def _mend(element: "Xml.Element", name: str) -> None:
    """Removes what a page does not need: namespaces, unused ids, fonts, line breaks in paths."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
    if element.tag == "g":
        attributes.pop("id", None)
    if "id" in attributes:
        attributes["id"] = f"{name}-{attributes['id']}"
    if "href" in attributes:
        attributes["href"] = attributes["href"].replace("#", f"#{name}-")
    if "clip-path" in attributes:
        attributes["clip-path"] = attributes["clip-path"].replace("url(#", f"url(#{name}-")
    if "d" in attributes:
        attributes["d"] = " ".join(attributes["d"].split())
    if "style" in attributes:
        attributes["style"] = re.sub(r"font-family:[^;]*;?\s*", "", attributes["style"])
    element.attrib = attributes
    if element.tag != "text":
        element.text = None
    element.tail = None
