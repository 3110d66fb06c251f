"""The benchmark of explanations: no mismatch on a small bundle, and it notices an answer that is wrong."""

import cv2
import pytest

from goodpart.scoring import explanation
from small_parts import draw_defect, draw_good


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for kind, draw in (("good", draw_good), ("block", draw_defect)):
        (folder / "test" / kind).mkdir(parents=True)
        for seed in range(3):
            cv2.imwrite(str(folder / "test" / kind / f"{seed}.png"), draw(700 + seed)[:, :, ::-1])
    return folder


def test_explain(bench, built_bundle, data):
    found = bench("explain", built_bundle, "--data", data, "--patches", 6, "--defects", 3)
    assert (found["mismatches"], found["explained"]) == (0, {"good": 6, "defective": 3})
    assert found["kept_bytes"]["good"] >= 64 * 4


def test_explain_notices_another_place(script, built_bundle, data, monkeypatch):
    right = explanation.Memory.good_patch
    monkeypatch.setattr(explanation.Memory, "good_patch", lambda memory, vector, far: right(memory, vector ^ 1, far))
    assert script("explain", built_bundle, "--data", data, "--patches", 2, "--defects", 1) == 1
