"""Masked arrays are refused, and a frame is judged while another thread imports their module."""

import sys
import types

import numpy as np
import pytest

from goodpart.errors import FrameError
from small_frames import draw_small
from small_parts import RGB


def test_a_frame_passes_while_another_thread_is_importing_masked_arrays(monkeypatch):
    """Its module is then known and has no class yet: seen in builds with several threads."""
    monkeypatch.setitem(sys.modules, "numpy.ma", types.ModuleType("numpy.ma"))
    frame = draw_small(0)
    assert RGB.check(frame) is frame


def test_a_masked_array_is_refused():
    with pytest.raises(FrameError, match="found MaskedArray"):
        RGB.check(np.ma.masked_array(draw_small(0)))
