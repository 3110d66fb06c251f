"""What to do next: sentences that follow from the figures of a category, for a reader who does not know the method."""

from goodpart.bundle.bundle import Bundle
from goodpart.facts.learned import Examination
from goodpart_bank_builder.evaluate.conclusion import Conclusion, ConclusionKind
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult
from goodpart_bank_builder.report.pictures import Seen

_WIDE = 0.1
"""Width of a 95 % interval beyond which a rate is hardly known."""


def next_steps(
    bundle: Bundle, result: CategoryResult, conclusion: Conclusion, passed: list[Seen], *, lower_threshold: str | None
) -> list[str]:
    """What to do next, the most urgent first.

    Args:
        bundle: that judged the images.
        result: of one category.
        conclusion: what the result means.
        passed: where the defective images that passed scored highest.
        lower_threshold: what a lower threshold would find, None if it finds no more.
    """
    figures = result.figures
    steps = []
    if figures.warning is not None:
        steps.append("Export the backbone with trained weights and build again: these figures say nothing about it.")
    steps += _training_steps(bundle.manifest.provenance.examination)
    steps += _escape_steps(figures, passed)
    steps += [] if lower_threshold is None else [lower_threshold]
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


def _training_steps(examination: Examination | None) -> list[str]:
    if examination is None or not examination.look_at:
        return []
    return [
        "Look at the suspicious training pictures first. If one shows no good part, build again without it "
        "(--exclude): every defect that was learned as good hides others like it."
    ]


def _escape_steps(figures: CategoryFigures, passed: list[Seen]) -> list[str]:
    if not figures.escapes.events:
        return []
    known = [seen for seen in passed if seen.in_truth is not None]
    found = sum(bool(seen.in_truth) for seen in known)
    where = (
        f" In {found} of {len(known)} of them the highest score lies on the marked defect."
        if known
        else " They have no masks, so the report cannot say whether the highest score lies on the defect."
    )
    steps = [f"Look at the escapes, each with the place that scored highest.{where}"]
    if known and found >= len(known) / 2:
        steps.append(
            "Where it does, the defect is seen but its score is below the threshold: a higher --false-reject-rate at "
            "build, or a lower threshold, finds more of them and rejects more good parts."
        )
    if not known or found < len(known):
        ask = "Where it does not, ask" if known else "Ask"
        steps.append(
            f"{ask} whether you can see the defect in the photograph. If hardly, change light or resolution. If it "
            "is small, export with --smallest-defect-px and its size in pixels, and build again."
        )
    return steps


def _sample_steps(figures: CategoryFigures) -> list[str]:
    steps = []
    for rate, what, parts in (
        (figures.escapes, "escapes", "defective"), (figures.false_rejects, "false rejects", "good"),
    ):  # fmt: skip
        if rate.low is not None and rate.high is not None and rate.high - rate.low > _WIDE:
            steps.append(
                f"Test more {parts} parts: with {rate.sample}, the rate of {what} on the line may be anything from "
                f"{100 * rate.low:.1f} to {100 * rate.high:.1f} %."
            )
    return steps
