"""`--explain`: the good patches that an anomalous place should look like, for `goodpart score`."""

import argparse
from typing import Any

from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection


def add_explain_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--explain`."""
    parser.add_argument(
        "--explain", action="store_true",
        help="name the good patches nearest to each region: image, place and distance (bundles of format 2)",
    )  # fmt: skip


def check_explains(inspector: Inspector) -> None:
    """Refuses a bundle that cannot explain, before any frame is scored.

    Raises:
        UsageError: it does not say where its vectors come from.
        BundleError: what it says is damaged.
    """
    _ = inspector.memory


def explained(inspection: Inspection) -> list[dict[str, Any]]:
    """The explanations of a frame as plain values, in the order of its regions."""
    return [explanation.to_dict() for explanation in inspection.explain()]


def explanation_lines(result: dict[str, Any]) -> list[str]:
    """The explanations of a frame's result, as lines below its row of the table."""
    lines = []
    for place in result.get("explanations", ()):
        lines.append(f"{'':<8}{_box(place)} scores {place['score']:.3f}; nearest good patches:")
        lines += [
            f"{'':<10}{good['image']}, {_box(good)}, distance {good['distance']:.4f}" for good in place["nearest"]
        ]
    return lines


def _box(place: dict[str, Any]) -> str:
    return f"{place['height_px']}x{place['width_px']} px (HxW) at y {place['y_px']}, x {place['x_px']}"
