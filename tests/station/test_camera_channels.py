"""A camera of other channels than the bundle's: the message says how to export for it."""

import numpy as np
import pytest

from goodpart.facts.spec import Channels
from goodpart_station.sources.pixels import misfit_format
from small_parts import GRAY, RGB, THERMAL


@pytest.mark.parametrize(
    ("spec", "channels", "dtype", "options"),
    [
        (RGB, Channels.GRAY, np.uint8, "--channels GRAY"),
        (THERMAL, Channels.GRAY, np.uint8, "--channels GRAY"),
        (GRAY, Channels.BGR, np.uint8, "--channels BGR"),
        (RGB, Channels.GRAY, np.uint16, "--channels GRAY --dtype uint16 --value-range LO,HI"),
    ],
)
def test_the_message_names_the_export(spec, channels, dtype, options):
    why = misfit_format(channels, np.dtype(dtype), None, spec)
    assert why is not None
    assert "; set pixel_format, or build the bundle again" in why
    assert why.endswith(f"goodpart-export {options}")
