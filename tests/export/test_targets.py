"""What goodpart-export and goodpart-quantize write is tried before any long work."""

import pytest

from goodpart_export.cli import export, quantize


@pytest.mark.parametrize("folder", ["a_file", "a_file/deeper", "/proc/nowhere"])
def test_a_place_that_takes_no_file_is_refused_before_weights_are_loaded(tmp_path, folder, capsys):
    (tmp_path / "a_file").write_bytes(b"mine")
    out = tmp_path / folder / "b.onnx"
    assert export.main(["--weights", str(tmp_path / "no_weights.pth"), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"goodpart-export: {out}: expected a place that can be written, found none")
    assert error.count("\n") == 1


def test_quantize_refuses_it_before_the_backbone_is_loaded(tmp_path, capsys):
    (tmp_path / "a_file").write_bytes(b"mine")
    out = tmp_path / "a_file" / "b.onnx"
    assert quantize.main([str(tmp_path / "none.onnx"), "--images", str(tmp_path), "--out", str(out)]) == 2
    assert "expected a place that can be written" in capsys.readouterr().err


@pytest.mark.parametrize("program", [export, quantize])
def test_without_arguments_help_is_shown(program, capsys):
    assert program.main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: goodpart-")
    assert "--traceback" in printed.err
