"""What an inspection of a large frame needs in memory: little beside the copy that the graph makes of it."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.facts.no_signal import SignalRule, no_signal

FIXTURES = Path(__file__).parents[1] / "fixtures"

_IN_A_CHILD = """
import resource, sys
import numpy as np
from goodpart.inspector import Inspector
inspector = Inspector.load(sys.argv[1], threads=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
frame = np.zeros((5000, 5000, 3), np.uint8)
frame[::7, ::5] = 200
print(inspector.inspect(frame).score)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 - 2 * frame.nbytes / 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is KiB on Linux only")
def test_an_inspection_takes_the_frame_twice_and_little_more():
    """No more than twice the frame, the frame itself included, and 40 MiB; casts of the whole frame took 5.5 times."""
    done = subprocess.run(
        [sys.executable, "-c", _IN_A_CHILD, str(FIXTURES / "format_1")], capture_output=True, text=True, check=True
    )
    assert float(done.stdout.split()[-1]) < 40


def needed_bytes(frame, spec, rule):
    tracemalloc.start()
    try:
        reason = no_signal(frame, spec, rule)
        return reason, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("shape", [(2000, 2000), (1, 4_000_000), (4_000_000, 1)])
def test_no_signal_looks_at_a_dark_frame_in_pieces(shape, value):
    spec = read_bundle(FIXTURES / "format_1").manifest.backbone.frame
    frame = np.zeros((*shape, 3), np.uint8)
    frame[..., 1] = value  # of one colour, or of one value
    reason, most = needed_bytes(frame, spec, SignalRule.NOISE)
    assert reason.startswith("no signal: ")
    assert most < 6e6  # the frame has 12e6


@pytest.mark.parametrize("rule", SignalRule)
def test_no_signal_looks_at_a_flat_thermogram_in_pieces(rule):
    spec = read_bundle(FIXTURES / "format_2_thermal").manifest.backbone.frame
    low, high = spec.value_range
    frame = np.random.default_rng(0).integers(0, 5, (3000, 2000), dtype=np.uint16)
    frame += (low + high) // 2
    reason, most = needed_bytes(frame, spec, rule)
    assert reason.startswith("no signal: the frame is flat")
    assert most < 9e6  # the frame has 12e6; its noise is measured on a few rows
