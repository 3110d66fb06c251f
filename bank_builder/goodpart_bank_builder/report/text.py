"""Names and figures as text in a report."""

import re
from pathlib import Path

from markupsafe import Markup

from goodpart.facts.calibration import Calibration
from goodpart.scoring.rounding import decimals_that_tell_apart
from goodpart_bank_builder.evaluate.metrics import Rate


def printable(name: str) -> str:
    """A file name as text; characters that a page cannot show, or that change reading direction, become U+FFFD."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def breakable(name: str) -> Markup:
    """A name as HTML that may break after a slash or underscore."""
    return Markup("<wbr>").join(re.split(r"(?<=[/_])", printable(name)))


def with_options(text: str) -> Markup:
    """A text as HTML; a command in backquotes may break between its words, and an option (`--exclude`) never breaks."""
    pieces = re.split(r"(`[^`]+`|--[a-z][a-z-]*)", printable(text))
    return Markup("").join(_command(each) if number % 2 else each for number, each in enumerate(pieces))


def _command(text: str) -> Markup:
    if not text.startswith("`"):
        return Markup("<code>{}</code>").format(text)
    option = Markup("<code>{}</code>")
    words = [option.format(word) if word.startswith("--") else word for word in text[1:-1].split(" ")]
    return Markup('<code class="command">{}</code>').format(Markup(" ").join(words))


def ucfirst(text: str) -> str:
    """A text that begins with a capital letter; the other letters stay."""
    return text[:1].upper() + text[1:]


def image_name(path: Path, kind: str) -> str:
    """An image's name within its test set: `kind/name.png`."""
    parts = path.parts
    begins = [depth for depth, part in enumerate(parts) if depth > 0 and part == kind and parts[depth - 1] == "test"]
    return printable("/".join(parts[begins[-1] :] if begins else (kind, path.name)))


def figure_text(value: float | None, digits: int = 3) -> str:
    """A figure with `digits` decimals; n/a for None."""
    return "n/a" if value is None else f"{value:.{digits}f}"


def apart(value: float, other: float, digits: int = 2) -> str:
    """A figure with `digits` decimals, or more where it would equal another one that it differs from."""
    return figure_text(value, decimals_that_tell_apart([(value, other)], at_least=digits))


def percent_text(value: float | None) -> str:
    """A share of 0 to 1 as a percentage; n/a for None."""
    return "n/a" if value is None else f"{100 * value:.1f} %"


def distance_scale(calibration: Calibration, *, pixel_threshold: float) -> str:
    """What a distance is to be compared with: the mean of held-out good patches, and that of the pixel threshold.

    A bundle holds mean and standard deviation of these distances, and no percentiles.

    Args:
        calibration: of the bundle.
        pixel_threshold: in sigmas.
    """
    at = calibration.mean + pixel_threshold * calibration.std
    return f"held-out good patches have {calibration.mean:.3f} on average, the pixel threshold is {at:.3f}"


def interval_text(rate: Rate) -> str:
    """The 95 % interval of a rate as percentages; n/a without one."""
    return rate.interval
