"""Options about the frame, and what a profile for thermograms implies about it."""

import argparse
import dataclasses
from pathlib import Path

from goodpart.cli.common import integers, size
from goodpart.cli.rows import tell
from goodpart.errors import UsageError
from goodpart.facts.profile import Profile
from goodpart.facts.spec import Channels, FrameSpec, PixelType, Roi, refuse_frame
from goodpart_export.sizing.value_range import RangeChoice, choose_range

AUTO = "auto"
_ALL_VALUES = (0, 65535)


def add_frame_options(group: argparse._ArgumentGroup) -> None:
    """Adds the options."""
    channels, dtypes = [channels.value for channels in Channels], [dtype.value for dtype in PixelType]
    group.add_argument(
        "--channels", choices=channels,
        help="channels in memory order (default: RGB; GRAY for a profile of thermograms)",
    )  # fmt: skip
    group.add_argument(
        "--dtype", choices=dtypes, help="type of the pixels (default: uint8; uint16 for a profile of thermograms)"
    )
    group.add_argument(
        "--value-range", type=_value_range, metavar="LO,HI|auto",
        help="pixel values of black and white, for uint16; auto: percentiles of the pixels of the images in --images "
        "(default for a profile of thermograms: auto)",
    )  # fmt: skip
    group.add_argument(
        "--roi", type=integers(4, "Y,X,H,W"), metavar="Y,X,H,W",
        help="region of interest: the part of the frame that is inspected, in pixels (default: the whole frame)",
    )  # fmt: skip
    group.add_argument(
        "--frame-size",
        type=size,
        metavar="HxW",
        help="size of the frames, to report how many of their pixels one input pixel covers",
    )


def fill_in(options: argparse.Namespace, profile: Profile) -> None:
    """Fills in the frame options that were not given; those that were given win."""
    is_thermal = profile.excess is not None
    options.channels = options.channels or (Channels.GRAY if is_thermal else Channels.RGB).value
    options.dtype = options.dtype or (PixelType.UINT16 if is_thermal else PixelType.UINT8).value
    if options.value_range is None and is_thermal and options.dtype == PixelType.UINT16.value:
        options.value_range = AUTO


def frame_of(options: argparse.Namespace, profile: Profile) -> FrameSpec:
    """The frame; its value range is all values for now if it is to be chosen for images.

    Raises:
        UsageError: options that do not go together, or with the profile.
    """
    dtype = PixelType(options.dtype)
    refuse_frame(profile, dtype=dtype, channels=Channels(options.channels))
    is_auto = options.value_range == AUTO
    if is_auto and dtype is not PixelType.UINT16:
        raise UsageError(f"--value-range auto: expected --dtype uint16 beside it, found {dtype.value}; leave it out")
    if is_auto and options.images is None:
        raise UsageError(
            "--value-range auto: expected --images GOOD_DIR beside it, found none; name a folder of good images, or "
            "give a range such as --value-range 3000,9000"
        )
    return FrameSpec(
        channels=Channels(options.channels),
        dtype=dtype,
        value_range=_ALL_VALUES if is_auto else options.value_range,
        roi=options.roi and Roi(**dict(zip(("y_px", "x_px", "height_px", "width_px"), options.roi, strict=True))),
    )


def with_range(frame: FrameSpec, images: Path) -> tuple[FrameSpec, RangeChoice]:
    """The frame with a value range that is chosen for images, and says so on stderr."""
    choice = choose_range(images, frame)
    tell(choice.describe())
    return dataclasses.replace(frame, value_range=(choice.low, choice.high)), choice


def _value_range(text: str) -> tuple[int, ...] | str:
    """Parses `LO,HI`, or `auto`."""
    if text.lower() == AUTO:
        return AUTO
    try:
        return integers(2, "LO,HI")(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; or give auto, with --images") from error
