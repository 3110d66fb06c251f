"""`goodpart-export`: a truncated ResNet-18 as one ONNX file that takes raw frames."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goodpart._host.strict_json import to_plain
from goodpart.cli import common
from goodpart.cli.common import OneLineParser, print_json, size
from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart.facts.profile import Profile
from goodpart.facts.reduction import describe_reduction, frame_pixels_per_input_pixel
from goodpart.facts.spec import FrameSpec
from goodpart_export.cli.frame_options import AUTO, add_frame_options, fill_in, frame_of, with_range
from goodpart_export.cli.version import add_version_option
from goodpart_export.onnx_export import ExportReport, export_backbone
from goodpart_export.onnx_file import check_out, report_path
from goodpart_export.profiles import load_profile, shipped_profiles
from goodpart_export.sizing.defect_size import check_defect_px
from goodpart_export.sizing.input_size import InputChoice, choose_input
from goodpart_export.sizing.price import Price, measure_price
from goodpart_export.sizing.survey import survey
from goodpart_export.weights import load_weights

_TYPICAL_FRAMES = ((480, 640), (1080, 1920), (2048, 2448))


def main(argv: Sequence[str] | None = None) -> int:
    """Exports one backbone; returns the exit code."""
    parser = OneLineParser(
        prog="goodpart-export", description="Export a truncated ResNet-18 as one ONNX file that takes raw frames."
    )
    add_options(parser)
    return common.run(run, parser, argv, help_alone=True)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_version_option(parser)
    parser.add_argument(
        "--weights", required=True, metavar="imagenet|FILE|untrained",
        help="weights of the network: torchvision's for ImageNet (downloaded once), a ResNet-18 state dict, or random",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="ONNX file to write")
    parser.add_argument(
        "--profile", default="default", metavar="NAME|FILE",
        help=f"profile: one of {', '.join(shipped_profiles())}, or a JSON file (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--size", type=_size, metavar="HxW|auto",
        help="size that frames are resized to (default: that of the profile); auto: the proportions of the images in "
        "--images, about as many pixels as the profile has, but at most half as many as the images have",
    )  # fmt: skip
    parser.add_argument(
        "--images", type=Path, metavar="GOOD_DIR", help="folder of good images, for --size auto and --value-range auto"
    )
    parser.add_argument(
        "--smallest-defect-px", type=float, metavar="N",
        help="side of the smallest defect that matters, in frame pixels; for --size auto, which then takes a larger "
        "input where the defect would cover less than 16 input pixels, but never a larger one than the frame",
    )  # fmt: skip
    add_frame_options(parser.add_argument_group("the frame"))
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of untrained weights, 0 to 2^32 - 1 (default: %(default)s)",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing backbone and its report")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    common.add_common_options(parser)


def _size(text: str) -> tuple[int, int] | str:
    """Parses `HxW` in pixels, or `auto`."""
    if text.lower() == AUTO:
        return AUTO
    try:
        return size(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; or give auto, with --images") from error


def run(options: argparse.Namespace) -> int:
    """Exports, and prints what came out; returns the exit code."""
    _check_size_options(options)
    profile = load_profile(options.profile)
    fill_in(options, profile)
    _check_images(options)
    frame = frame_of(options, profile)
    if isinstance(options.size, tuple):
        profile = _resized(profile, *options.size)
    check_out(options.out, force=options.force)
    network, weights = load_weights(options.weights, stages=profile.stages, seed=options.seed)
    own_px = (profile.input_height_px, profile.input_width_px)
    range_choice = None
    if options.value_range == AUTO:
        frame, range_choice = with_range(frame, options.images)
    sizes = survey(options.images, frame) if options.size == AUTO else None
    choice = None if sizes is None else _choose(sizes, own_px, options.smallest_defect_px)
    if choice is not None:
        profile = _resized(profile, choice.input_height_px, choice.input_width_px)
    report = export_backbone(
        network,
        options.out,
        profile=profile,
        frame=frame,
        weights=weights,
        input_choice=choice,
        range_choice=range_choice,
        force=options.force,
    )
    price = None
    if sizes is not None and options.smallest_defect_px is not None:
        price = _price(options.out, profile, plain=choose_input(sizes[0], own_px=own_px, images_found=sizes[1]))
    reductions = [_reduction(profile, *inspected) for inspected in _inspected(frame, options.frame_size, choice)]
    if options.json:
        print_json({**to_plain(report), "reductions": reductions, "price": to_plain(price)})
    else:
        _print(report, options.out, reductions, hint=options.size is None)
        if price is not None:
            say(f"price      {price.describe()}")
    return 0


def _check_size_options(options: argparse.Namespace) -> None:
    if options.size == AUTO and options.images is None:
        raise UsageError(
            "--size auto: expected --images GOOD_DIR beside it, found none; name a folder of good images, or give a "
            "size such as --size 256x256"
        )
    if options.smallest_defect_px is not None:
        check_defect_px(options.smallest_defect_px)
    if options.size == AUTO:
        return
    found = "no --size" if options.size is None else "--size {}x{}".format(*options.size)
    if options.smallest_defect_px is not None:
        raise UsageError(
            f"--smallest-defect-px: expected --size auto beside it, found {found}; add it, or leave "
            "--smallest-defect-px out"
        )


def _check_images(options: argparse.Namespace) -> None:
    """Refuses images that nothing would be chosen for."""
    if options.images is not None and AUTO not in (options.size, options.value_range):
        found = "no --size" if options.size is None else "--size {}x{}".format(*options.size)
        raise UsageError(
            f"--images: expected --size auto beside it, found {found}; add it (or --value-range auto, for uint16), or "
            "leave --images out"
        )


def _choose(sizes: tuple[list[tuple[int, int]], int], own_px: tuple[int, int], defect_px: float | None) -> InputChoice:
    """Chooses the input size for images, and says so on stderr."""
    sizes_px, found = sizes
    choice = choose_input(sizes_px, own_px=own_px, images_found=found, defect_px=defect_px)
    tell(choice.describe())
    tell(choice.describe_defects())
    if choice.warning is not None:
        tell(f"warning: {choice.warning}")
    return choice


def _price(backbone: Path, profile: Profile, *, plain: InputChoice) -> Price:
    """What the size of a defect costs beside the plain choice, for a frame as large as the inspected part."""
    share = plain.input_height_px * plain.input_width_px / (profile.input_height_px * profile.input_width_px)
    return measure_price(
        backbone, inspected_px=(round(plain.inspected_height_px), round(plain.inspected_width_px)), share=share
    )


def _resized(profile: Profile, height_px: int, width_px: int) -> Profile:
    return dataclasses.replace(profile, input_height_px=height_px, input_width_px=width_px)


def _inspected(
    frame: FrameSpec, camera: tuple[int, int] | None, choice: InputChoice | None
) -> list[tuple[float, float]]:
    """Height and width of what is resized: region of interest, the camera's frame, median image, or typical frames."""
    if frame.roi is not None:
        return [(frame.roi.height_px, frame.roi.width_px)]
    if camera is not None:
        return [camera]
    return list(_TYPICAL_FRAMES) if choice is None else [(choice.inspected_height_px, choice.inspected_width_px)]


