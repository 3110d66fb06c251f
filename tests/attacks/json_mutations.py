"""Mutations of what the JSON files of a bundle say."""

import copy
import hashlib
import json
import math
import random
import re
from typing import Any

from attacks.draft import Draft, Link, Special

# json.dumps writes no such things; these words are replaced behind it
_RAW, _TWICE = "@@RAW@@", "@@TWICE@@"

ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 255, 2**31, 2**53, 2**63, 2**64, 10**18, 10**400, -(10**18), "", [], {}, [[]]),
    *(-0.0, 0.5, 1e-320, 1e-9, 1e9, 1e308, -1e308, 0.1, 3.0, [None], {"": None}, {"a": {"b": [1]}}, ["golden/000.npy"]),
    *(_RAW + token for token in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1E400", "9" * 5000, "0x10", "01")),
    *(_RAW + token for token in ("'x'", '"\\ud800"', '"\\u0000"', "[" * 500 + "]" * 500, "[" * 100_000, "nul", "")),
    *(" ", "\0", "\n", "a\nb", "\x1b[31m", "\u202e", "\u2028", "é", "é", "😀", "x" * 200, "x" * 100_000, "None", "NaN"),
    *("../../x", "../outside.npy", "../../outside.npy", "/etc/passwd", "golden/../../outside.npy", "golden/000.npy\0"),
    *(
        "..\\..\\x",
        "C:\\x",
        "~/x",
        "file:///etc/passwd",
        "golden//000.npy",
        "./bank.npy",
        "golden/000.npy/",
        "/dev/zero",
    ),
    *("0" * 64, "F" * 64, "graph", "exact", "int8", "GRAY", "uint16", "split", "layer2", [0, 65535], [1, 2, 3]),
]
"""What may stand for any value."""


def manifest(draft: Draft) -> None:
    """Something else in `manifest.json`."""
    _change_file(draft, "manifest.json")


def calibration(draft: Draft) -> None:
    """Something else in `calibration.json`."""
    _change_file(draft, "calibration.json")


def images(draft: Draft) -> None:
    """Something else in `images.json`, or in the manifest of a bundle without it."""
    _change_file(draft, "images.json" if "images.json" in draft.entries else "manifest.json")


def facts(draft: Draft) -> None:
    """The same lie about the backbone in the manifest and in the ONNX file, so that the two agree."""
    text = json.loads(draft.data("manifest.json"))
    words = change(text["backbone"], draft.dice)
    encoded = dumps(text, draft.dice)
    backbone = dumps(text["backbone"], draft.dice)
    # imported here, for whoever mutates JSON alone needs no onnx
    from attacks.onnx_fields import with_metadata

    draft.entries["manifest.json"] = encoded
    draft.entries["backbone.onnx"] = with_metadata(draft.data("backbone.onnx"), backbone)
    draft.words = f"backbone's facts: {words}"


def restated(draft: Draft) -> None:
    """Another calibration that is right in itself: other held-out scores, rate, mean or deviation."""
    text, dice = json.loads(draft.data("calibration.json")), draft.dice
    count = dice.randrange(1, 30)
    for key in ("scores", "peaks"):
        text[key] = sorted(dice.gauss(1, 2) for _ in range(count))
    text["false_reject_rate"] = rate = dice.uniform(0, 1)
    rank = max(1, math.ceil((count + 1) * (1 - rate) - 1e-9))
    position = min(rank, count) - 1  # now and then a rate that so few parts do not support
    text |= {"threshold": text["scores"][position], "pixel_threshold": text["peaks"][position]}
    if dice.random() < 0.4:
        text[dice.choice(["mean", "std"])] *= 1 + dice.choice([1e-9, 1e-5, 1e-3, 0.1]) * dice.gauss(0, 1)
    draft.entries["calibration.json"] = json.dumps(text).encode()
    draft.words = f"{count} scores, rate {rate:.3f}"


def golden(draft: Draft) -> None:
    """Other golden frames, scores or tolerance, now and then right ones."""
    text, dice = json.loads(draft.data("manifest.json")), draft.dice
    frames, chance = text["golden"], dice.random()
    if chance < 0.3:
        del frames[dice.randrange(3) :]
        draft.words = f"{len(frames)} golden frames"
    elif chance < 0.5:
        frames.append(dict(dice.choice(frames)))
        dice.shuffle(frames)
        draft.words = f"golden frames {[frame['file'] for frame in frames]}"
    elif chance < 0.8:
        frames[dice.randrange(3)]["score"] += dice.choice([1e-9, 0.001, 0.019, 0.021, 1]) * dice.choice([-1, 1])
        draft.words = f"golden scores {[frame['score'] for frame in frames]}"
    else:
        text["golden_tolerance"] = dice.choice([1e-12, 0.019, 0.021, 1, 1.001, 1e9, 1.7e308])
        frames[dice.randrange(3)]["score"] += dice.choice([0, 0.02, 0.9, 5])
        draft.words = f"golden scores {[frame['score'] for frame in frames]} within {text['golden_tolerance']}"
    for name in {f"golden/00{position}.npy" for position in range(3)} - {frame["file"] for frame in frames}:
        del text["files"][name]
    draft.entries["manifest.json"] = json.dumps(text).encode()


