"""What may stand in a recipe: its tables, their keys, and the type of each value."""

import dataclasses
import math
from collections.abc import Callable

from goodpart._host.toml_tables import Key
from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod, RateUnit
from goodpart.facts.learned import first_day
from goodpart.facts.spec import SHA256


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _number(above: float, most: float) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and above < value <= most
    )


def _one_of(words: list[str]) -> Key:
    return Key(words=" or ".join(f'"{word}"' for word in words), fits=lambda value: value in words)


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _is_head(value: object) -> bool:
    return value in ("off", "auto") if isinstance(value, str) else _number(-1e-9, 4.0)(value)


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(first_day(value))
    except UsageError:
        return False


_TRUTH = Key(words="true or false", fits=lambda value: isinstance(value, bool))
_PATH = Key(words="a path", fits=_text)
_DIGEST = Key(
    words="64 lower-case hex digits", fits=lambda value: isinstance(value, str) and bool(SHA256.fullmatch(value))
)
_DATE = Key(words='"YYYY-MM" or "YYYY-MM-DD"', fits=_is_date)
_SERIAL = _whole(0, 2**53 - 1)

TABLES: dict[str, dict[str, Key]] = {
    "product": {
        "name": Key(words="a name", fits=_text, required=True),
        "serial": Key(words='"auto" or 0 to 2^53 - 1', fits=lambda value: value == "auto" or _SERIAL(value)),
        "bundle": _PATH,
    },
    "backbone": {"file": dataclasses.replace(_PATH, required=True), "sha256": _DIGEST},
    "batch": {
        "name": Key(words="a name", fits=_text, required=True),
        "images": Key(words="a folder or a list of images", fits=_text, required=True),
        "calibrates": _TRUTH,
        "digest": _DIGEST,
        "taken": _DATE,
    },
    "parts": {
        "group": Key(words="a regular expression", fits=_text),
        "group_gap": Key(words="a whole number, 0 or more", fits=_whole(0, 2**53)),
    },
    "calibration": {
        "method": _one_of([each.value for each in CalibrationMethod]),
        "false_reject_rate": Key(words="a number above 0 and below 1", fits=_number(0.0, math.nextafter(1.0, 0.0))),
        "unit": _one_of([each.value for each in RateUnit]),
        "calibration_parts": Key(words="a whole number, 1 or more", fits=_whole(1, 2**53)),
        "calibrates_since": _DATE,
    },
    "bank": {
        "profile": Key(words="the name of a profile", fits=_text),
        "seed": Key(words="0 to 2^32 - 1", fits=_whole(0, 2**32 - 1)),
        "ignore": _PATH,
        "ignore_sha256": _DIGEST,
        "exclude": Key(words='a list of names or "sha256:..."', fits=_is_text_list),
        "head": Key(words='"off", "auto" or 0 to 4', fits=_is_head),
        "thumbnails": _TRUTH,
        "any_size": _TRUTH,
        "skip_unreadable": _TRUTH,
        "max_megapixels": Key(words="a number above 0", fits=_number(0.0, math.inf)),
    },
    "workspace": {"embeddings_mb": Key(words="a whole number, 0 or more", fits=_whole(0, 2**33))},
    "sign": {"key": dataclasses.replace(_PATH, required=True)},
}
"""Every key of a recipe, by table. `batch` is a list of tables."""

NEEDED = ("product", "backbone", "batch")
"""Tables that every recipe has."""
