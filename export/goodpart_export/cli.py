"""`goodpart-export`: a truncated ResNet-18 as one ONNX file that takes raw frames."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import goodpart
from goodpart.command import add_common_options, integers, print_json, run, size
from goodpart.spec import Channels, FrameSpec, PixelType, Roi
from goodpart.strict_json import to_plain
from goodpart_export.onnx_export import ExportReport, export_backbone, report_path
from goodpart_export.profiles import load_profile, shipped_profiles
from goodpart_export.weights import load_weights

_TYPICAL_FRAMES = ((480, 640), (1080, 1920), (2048, 2448))


def main(argv: Sequence[str] | None = None) -> int:
    """Exports one backbone; returns the exit code."""
    return run(_export, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="goodpart-export", description=__doc__)
    parser.add_argument("--version", action="version", version=f"goodpart-export {goodpart.__version__}")
    parser.add_argument(
        "--weights", required=True, metavar="imagenet|FILE|untrained",
        help="torchvision's ImageNet weights (downloaded once), a ResNet-18 state dict, or random ones",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the ONNX file to write")
    parser.add_argument(
        "--profile", default="paper", metavar="NAME|FILE",
        help=f"one of {', '.join(shipped_profiles())}, or a JSON file (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--size", type=size, metavar="HxW", help="what frames are resized to (default: the profile's)")
    frame = parser.add_argument_group("the frame")
    frame.add_argument(
        "--channels", choices=[channels.value for channels in Channels], default="RGB", help="default %(default)s"
    )
    frame.add_argument(
        "--dtype", choices=[dtype.value for dtype in PixelType], default="uint8", help="default %(default)s"
    )
    frame.add_argument(
        "--value-range", type=integers(2, "LO,HI"), metavar="LO,HI", help="uint16: the pixel values of black and white"
    )
    frame.add_argument(
        "--roi", type=integers(4, "Y,X,H,W"), metavar="Y,X,H,W", help="inspect only this part, in frame pixels"
    )
    frame.add_argument(
        "--frame-size", type=size, metavar="HxW", help="the camera's frame size, to report the reduction"
    )
    parser.add_argument("--seed", type=int, default=0, help="of untrained weights (default %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    add_common_options(parser)
    return parser


def _export(options: argparse.Namespace) -> int:
    profile = load_profile(options.profile)
    if options.size is not None:
        profile = dataclasses.replace(profile, input_height_px=options.size[0], input_width_px=options.size[1])
    frame = FrameSpec(
        channels=Channels(options.channels),
        dtype=PixelType(options.dtype),
        value_range=options.value_range,
        roi=options.roi and Roi(**dict(zip(("y_px", "x_px", "height_px", "width_px"), options.roi, strict=True))),
    )
    network, weights = load_weights(options.weights, stages=profile.stages, seed=options.seed)
    report = export_backbone(network, options.out, profile=profile, frame=frame, weights=weights, force=options.force)
    reductions = [_reduction(report, *seen) for seen in _seen_sizes(frame, options.frame_size)]
    if options.json:
        print_json({**to_plain(report), "reductions": reductions})
    else:
        _print(report, options.out, reductions)
    return 0


def _seen_sizes(frame: FrameSpec, camera: tuple[int, int] | None) -> list[tuple[int, int]]:
    """Height and width of what is resized: the region of interest, the camera's frame, or some typical ones."""
    if frame.roi is not None:
        return [(frame.roi.height_px, frame.roi.width_px)]
    return [camera] if camera else list(_TYPICAL_FRAMES)


def _reduction(report: ExportReport, height_px: int, width_px: int) -> dict[str, float]:
    """How many frame pixels make one input pixel, downwards and across."""
    profile = report.backbone.profile
    return {
        "height_px": height_px,
        "width_px": width_px,
        "frame_rows_per_input_row": round(height_px / profile.input_height_px, 2),
        "frame_columns_per_input_column": round(width_px / profile.input_width_px, 2),
    }


def _print(report: ExportReport, out: Path, reductions: list[dict[str, float]]) -> None:
    facts, profile = report.backbone, report.backbone.profile
    print(f"backbone   {out}, {report.size_bytes / 1e6:.1f} MB, opset {report.opset}, sha256 {report.sha256}")
    print(f"frame      {facts.frame.describe()}")
    print(
        f"input      {profile.input_height_px}x{profile.input_width_px} pixels -> "
        f"{facts.grid.rows}x{facts.grid.columns} patches of {facts.grid.dimension} values"
    )
    for reduction in reductions:
        height_px, width_px, rows, columns = reduction.values()
        print(f"           of a {height_px}x{width_px} frame, {rows:g} x {columns:g} pixels make one input pixel")
    print(f"parity     torch and onnxruntime differ by {report.parity:.1e} (limit {report.parity_limit:.0e})")
    print(f"report     {report_path(out)}")
    if facts.weights.warning is not None:
        print(f"\n{facts.weights.warning}")


if __name__ == "__main__":
    sys.exit(main())
