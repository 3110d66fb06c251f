"""A backbone that is not there is a wrong path, exit code 2, and not a refused bundle."""

import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.model.backbone import Backbone
from goodpart_bank_builder.cli.main import main
from small_frames import draw_small


@pytest.mark.parametrize("name", ["none.onnx", ".", "none/none.onnx"])
def test_it_is_an_error_of_usage(tmp_path, name):
    with pytest.raises(UsageError, match="expected a backbone file, found none"):
        Backbone.load(tmp_path / name)


def test_build_ends_with_exit_code_2(tmp_path, capsys):
    (tmp_path / "good").mkdir()
    for number in range(16):
        np.save(tmp_path / "good" / f"{number:02}.npy", draw_small(number))
    arguments = [
        "--backbone",
        str(tmp_path / "none.onnx"),
        "--out",
        str(tmp_path / "out"),
        "--false-reject-rate",
        "0.1",
    ]
    assert main(["build", str(tmp_path / "good"), *arguments]) == 2
    assert "none.onnx: expected a backbone file, found none" in capsys.readouterr().err
