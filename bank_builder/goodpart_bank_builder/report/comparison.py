"""Comparison: two banks on the same images as one self-contained page, every changed verdict with both heat maps."""

import dataclasses
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from goodpart._host.atomic import check_target, staged_folder
from goodpart.errors import FrameError
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart.scoring.overlay import visible
from goodpart_bank_builder.compare.comparison import Comparison
from goodpart_bank_builder.compare.decide import Decision
from goodpart_bank_builder.compare.pairs import Judged, Pair, Said, table_of
from goodpart_bank_builder.progress import progress
from goodpart_bank_builder.report.page import INDEX, MARK, environment
from goodpart_bank_builder.report.scatter import scatter
from goodpart_bank_builder.report.small_picture import Picture, picture_of

MOST_SHOWN = 40
"""Changed verdicts that are shown as pictures; the table names all."""

_LARGE_PX, _SMALL_PX, _FEW = 480, 320, 16
_OWN = re.compile(f"{re.escape(INDEX)}|{re.escape(MARK)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """A changed verdict with its pictures; a heat map is None where the bundle refuses the frame."""

    pair: Pair
    picture: Picture | None
    old: Picture | None
    new: Picture | None


def check_comparison_folder(folder: Path) -> None:
    """Refuses a folder that the page cannot be written to; to be called before any long work.

    Raises:
        UsageError: the folder cannot be written, or holds files other than those of an earlier page.
    """
    check_target(folder, force=True, mark=MARK, own=_OWN)


def write_comparison(folder: Path, old: Inspector, new: Inspector, found: Comparison, decision: Decision) -> Path:
    """Writes the page; it appears at once, in place of an earlier one.

    Args:
        folder: a new or empty folder, or one with an earlier page.
        old, new: the bundles.
        found: what was compared.
        decision: what follows from it.

    Returns:
        the page.

    Raises:
        UsageError: as in `check_comparison_folder`, or the page cannot be written.
    """
    changed = by_weight(found.changed)
    page = environment().get_template("comparison.html.j2").render(
        found=found,
        decision=decision,
        outcome=decision.outcome.name.lower(),
        table=table_of(found.pairs),
        answers=[said.value for said in Said],
        changed=changed,
        shown=_pictures(old, new, changed[:MOST_SHOWN]),
        chart=scatter(found.pairs, old_threshold=found.old.threshold, new_threshold=found.new.threshold),
        moved=[golden for golden in found.golden if golden.old.said is not golden.new.said],
        said=said_text,
    )  # fmt: skip
    with staged_folder(folder, force=True, mark=MARK, own=_OWN) as staging:
        (staging / INDEX).write_text(page, encoding="utf-8", newline="\n")
        (staging / MARK).write_text(f"{INDEX}\n", encoding="ascii", newline="\n")
    return folder / INDEX


def by_weight(changed: Sequence[Pair]) -> list[Pair]:
    """Changed verdicts in the order in which they matter: new escapes, new false rejects, then what got better.

    Within each kind the clearest of OLD come first.
    """

    def weight(pair: Pair) -> tuple[int, float]:
        passes = pair.new.said is Said.GOOD
        kind = (0 if pair.is_defective else 3) if passes else (2 if pair.is_defective else 1)
        return kind, -abs(pair.old.margin or 0.0)

    return sorted(changed, key=weight)


def said_text(judged: Judged) -> str:
    """An answer's score, margin and p-value in words; why not, for a frame that is refused."""
    if judged.score is None or judged.margin is None or judged.p_value is None:
        return judged.reason or ""
    return f"score {judged.score:.2f}, margin {judged.margin:+.2f}, p {judged.p_value:.3g}"


def _pictures(old: Inspector, new: Inspector, pairs: Sequence[Pair]) -> list[Shown]:
    side_px = _LARGE_PX if len(pairs) <= _FEW else _SMALL_PX
    drawn = progress(pairs, doing="pictures", total=len(pairs), unit="images")
    return [_shown(old, new, pair, side_px) for pair in drawn]


def _shown(old: Inspector, new: Inspector, pair: Pair, side_px: int) -> Shown:
    pictures = [_drawn(inspector, pair, side_px) for inspector in (old, new)]
    whole = next((picture for picture, _ in pictures if picture is not None), None)
    return Shown(pair=pair, picture=whole, old=pictures[0][1], new=pictures[1][1])


def _drawn(inspector: Inspector, pair: Pair, side_px: int) -> tuple[Picture | None, Picture | None]:
    """The frame as a bundle takes it, and its heat map; None for what the bundle refuses."""
    spec = inspector.backbone.spec.frame
    try:
        # it has been read under its own limit
        frame = ImageReader(max_megapixels=math.inf).read(pair.path, spec)
        picture = picture_of(np.rint(visible(frame, spec)).astype(np.uint8), side_px=side_px)
        inspection = inspector.inspect(frame)
    except FrameError:
        return None, None
    return picture, picture_of(inspection.overlay(frame, outlines=True), side_px=side_px)
