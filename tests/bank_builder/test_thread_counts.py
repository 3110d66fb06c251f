"""A number of threads that cannot work is wrong usage, in one line that names the range."""

from pathlib import Path

import numpy as np
import pytest

from goodpart_bank_builder.cli.main import main
from small_frames import draw_small

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1"


@pytest.mark.parametrize("threads", ["0", "-1", "257"])
def test_build_and_evaluate_refuse_it(threads, tmp_path, capsys):
    good = tmp_path / "test" / "good"
    good.mkdir(parents=True)
    for seed in range(2):
        np.save(good / f"{seed}.npy", draw_small(seed))
    backbone, out = str(FORMAT_1 / "backbone.onnx"), str(tmp_path / "bundle")
    for command in (
        ["build", str(good), "--backbone", backbone, "--out", out],
        ["evaluate", str(FORMAT_1), "--data", str(tmp_path)],
    ):
        assert main([*command, "--threads", threads]) == 2
        assert f"threads: expected 1 to 256, found {threads}" in capsys.readouterr().err
