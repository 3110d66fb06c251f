"""Real thermograms: none of them is called flat, whatever the value range, while a closed shutter always is."""

import dataclasses

import numpy as np
import pytest

from goodpart.facts.no_signal import no_signal
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart_export import choose_range

pytestmark = pytest.mark.real

WHOLE = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(0, 65535), roi=None)


def test_no_thermogram_is_flat_and_every_shutter_is(real_data):
    folder = real_data / "thermal_substations"
    paths = [path for part in ("train", "test") for path in find_images(folder / part)]
    assert len(paths) == 461
    chosen = choose_range(folder / "train" / "good", WHOLE)
    ranges = [(0, 65535), (0, 16383), (chosen.low, chosen.high)]
    rng = np.random.default_rng(0)
    for path in paths:
        frame = read_image(path, WHOLE)
        shutter = np.rint(np.median(frame) + rng.normal(0, rng.uniform(0, 5), frame.shape)).astype(np.uint16)
        for value_range in ranges:
            spec = dataclasses.replace(WHOLE, value_range=value_range)
            assert no_signal(frame, spec) is None, path
            assert no_signal(shutter, spec) is not None, path
