"""Pictures for people, as files. Needs OpenCV."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart._host.atomic import write_file
from goodpart._host.opencv import load_opencv
from goodpart.errors import UsageError
from goodpart.scoring.inspection import Inspection
from goodpart.scoring.overlay import draw_scale

_LEAST_WIDTH_PX = 420
"""A narrower picture gets a wider canvas, so that its caption is not broken into many lines."""

_LETTER_SHARE = 1 / 48
"""Height of a line of a caption, as a share of the picture's width."""

_LEAST_LETTER_PX = 15
_PAPER, _INK = 255, (30, 30, 30)


def write_picture(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """Writes a picture as PNG. The file appears whole or not at all, and replaces an older one.

    Args:
        path: the file; a missing folder is made.
        picture: `(H, W, 3) uint8` RGB, for example from `Inspection.overlay`.

    Raises:
        MissingExtraError: OpenCV is not installed.
        UsageError: another suffix than .png, no such picture, or a file that cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: expected a file name that ends in .png, found suffix {path.suffix!r}")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
        raise UsageError(f"{path}: expected a picture (H, W, 3) uint8, found {picture.shape} {picture.dtype}")
    _, encoded = load_opencv("writing pictures").imencode(".png", np.ascontiguousarray(picture[:, :, ::-1]))
    write_file(path, encoded.tobytes())


def with_caption(
    picture: npt.NDArray[np.uint8], inspection: Inspection, *, also: tuple[str, ...] = ()
) -> npt.NDArray[np.uint8]:
    """A picture above the caption of its inspection and the colours of the scale.

    The picture's pixels keep their places: the caption stands below them. A picture narrower than 420 pixels gets white
    paper on its right.

    Args:
        picture: `(H, W, 3) uint8` RGB, for example from `Inspection.overlay`.
        inspection: whose `caption` is written.
        also: further lines, such as a warning. Characters beyond ASCII become question marks.

    Returns:
        `(H + h, max(W, 420), 3) uint8` RGB.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = load_opencv("a caption")
    height_px, width_px = picture.shape[0], max(picture.shape[1], _LEAST_WIDTH_PX)
    line_px = max(_LEAST_LETTER_PX, round(width_px * _LETTER_SHARE))
    font, size, weight = cv2.FONT_HERSHEY_SIMPLEX, line_px / 34, max(1, line_px // 16)

    def fits(text: str) -> bool:
        return bool(cv2.getTextSize(text, font, size, weight)[0][0] <= width_px - line_px)

    texts = [text.encode("ascii", "replace").decode("ascii") for text in (*inspection.caption, *also)]
    lines = [line for text in texts for line in _wrapped(text, fits)]
    # half a line above, between and below text and scale
    paper = np.full((round((len(lines) + 2.5) * line_px), width_px, 3), _PAPER, np.uint8)
    for number, line in enumerate(lines, start=1):
        baseline = line_px // 2, round((number + 0.2) * line_px)
        cv2.putText(paper, line, baseline, font, size, _INK, weight, cv2.LINE_AA)
    top_px, scale = round((len(lines) + 1) * line_px), inspection.colour_scale
    last = scale.full + 0.1 * (scale.full - scale.begin)
    ramp = draw_scale(scale, line_px, width_px - line_px, last=last)
    paper[top_px : top_px + line_px, line_px // 2 : line_px // 2 + ramp.shape[1]] = ramp
    drawn = np.full((height_px + len(paper), width_px, 3), _PAPER, np.uint8)
    drawn[:height_px, : picture.shape[1]] = picture
    drawn[height_px:] = paper
    return drawn


def _wrapped(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The words of a text in lines that fit; a word that fits nowhere has a line of its own."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if fits(longer):
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line]
