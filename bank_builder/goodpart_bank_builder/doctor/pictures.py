"""Odd pictures: blurred, lit, sized, turned or coloured unlike the other images of the folder."""

import numpy as np
import numpy.typing as npt

from goodpart_bank_builder.doctor.finding import Finding, FindingKind, OddImage, finding
from goodpart_bank_builder.doctor.robust import robust_scale, robust_z
from goodpart_bank_builder.learn.frame_facts import FrameFacts

_LEAST = 8
"""With fewer images there is no common picture to be unlike."""

_FEW = 0.1
"""At most this share of the images is odd; more are another kind of picture, which is another finding."""

_BLUR_Z, _BLUR_FLOOR = -4.0, 0.1
_LIGHT_Z, _LIGHT_FLOOR = 6.0, 2.0
_CLIPPED_Z, _CLIPPED_FLOOR = 6.0, 0.02
_COLOURED = 2.0
"""Mean difference between channels, in levels, from which on a picture is coloured."""

_HUE_Z, _HUE_FLOOR = 3.0, 2.0


def odd_pictures(facts: dict[str, FrameFacts]) -> list[Finding]:
    """What differs as a picture, before any network looks at it.

    Args:
        facts: of every image, by name.
    """
    if len(facts) < _LEAST:
        return []
    names = list(facts)
    return [
        *_blurred(names, facts),
        *_badly_lit(names, facts),
        *_sizes(facts),
        *_grey_or_colour(facts),
        *_swapped(names, facts),
    ]


def _column(names: list[str], facts: dict[str, FrameFacts], field: str) -> npt.NDArray[np.float64]:
    return np.array([getattr(facts[name], field) for name in names], np.float64)


def _if_few(odd: list[OddImage], total: int) -> list[OddImage]:
    """The odd images, or none where there are so many that the folder has no common picture."""
    return odd if len(odd) <= _FEW * total else []


def _blurred(names: list[str], facts: dict[str, FrameFacts]) -> list[Finding]:
    z = robust_z(_column(names, facts, "sharpness"), floor=_BLUR_FLOOR)
    odd = [
        OddImage(name=names[row], figure=float(z[row]), why="less sharp than the others")
        for row in np.flatnonzero(z < _BLUR_Z)
    ]
    return finding(
        FindingKind.BLUR,
        _if_few(odd, len(names)),
        summary=f"{{count}} less sharp than the others (robust z below {_BLUR_Z:g})",
        advice="look at these; photograph the parts again if the lens was out of focus or the part moved",
    )


def _badly_lit(names: list[str], facts: dict[str, FrameFacts]) -> list[Finding]:
    checks = (
        ("mean", _LIGHT_FLOOR, _LIGHT_Z, "darker on average", "brighter on average"),
        ("low", 2 * _LIGHT_FLOOR, _LIGHT_Z, "darker in the darkest hundredth", "brighter in the darkest hundredth"),
        (
            "high",
            2 * _LIGHT_FLOOR,
            _LIGHT_Z,
            "darker in the brightest hundredth",
            "brighter in the brightest hundredth",
        ),
        ("clipped", _CLIPPED_FLOOR, _CLIPPED_Z, "less black or saturated", "more black or saturated"),
    )
    odd: dict[str, OddImage] = {}
    for field, floor, limit, below, above in checks:
        z = robust_z(_column(names, facts, field), floor=floor)
        # less clipping is no fault
        unlike = z > limit if field == "clipped" else np.abs(z) > limit
        for row in np.flatnonzero(unlike):
            name, figure = names[row], float(z[row])
            if name not in odd or abs(odd[name].figure) < abs(figure):
                odd[name] = OddImage(name=name, figure=figure, why=above if figure > 0 else below)
    return finding(
        FindingKind.EXPOSURE,
        _if_few(list(odd.values()), len(names)),
        summary=f"{{count}} lit or exposed unlike the others (robust z beyond {_LIGHT_Z:g})",
        advice="look at these; correct lamp and exposure, and photograph the parts again",
    )


