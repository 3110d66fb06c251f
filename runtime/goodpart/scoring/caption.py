"""Caption: what belongs beside an overlay, in ASCII."""

from goodpart.scoring.overlay import ColourScale
from goodpart.scoring.rounding import decimals_that_tell_apart


def describe_overlay(
    verdict: str, reason: str | None, *, score: float, peak: float, marked: bool, threshold: float, scale: ColourScale,
    pixel_threshold: float,
) -> tuple[str, ...]:  # fmt: skip
    """Verdict, score and threshold, the reason if there is one, then what colour and lines mean.

    Args:
        verdict, reason: the answer, and why it is UNKNOWN.
        score, threshold: of the image, in sigmas.
        peak: highest score of a patch, in sigmas.
        marked: whether there are regions, which have a contour.
        scale: of the overlay's colour.
        pixel_threshold: at which the contour lies, in sigmas.
    """
    decimals = decimals_that_tell_apart([(score, threshold)], at_least=2)
    scores = f"score {score:.{decimals}f}, threshold {threshold:.{decimals}f} sigmas"
    colour = f"colour from {scale.begin:.{decimals}f} to {scale.full:.2f} sigmas"
    if marked:
        colour += f"; contour at {pixel_threshold:.2f}"
    elif verdict == "DEFECT":
        colour += f"; corners: highest patch, {peak:.{decimals}f}"
    if verdict == "GOOD" and peak > threshold:
        colour += f"; highest patch {peak:.2f}, but the score is the mean of several"
    return f"{verdict}  {scores}", *(() if reason is None else (reason,)), colour
