"""Differences: what two bundles state differently, and OLD's golden frames under NEW."""

import dataclasses
import difflib
from typing import Any

from goodpart._host.strict_json import to_plain
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.files import read_checked
from goodpart.bundle.names import BACKBONE
from goodpart.errors import FrameError
from goodpart.inspector import Inspector
from goodpart_bank_builder.compare.judge import answer
from goodpart_bank_builder.compare.pairs import Judged, Said

RECIPE = "recipe.toml"
_LEFT_OUT = ("files", "golden", "golden_tolerance")
_FOLLOWS = ("checks.limits.", "provenance.examination.")
"""What follows from other facts, or is told elsewhere."""

_LIST_LIMIT = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A fact that differs, in words; a fact that one bundle does not state is "none"."""

    what: str
    old: str
    new: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Golden:
    """A golden frame of OLD, judged by both.

    Attributes:
        file: in OLD.
        old, new: the answers.
    """

    file: str
    old: Judged
    new: Judged


def differences(old: Bundle, new: Bundle) -> list[Difference]:
    """All facts of the manifests and calibrations that differ, by dotted names, backbone first."""
    pairs = [_facts(bundle) for bundle in (old, new)]
    names = list(dict.fromkeys([*pairs[0], *pairs[1]]))
    return [
        Difference(what=name, old=pairs[0].get(name, "none"), new=pairs[1].get(name, "none"))
        for name in names
        if pairs[0].get(name) != pairs[1].get(name) and not name.startswith(_FOLLOWS)
    ]


def recipe_lines(old: Bundle, new: Bundle) -> list[str]:
    """How the recipes differ, as a unified diff; no lines if they are the same, or neither bundle has one.

    Raises:
        BundleError: a recipe has changed since the bundle was read.
    """
    before, after = (_recipe(bundle).splitlines() for bundle in (old, new))
    return list(difflib.unified_diff(before, after, "OLD", "NEW", n=1, lineterm=""))


def golden_pairs(old: Inspector, new: Inspector) -> list[Golden]:
    """OLD's golden frames under both bundles: REFUSED where NEW takes no such frames."""
    found = []
    for golden in old.bundle.manifest.golden:
        frame = old.bundle.read_golden(golden.file)
        try:
            by_new = answer(new.inspect(frame))
        except FrameError as error:
            by_new = Judged(said=Said.REFUSED, reason=str(error))
        found.append(Golden(file=golden.file, old=answer(old.inspect(frame)), new=by_new))
    return found


def _facts(bundle: Bundle) -> dict[str, str]:
    manifest, calibration = bundle.manifest, bundle.calibration
    plain = {name: value for name, value in to_plain(manifest).items() if name not in _LEFT_OUT}
    return {
        "backbone sha256": manifest.files[BACKBONE].sha256,
        "calibration.method": calibration.method.value,
        "calibration.unit": calibration.rate_unit.value,
        "calibration.held_out": str(len(calibration.scores)),
        "calibration.false_reject_rate": f"{calibration.false_reject_rate:g}",
        "calibration.mean": f"{calibration.mean:.6g}",
        "calibration.std": f"{calibration.std:.6g}",
        **_flat(plain, ""),
    }


def _flat(plain: dict[str, Any], before: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in plain.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            found[f"{before}{name}"] = text if len(text) <= _LIST_LIMIT else f"{text[:_LIST_LIMIT]}..."
    return found


def _recipe(bundle: Bundle) -> str:
    facts = bundle.manifest.files.get(RECIPE)
    return "" if facts is None else read_checked(bundle.folder, RECIPE, facts).decode("utf-8", "replace")
