"""What a console shows of the large objects is one short line without arrays, bytes or lists of scores."""

import re
from pathlib import Path

import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.inspector import Inspector

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1"


@pytest.fixture(scope="module")
def inspector():
    with Inspector.load(FORMAT_1, threads=1) as loaded:
        yield loaded


def test_reprs_are_short(inspector):
    bundle = read_bundle(FORMAT_1, keep=True)
    for thing in (inspector, inspector.backbone, inspector.bank, inspector.calibration, inspector.bundle, bundle):
        text = repr(thing)
        assert text.startswith(type(thing).__name__ + "(")
        assert len(text) < 160
        assert not re.search(r"[\n\[]|array|b'", text)


def test_they_say_what_one_wants_to_know(inspector):
    assert repr(inspector) == f"Inspector(bar, 32x32 input, threshold {inspector.threshold:.4g}, 1 thread)"
    assert repr(inspector.backbone) == "Backbone(small, 32x32 input, 8x8 patches of 8 values, float32, 1 thread)"
    assert repr(inspector.bank) == "Bank(300 vectors of 8 values, K = 3, graph search)"
    assert repr(inspector.bundle) == f"Bundle(bar, serial 7, digest {inspector.bundle.digest[:12]})"
    assert repr(inspector.calibration).startswith("Calibration(cross-conformal, 16 parts, mean 0.0004588, ")


def test_a_closed_one_has_a_repr_too():
    inspector = Inspector.load(FORMAT_1, threads=1)
    inspector.close()
    assert repr(inspector).startswith("Inspector(bar, ")
    assert repr(inspector.bank).startswith("Bank(")
