"""Frame pixels per input pixel: one length, one wording."""

import pytest

from goodpart.facts.reduction import describe_reduction, frame_pixels_per_input_pixel


@pytest.mark.parametrize(
    ("inspected_px", "input_px", "words"),
    [
        ((450, 450), (288, 288), "one input pixel covers 1.56 x 1.56 frame pixels"),
        ((640, 960), (64, 64), "one input pixel covers 10 x 15 frame pixels"),
        ((100, 100), (256, 256), "one input pixel covers 0.39 x 0.39 frame pixels"),
    ],
)
def test_it_is_told_as_a_length_rows_before_columns(inspected_px, input_px, words):
    frame_pixels = frame_pixels_per_input_pixel(inspected_px, input_px)
    assert describe_reduction(frame_pixels) == words
    height_px, width_px = inspected_px
    assert (
        describe_reduction(frame_pixels, inspected_px=inspected_px)
        == f"{words} if {height_px}x{width_px} are inspected"
    )
