"""Scatter: the scores of two banks, image by image, as inline SVG."""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from goodpart_bank_builder.compare.pairs import Pair

_SIDE, _LEFT, _BOTTOM = 460, 58, 48
_GOOD, _DEFECT, _TEXT, _GUIDE = "#2463a8", "#c2570c", "#1f2933", "#6b7280"
_MOST_DOTS = 1500
_TICKS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


def scatter(pairs: Sequence[Pair], *, old_threshold: float, new_threshold: float) -> Markup | None:
    """Draws every image that both banks score, OLD across and NEW up; None without such images.

    Both axes are logarithmic, because defects may score many times higher than good parts, and begin at the lowest
    score, or at 0.5 sigmas if it is lower. Images whose verdict changed are in full colour.

    Args:
        pairs: the images; at most 1,500 unchanged ones are drawn, evenly chosen.
        old_threshold, new_threshold: in sigmas of each bank.
    """
    scored = [(pair, pair.old.score, pair.new.score) for pair in pairs]
    known = [(pair, one, other) for pair, one, other in scored if one is not None and other is not None]
    if not known:
        return None
    values = [value for _, one, other in known for value in (one, other)]
    low = max(0.5, min([*values, old_threshold, new_threshold]) * 0.95)
    high = max([*values, old_threshold, new_threshold, low * 1.5]) * 1.05

    def at(value: float) -> float:
        share = (math.log(max(value, low)) - math.log(low)) / (math.log(high) - math.log(low))
        return share * (_SIDE - _LEFT - 12)

    def x(value: float) -> float:
        return round(_LEFT + at(value), 1)

    def y(value: float) -> float:
        return round(_SIDE - _BOTTOM - at(value) * (_SIDE - _BOTTOM - 12) / (_SIDE - _LEFT - 12), 1)

    step = -(-len(known) // _MOST_DOTS)
    dots = [
        (pair, one, other) for number, (pair, one, other) in enumerate(known) if pair.is_changed or not number % step
    ]
    # what changed lies on top
    dots.sort(key=lambda dot: dot[0].is_changed)
    body = [_line(_LEFT, y(low), _SIDE - 8, y(low), _GUIDE), _line(x(low), _SIDE - _BOTTOM, x(low), 8, _GUIDE)]
    for tick in _TICKS:
        if low <= tick <= high:
            body.append(_text(x(tick), _SIDE - _BOTTOM + 18, f"{tick:g}", "middle"))
            body.append(_text(_LEFT - 8, y(tick) + 4, f"{tick:g}", "end"))
    body.append(_line(x(old_threshold), _SIDE - _BOTTOM, x(old_threshold), 8, _TEXT, dashed=True))
    body.append(_line(_LEFT, y(new_threshold), _SIDE - 8, y(new_threshold), _TEXT, dashed=True))
    for pair, one, other in dots:
        colour, changed = _DEFECT if pair.is_defective else _GOOD, pair.is_changed
        body.append(
            f'<circle cx="{x(one)}" cy="{y(other)}" r="{4.5 if changed else 3}" fill="{colour}" '
            f'fill-opacity="{1 if changed else 0.3}"><title>{escape(pair.name)}</title></circle>'
        )
    body.append(_text((_LEFT + _SIDE) / 2, _SIDE - 8, "score by OLD, sigmas of OLD", "middle"))
    middle = (_SIDE - _BOTTOM) / 2
    body.append(
        f'<text x="14" y="{middle}" font-size="14" fill="{_TEXT}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle})">score by NEW, sigmas of NEW</text>'
    )
    says = (
        f"Scores of {len(known)} images by both banks; the thresholds are {old_threshold:.2f} and {new_threshold:.2f}"
    )
    # our own drawing; the names in it are escaped
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {_SIDE} {_SIDE}" role="img" aria-label="{says}" class="chart">{"".join(body)}</svg>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="1.2"{dash}/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="14" fill="{_TEXT}" text-anchor="{anchor}">{text}</text>'
