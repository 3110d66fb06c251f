"""`goodpart-quantize`: an exported backbone in 8-bit integers, and what that costs and gains."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from goodpart._host.machine import cpu_name
from goodpart._host.strict_json import to_plain
from goodpart.cli import common
from goodpart.cli.common import OneLineParser, print_json
from goodpart.cli.rows import say, tell
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart_export.cli.version import add_version_option
from goodpart_export.onnx_file import report_path
from goodpart_export.quantize.int8_cpu import int8_instructions, interleaved_ms
from goodpart_export.quantize.quantize import LIMIT, Attempt, QuantizeReport, quantize_backbone


def main(argv: Sequence[str] | None = None) -> int:
    """Quantizes one backbone; returns the exit code."""
    parser = OneLineParser(
        prog="goodpart-quantize",
        description="Convert an exported backbone to 8-bit integers, and measure what that costs and gains.",
    )
    add_options(parser)
    return common.run(run, parser, argv, help_alone=True)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_version_option(parser)
    parser.add_argument("backbone", type=Path, metavar="BACKBONE", help="float32 backbone from goodpart-export")
    parser.add_argument(
        "--images", required=True, type=Path, metavar="GOOD_DIR",
        help="folder of good images: some set the ranges of the activations, others measure what int8 costs",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="ONNX file to write")
    parser.add_argument(
        "--calibration-images", type=int, default=50, metavar="N",
        help="largest number of images that set ranges, at least 4; at most two thirds of all (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--shift-limit", type=float, default=LIMIT, metavar="SIGMAS",
        help="largest mean change of a patch's calibrated score; blocks of the network stay float, from the front, "
        "until the change is smaller (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--reduce-range", action="store_true",
        help="use weights of 7 bits, for devices without 8-bit dot products (VNNI), where sums would saturate",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the sample of images (default: %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing backbone and its report")
    parser.add_argument("--json", action="store_true", help="print the report and the timings as one JSON object")
    common.add_common_options(parser)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ThisCpu:
    """What int8 gains on this CPU with 1 thread. The report leaves it out, so that it is the same on every machine.

    Attributes:
        cpu: its name.
        instructions: its 8-bit dot products, None if the kernel does not list them.
        float32_ms, int8_ms: median per frame; the two backbones take turns.
        speedup: how many times faster int8 is.
    """

    cpu: str
    instructions: tuple[str, ...] | None
    float32_ms: float
    int8_ms: float
    speedup: float


def run(options: argparse.Namespace) -> int:
    """Quantizes, times both backbones on this CPU, and prints what came out; returns the exit code."""
    report = quantize_backbone(
        options.backbone,
        options.images,
        options.out,
        calibration_images=options.calibration_images,
        shift_limit=options.shift_limit,
        reduce_range=options.reduce_range,
        seed=options.seed,
        force=options.force,
    )
    here = _time(options.backbone, options.out, options.images)
    if options.json:
        print_json({**to_plain(report), "this_cpu": to_plain(here)})
    else:
        _print(report, options.out)
        _print_cpu(here)
        say(f"report     {report_path(options.out)}")
    for warning in _warnings(here, reduce_range=options.reduce_range):
        tell(f"warning: {warning}")
    return 0


def _time(backbone: Path, out: Path, images: Path) -> _ThisCpu:
    float32, int8 = Backbone.load(backbone), Backbone.load(out)
    frame = read_image(find_images(images)[0], float32.spec.frame)
    float32_ms, int8_ms = interleaved_ms(float32, int8, frame)
    return _ThisCpu(
        cpu=cpu_name(),
        instructions=int8_instructions(),
        float32_ms=round(float32_ms, 2),
        int8_ms=round(int8_ms, 2),
        speedup=round(float32_ms / int8_ms, 2),
    )


def _print(report: QuantizeReport, out: Path) -> None:
    chosen = report.attempts[-1]
    shift = chosen.shift
    say(f"backbone   {out}, {report.size_bytes / 1e6:.1f} MB, opset {report.opset}, sha256 {report.sha256}")
    say(f"int8       {_words(chosen)}, weights of {7 if report.reduce_range else 8} bits")
    for attempt in report.attempts[:-1]:
        say(f"           not {_words(attempt)}: patch scores would change by {attempt.shift.score_mean:.3f} sigmas")
    say(f"measured   on {shift.images} good images; {report.calibration_images} others set the ranges")
    say(
        f"embeddings change by a cosine distance of {shift.cosine_mean:.5f} on average, {shift.cosine_p99:.5f} at the "
        f"99th percentile; for comparison, the nearest patch of other good images is {shift.patch_distance:.5f} away"
    )
    say(
        f"scores     of patches change by {shift.score_mean:.3f} sigmas on average (limit {report.shift_limit:g}), "
        f"{shift.score_p99:.3f} at the 99th percentile; of images by at most {shift.image_score_max:.3f}"
    )


def _words(attempt: Attempt) -> str:
    return f"all but {', '.join(attempt.float_blocks)}" if attempt.float_blocks else "throughout"


def _print_cpu(here: _ThisCpu) -> None:
    found = here.instructions
    named = "8-bit dot products unknown" if found is None else ", ".join(found) or "no 8-bit dot products"
    say(f"this CPU   {here.cpu} ({named})")
    say(
        f"           float32 {here.float32_ms:.1f} ms, int8 {here.int8_ms:.1f} ms per frame on 1 thread: "
        f"{here.speedup:.2f} times as fast"
    )


def _warnings(here: _ThisCpu, *, reduce_range: bool) -> list[str]:
    found = []
    if here.instructions == () and not reduce_range:
        found.append(
            "this CPU has no 8-bit dot products (VNNI), so sums of 8-bit products may saturate; if the device has none "
            "either, add --reduce-range"
        )
    if not here.speedup > 1.1:
        found.append(f"int8 is only {here.speedup:.2f} times as fast here; use float32 on CPUs like this one")
    return found


if __name__ == "__main__":
    sys.exit(main())
