"""A uint16 bundle and a camera of other bits than the good images had: refused, or told."""

from types import SimpleNamespace

import numpy as np
import pytest

from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.judge import Judge
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_setup import CameraSetup
from goodpart_station.sources.pixels import FORMATS, misfit
from goodpart_station.sources.source import SourceLostError
from small_camera import SmallDevice, grabbed
from station_parts import part_of


def spec_of(low, high):
    return FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(low, high), roi=None)


def filled(device):
    """The camera with frames in it."""
    pixels = np.arange(24 * 18, dtype=np.uint16).reshape(24, 18)
    for number in range(1, 21):
        device.box.put(grabbed(pixels, number, pixel_format=device.features["PixelFormat"]))
    return device


def source_of(device):
    pixel_format = device.features["PixelFormat"]
    return CameraSource(lambda: device, CameraSetup(pixel_format=pixel_format, trigger=TriggerKind.NONE))


def frame_of(pixel_format):
    """What a station gets of a camera of this format."""
    device = SmallDevice(PixelFormat=pixel_format)
    frames = source_of(device).frames()
    while next(frames) is not None:
        pass
    filled(device)
    frame = next(found for found in frames if found is not None)
    frames.close()
    return frame


def told(pixel_format, spec):
    """What check says of it beside a bundle with this frame."""
    bundle = SimpleNamespace(manifest=SimpleNamespace(backbone=SimpleNamespace(frame=spec), checks=None))
    source = source_of(filled(SmallDevice(PixelFormat=pixel_format)))
    return source.check_against({"product 1": bundle})


@pytest.mark.parametrize(
    ("pixel_format", "value_range", "fits"),
    [
        ("Mono10", (0, 4095), False),
        ("Mono12", (0, 16383), False),
        ("Mono14", (100, 65535), False),
        ("Mono12", (0, 4095), True),
        # people write the largest value and 1
        ("Mono12", (0, 4096), True),
        ("Mono12", (0, 4097), False),
        # a thermal camera's range is chosen, and no format's
        ("Mono14", (615, 1346), True),
        ("Mono16", (0, 4095), True),
    ],
)
def test_a_range_beyond_the_format_is_refused_at_run_time_and_by_check(pixel_format, value_range, fits):
    spec, frame = spec_of(*value_range), frame_of(pixel_format)
    assert frame.bits == FORMATS[pixel_format].bits
    why = misfit(frame, spec, None)
    assert (why is None) == fits
    if fits:
        assert "fits product 1" in told(pixel_format, spec)
        return
    assert why.startswith(f"frame: expected values up to {value_range[1]} as the bundle maps them, found {frame.bits} ")
    with pytest.raises(SourceLostError) as raised:
        told(pixel_format, spec)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("pixel_format", "value_range", "end"),
    [
        ("Mono12", (0, 4095), "whose bundle maps 0 to 4095; Mono12 holds 0 to 4095"),
        ("Mono12", (5, 2048), "whose bundle maps 5 to 2048; Mono12 holds 0 to 4095"),
        (
            "Mono16",
            (0, 4095),
            "Mono16 holds 0 to 65535: more than 4095 is white. See that the good images were of Mono16",
        ),
        (
            "Mono12",
            (5, 2047),
            "Mono12 holds 0 to 4095: more than 2047 is white. See that the good images were of Mono12",
        ),
    ],
)
def test_check_tells_a_range_that_a_format_of_fewer_bits_would_hold(pixel_format, value_range, end):
    assert told(pixel_format, spec_of(*value_range)).endswith(end)


def test_the_judge_asks_for_the_bits():
    spec = spec_of(0, 4095)
    inspector = SimpleNamespace(
        bundle=SimpleNamespace(manifest=SimpleNamespace(checks=None)),
        backbone=SimpleNamespace(spec=SimpleNamespace(frame=spec)),
    )
    products = SimpleNamespace(get=lambda number: SimpleNamespace(inspector=inspector))
    judgement = Judge(products, repeats=False).look(part_of(1), frame_of("Mono10"))
    assert judgement.inspection is None
    assert "found 10 bits, which end at 1023" in judgement.detail
