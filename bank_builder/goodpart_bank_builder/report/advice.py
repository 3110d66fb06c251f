"""What to do next: sentences that follow from the figures of a category, for a reader who does not know the method."""

from goodpart.bundle.bundle import Bundle
from goodpart.facts.learned import Examination
from goodpart_bank_builder.evaluate.conclusion import Conclusion, ConclusionKind
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult
from goodpart_bank_builder.evaluate.judged import BY_CONSTRUCTION, counted
from goodpart_bank_builder.evaluate.marked import Seen
from goodpart_bank_builder.evaluate.reasons import FEW_LEARNED, more_good_images
from goodpart_bank_builder.report.line import worse_than_no_inspection
from goodpart_bank_builder.report.text import ucfirst

_WIDE = 0.1
"""Width of a 95 % interval beyond which a rate is hardly known."""

_MANY = 100
"""From so many tested parts on, more of them are no advice: the interval of a rate near a half stays wide."""


def next_steps(
    bundle: Bundle,
    result: CategoryResult,
    conclusion: Conclusion,
    passed: list[Seen],
    *,
    lower_threshold: str | None,
    near_identical: int = 0,
) -> list[str]:
    """What to do next, the most urgent first.

    Args:
        bundle: that judged the images.
        result: of one category.
        conclusion: what the result means.
        passed: where the defective images that passed scored highest.
        lower_threshold: what a lower threshold would find, None if it finds no more.
        near_identical: how many pairs of near-identical images the doctor found in the build.
    """
    figures = result.figures
    steps = []
    if figures.warning is not None:
        steps.append("Export the backbone with trained weights and build again: these figures say nothing about it.")
    steps += _training_steps(bundle.manifest.provenance.examination)
    if near_identical:
        steps.append(f"{ucfirst(near_identical_words(near_identical) or '')}; see the doctor's page.")
    steps += _unknown_steps(figures)
    steps += _escape_steps(figures, passed)
    steps += [] if lower_threshold is None else [lower_threshold]
    worse = worse_than_no_inspection(result)
    steps += [] if worse is None else [worse]
    if figures.false_rejects.events:
        steps.append(
            "Look at the false rejects. If you see dirt or a real flaw, they are no good parts. If you see a normal "
            "feature, photograph more good parts that have it and build again. If the marked place lies beside the "
            "part, leave it out with --ignore or --roi."
        )
    if conclusion.kind is ConclusionKind.NOT_TRIED:
        steps.append(
            "Collect defective parts, ten or more of each kind, and evaluate again: only they show what is found."
        )
    steps += _sample_steps(figures)
    if conclusion.kind is ConclusionKind.FINDS_THEM:
        steps.append(
            "Copy the bundle to the device. There, goodpart verify checks the copy and goodpart score judges frames."
        )
    return steps


def near_identical_words(pairs: int) -> str | None:
    """What near-identical images of a build mean; None where there are none."""
    if not pairs:
        return None
    found, they = (f"{pairs} near-identical pairs", "they show") if pairs > 1 else ("1 near-identical pair", "it shows")
    return f"{found}: the threshold is too low if {they} one part"


def _training_steps(examination: Examination | None) -> list[str]:
    if examination is None or not examination.look_at:
        return []
    return [
        "Look at the suspicious training pictures first. If one shows no good part, build again without it "
        "(--exclude): every defect that was learned as good hides others like it."
    ]


def _unknown_steps(figures: CategoryFigures) -> list[str]:
    unknown = figures.unknown_good + figures.unknown_defective
    if not unknown:
        return []
    all_of = counted(figures.false_rejects.of + figures.escapes.of, "tested", figures.counted)
    each = "each" if unknown > 1 else "it"
    return [
        f"Look at the {unknown} UNKNOWN of {all_of}: {each} is, as a picture, unlike any good part (light, colour, "
        "focus), so it is rejected unjudged. If light or camera differed, photograph it again like the good parts. If "
        "good parts may look so, photograph such good parts and build again. If the defect itself does it, nothing is "
        "wrong."
    ]


def _escape_steps(figures: CategoryFigures, passed: list[Seen]) -> list[str]:
    if not figures.escapes.events:
        return []
    known = [seen for seen in passed if seen.in_truth is not None]
    found = sum(bool(seen.in_truth) for seen in known)
    shown = f"the {len(known)} shown (of {figures.escapes.events})" if len(known) < figures.escapes.events else "them"
    of = f"{found} of {shown}" if shown != "them" else f"{found} of {len(known)} of them"
    where = (
        f" In {of} the highest score lies on the marked defect."
        if known
        else " They have no masks, so the report cannot say whether the highest score lies on the defect."
    )
    steps = [f"Look at the escapes, each with the place that scored highest.{where}"]
    if known and found >= len(known) / 2:
        steps.append(
            "Where it does, the defect is seen but its score is below the threshold: a higher --false-reject-rate at "
            "build, or a lower threshold, finds more of them and rejects more good parts."
        )
    if figures.train_images < FEW_LEARNED:
        steps.append(more_good_images(figures))
    if not known or found < len(known):
        ask = "Where it does not, ask" if known else "Ask"
        steps.append(
            f"{ask} whether you can see the defect in the photograph. If hardly, change light or resolution. If it "
            "is small, export with --smallest-defect-px and its size in pixels, and build again."
        )
    return steps


def _sample_steps(figures: CategoryFigures) -> list[str]:
    steps = []
    if figures.is_ungrouped:
        steps.append(
            "If several images show one part, name the parts in build and evaluate, for example with "
            "--group 'part(\\d+)' for part07_057.png: otherwise the threshold may be too low and all intervals are too "
            "narrow."
        )
    if figures.held_out_images and figures.false_rejects.of:
        steps.append(f"Test other good parts: the false rejects here are {BY_CONSTRUCTION}.")
    for rate, what, parts in (
        (figures.escapes, "escapes", "defective"), (figures.false_rejects, "false rejects", "good"),
    ):  # fmt: skip
        if figures.held_out_images and rate is figures.false_rejects:
            # an interval of such scores says nothing about the line
            continue
        if rate.of < _MANY and rate.low is not None and rate.high is not None and rate.high - rate.low > _WIDE:
            steps.append(
                f"Test more {parts} parts: with {rate.sample}, the rate of {what} on the line may be anything from "
                f"{100 * rate.low:.1f} to {100 * rate.high:.1f} %."
            )
    return steps
