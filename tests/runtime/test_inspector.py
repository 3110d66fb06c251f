"""The facade: verdicts, scores and maps of a small real bundle."""

import goodpart
from small_parts import draw_defect, draw_good


def test_good_part_is_good_and_defect_is_defect(inspector):
    assert inspector.inspect(draw_good(1000)).verdict is goodpart.Verdict.GOOD
    assert inspector.inspect(draw_defect(1000)).verdict is goodpart.Verdict.DEFECT