def device(draft: Draft) -> None:
    """A device file beside the bundle: right, broken, another bundle's, or not a file."""
    dice = draft.dice
    digest = hashlib.sha256(draft.data("manifest.json")).hexdigest()
    settings = dict.fromkeys(("threshold", "pixel_threshold", "threads", "spinning")) | {"bundle": digest}
    if dice.random() < 0.7:
        settings |= {"threshold": dice.gauss(5, 9), "pixel_threshold": dice.gauss(5, 9)}
    if dice.random() < 0.5:
        settings |= {"threads": dice.choice([1, 2, 256]), "spinning": dice.random() < 0.5}
    draft.words = "right"
    if dice.random() < 0.6:
        draft.words = change(settings, dice)
    draft.device = dumps(settings, dice)
    if dice.random() < 0.1:
        draft.device = dice.choice(
            [Special.FOLDER, Special.FIFO, Link("nowhere"), Link("bar/calibration.json"), b" " * 70000]
        )
        draft.words = str(draft.device)[:40]


def _change_file(draft: Draft, name: str) -> None:
    text = json.loads(draft.data(name))
    draft.words = f"{name}: {change(text, draft.dice)}"
    draft.entries[name] = dumps(text, draft.dice)


def change(document: Any, dice: random.Random) -> str:
    """Changes one or two values anywhere in parsed JSON; says which."""
    words = []
    for _ in range(dice.choice([1, 1, 1, 2])):
        spots = list(_spots(document))
        if not spots:
            break
        holder, key, path = dice.choice(spots)
        how = dice.choice([_odd, _odd, _near, _near, _near, _drop, _add, _twice, _move])
        words.append(f"{path} {how(holder, key, document, dice)}")
    return ", ".join(words)


def dumps(document: Any, dice: random.Random) -> bytes:
    """JSON bytes, with what is no JSON where the document asks for it, in one of several layouts."""
    indent = dice.choice([None, 2])
    text = json.dumps(document, indent=indent, ensure_ascii=dice.random() < 0.5)
    text = re.sub(rf'"{_RAW}((?:[^"\\]|\\.)*)"', lambda found: json.loads(f'"{found[1]}"'), text)
    text = text.replace(_TWICE, "")
    return text.encode("utf-8", "surrogatepass")


def _spots(document: Any, path: str = "") -> Any:
    """Every value: what holds it, under which key, and the way there."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in list(items):
        yield document, key, f"{path}/{key}"[:80]
        yield from _spots(value, f"{path}/{key}")


def _odd(holder: Any, key: Any, document: Any, dice: random.Random) -> str:
    holder[key] = copy.deepcopy(dice.choice(ODD))
    return f"= {holder[key]!r}"[:60]


def _near(holder: Any, key: Any, document: Any, dice: random.Random) -> str:
    value = holder[key]
    if isinstance(value, bool) or value is None:
        holder[key] = dice.choice([not value, int(value or 0), str(value)])
    elif isinstance(value, int):
        holder[key] = dice.choice(
            [value + 1, value - 1, -value, value * 2, float(value % 2**64), str(value), value + 2**32]
        )
    elif isinstance(value, float):
        holder[key] = dice.choice(
            [math.nextafter(value, math.inf), -value, int(value) if abs(value) < 1e300 else 0]
            + [value * (1 + tiny * dice.choice([-1, 1])) for tiny in (1e-12, 1e-7, 1e-4, 0.01, 0.5)]
        )
    elif isinstance(value, str):
        position = dice.randrange(len(value) + 1)
        holder[key] = dice.choice(
            [value.upper(), value + "x", value[:-1], value[:position] + "é" + value[position + 1 :], value * 2]
        )
    elif isinstance(value, list):
        holder[key] = dice.choice([value[:-1], value[1:], value + value[-1:], value[::-1], value * 2])
    else:
        holder[key] = dice.choice(
            [list(value), list(map(list, value.items())), str(value), {**value, **dict.fromkeys("ab", 1)}]
        )
    return f"= {holder[key]!r}"[:60]


def _drop(holder: Any, key: Any, document: Any, dice: random.Random) -> str:
    del holder[key]
    return "dropped"


def _add(holder: Any, key: Any, document: Any, dice: random.Random) -> str:
    if isinstance(holder, dict):
        extra = dice.choice(["novelty", "", "\x1b[2J", "k" * 3000, "__class__", f"{key} ", "../outside.npy", "a\nb"])
        holder[extra] = copy.deepcopy(dice.choice([holder[key], *ODD]))
        return f"joined by {extra!r}"[:60]
    holder.insert(dice.randrange(len(holder) + 1), copy.deepcopy(dice.choice([holder[key], *ODD])))
    return "joined by another"


def _twice(holder: Any, key: Any, document: Any, dice: random.Random) -> str:
    if isinstance(holder, dict):
        holder[_TWICE + key] = copy.deepcopy(dice.choice([holder[key], *ODD]))
        return "stands twice"
    return _drop(holder, key, document, dice)


def _move(holder: Any, key: Any, document: Any, dice: random.Random) -> str:
    other, where, path = dice.choice(list(_spots(document)))
    holder[key] = copy.deepcopy(other[where])
    return f"= what {path} is"