def _sizes(facts: dict[str, FrameFacts]) -> list[Finding]:
    """Odd sizes where nearly all images have one size, and turned images among upright ones."""
    sizes = {name: (one.height_px, one.width_px) for name, one in facts.items()}
    counts: dict[tuple[int, int], int] = {}
    for size in sizes.values():
        counts[size] = counts.get(size, 0) + 1
    common = max(counts, key=lambda size: (counts[size], size))
    turned = _turned(sizes)
    rotated = finding(
        FindingKind.ROTATED,
        [_sized(name, sizes[name]) for name in turned],
        summary="{count} upright among lying ones, or lying among upright ones",
        advice="look at these; turn them as the camera on the line sees the part, or leave them out",
    )
    if counts[common] < (1.0 - _FEW) * len(facts):
        return rotated
    others = [_sized(name, size) for name, size in sizes.items() if size != common and name not in turned]
    return rotated + finding(
        FindingKind.SIZE,
        others,
        summary=f"{{count}} of another size than {common[0]}x{common[1]} pixels (HxW), which the others have",
        advice="look at these; photograph all parts with one camera and one region",
    )


def _sized(name: str, size: tuple[int, int]) -> OddImage:
    return OddImage(name=name, figure=size[0] / size[1], why=f"{size[0]}x{size[1]} pixels (HxW)")


def _turned(sizes: dict[str, tuple[int, int]]) -> list[str]:
    """Few images whose sides are in the others' ratio, but swapped."""
    ratios = {name: float(np.log(height / width)) for name, (height, width) in sizes.items()}
    middle = float(np.median(list(ratios.values())))
    if abs(middle) < 0.05:
        return []  # squares cannot be told from turned squares
    spread = robust_z(np.array(list(ratios.values())), floor=0.02)
    against = [name for name, ratio in ratios.items() if ratio * middle < 0]
    is_plain = float(np.abs(spread).max(initial=0.0, where=[ratios[name] * middle > 0 for name in sizes])) <= 4.0
    few = len(against) <= _FEW * len(sizes)
    return [name for name in against if abs(ratios[name] + middle) < 0.1] if few and is_plain else []


def _grey_or_colour(facts: dict[str, FrameFacts]) -> list[Finding]:
    grey = [name for name, one in facts.items() if one.colour == 0.0]
    coloured = [name for name, one in facts.items() if one.colour >= _COLOURED]
    few, all_others = _FEW * len(facts), (1.0 - _FEW) * len(facts)
    if 0 < len(grey) <= few and len(coloured) >= all_others:
        odd, words = grey, "grey among coloured ones"
    elif 0 < len(coloured) <= few and len(grey) >= all_others:
        odd, words = coloured, "coloured among grey ones"
    else:
        return []
    return finding(
        FindingKind.GREY,
        [OddImage(name=name, figure=facts[name].colour, why=words) for name in odd],
        summary=f"{{count}} {words}",
        advice="look at these; take all photographs with one camera and one setting",
    )


def _swapped(names: list[str], facts: dict[str, FrameFacts]) -> list[Finding]:
    """Few images whose balance of red and blue is the others' with its sign changed."""
    balance = _column(names, facts, "red_over_blue")
    z = robust_z(balance, floor=_HUE_FLOOR)
    # z counts from the median, so a swapped image lies at -2 median / scale, give or take the others' spread
    scale = robust_scale(balance, floor=_HUE_FLOOR)
    swapped = -2.0 * float(np.median(balance)) / scale
    rows = np.flatnonzero((np.abs(z) > 2 * _HUE_Z) & (np.abs(z - swapped) <= _HUE_Z))
    odd = [OddImage(name=names[row], figure=float(z[row]), why="red and blue as if swapped") for row in rows]
    return finding(
        FindingKind.CHANNELS,
        _if_few(odd, len(names)),
        summary="{count} with the balance of red and blue of the others, but swapped",
        advice="look at these; save them again in the channel order of the others",
    )