def _reduction(profile: Profile, height_px: float, width_px: float) -> dict[str, Any]:
    """How many frame pixels one input pixel covers if this much of a frame is inspected."""
    input_px = (profile.input_height_px, profile.input_width_px)
    frame_pixels = frame_pixels_per_input_pixel((height_px, width_px), input_px)
    return {"height_px": height_px, "width_px": width_px, "frame_pixels_per_input_pixel": frame_pixels}


def _print(report: ExportReport, out: Path, reductions: list[dict[str, Any]], *, hint: bool) -> None:
    facts, profile = report.backbone, report.backbone.profile
    say(f"backbone   {out}, {report.size_bytes / 1e6:.1f} MB, opset {report.opset}, sha256 {report.sha256}")
    limits = facts.frame.value_range
    values = "" if limits is None else f", values {limits[0]} to {limits[1]} from black to white"
    say(f"frame      {facts.frame.describe()}{values}")
    say(
        f"input      {profile.input_height_px}x{profile.input_width_px} pixels -> "
        f"{facts.grid.rows}x{facts.grid.columns} patches of {facts.grid.dimension} values"
    )
    if hint:
        say("           (the profile's size; --size auto --images GOOD_DIR fits it to the proportions of your frames)")
    for reduction in reductions:
        height_px, width_px, frame_pixels = reduction.values()
        say(f"           {describe_reduction(frame_pixels, inspected_px=(height_px, width_px))}")
    say(f"parity     torch and onnxruntime differ by {report.parity:.1e} (limit {report.parity_limit:.0e})")
    say(f"report     {report_path(out)}")
    if facts.weights.warning is not None:
        say("", facts.weights.warning)


if __name__ == "__main__":
    sys.exit(main())
