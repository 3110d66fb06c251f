"""The export's command line: what it prints, what it replaces, and which options cannot work."""

import importlib.metadata
import json

import pytest

import goodpart_export
from goodpart.errors import UsageError
from goodpart.facts.spec import Roi
from goodpart.model.backbone import Backbone
from goodpart_export import export_backbone, load_weights
from goodpart_export.cli.export import main
from goodpart_export.trunk import grid_of
from small_parts import RGB, TINY


def test_an_existing_file_is_kept_unless_forced(tmp_path):
    out = tmp_path / "b.onnx"
    out.write_bytes(b"mine")
    network, weights = load_weights("untrained", stages=TINY.stages)
    with pytest.raises(UsageError, match="--force"):
        export_backbone(network, out, profile=TINY, frame=RGB, weights=weights)
    assert out.read_bytes() == b"mine"
    export_backbone(network, out, profile=TINY, frame=RGB, weights=weights, force=True)
    assert Backbone.load(out).spec.grid == grid_of(TINY)


@pytest.mark.parametrize("text", ["my notes", "[1, 2]", '{"file": "b.onnx"}'])
def test_a_report_that_is_not_ours_is_kept_unless_forced(tmp_path, capsys, text):
    out, notes = tmp_path / "b.onnx", tmp_path / "b.report.json"
    notes.write_text(text)
    command = ["--weights", "untrained", "--size", "64x64", "--out", str(out)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "b.report.json: expected a new file, found an existing one" in error
    assert "--force" in error
    assert not out.exists()
    assert notes.read_text() == text
    assert main([*command, "--force"]) == 0
    assert json.loads(notes.read_text())["file"] == "b.onnx"


def test_a_report_left_of_an_earlier_backbone_is_replaced(tmp_path, capsys):
    out, report = tmp_path / "b.onnx", tmp_path / "b.report.json"
    command = ["--weights", "untrained", "--size", "64x64"]
    assert main([*command, "--out", str(out)]) == 0
    before = report.read_bytes()
    assert main([*command, "--out", str(tmp_path / "b.model")]) == 2, "its report would replace that of b.onnx"
    assert report.read_bytes() == before
    out.unlink()
    assert main([*command, "--out", str(out)]) == 0
    assert report.read_bytes() == before


@pytest.mark.parametrize("name", ["b.onnx", "b.report.json"])
def test_a_folder_is_never_replaced(tmp_path, capsys, name):
    (tmp_path / name).mkdir()
    assert main(["--weights", "untrained", "--out", str(tmp_path / "b.onnx"), "--force"]) == 2
    assert f"{name}: expected a new file, found a folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_version_is_the_installed_one(capsys, monkeypatch):
    installed = importlib.metadata.version("goodpart-export")
    assert goodpart_export.__version__ == installed
    for version in (installed, "9.8.7"):
        monkeypatch.setattr(importlib.metadata, "version", lambda name, told=version: told)
        with pytest.raises(SystemExit) as stop:
            main(["--version"])
        assert stop.value.code == 0
        assert capsys.readouterr().out == f"goodpart-export {version}\n"


def test_the_command_line_prints_reduction_and_parity(tmp_path, capsys):
    out = tmp_path / "b.onnx"
    command = ["--weights", "untrained", "--size", "64x64", "--frame-size", "640x960", "--out", str(out)]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "one input pixel covers 10 x 15 frame pixels if 640x960 are inspected" in text
    assert "parity" in text
    assert "UNTRAINED" in text
    assert Backbone.load(out).spec.grid.patches == 64
    assert Backbone.load(out).spec.profile.name == "default"


def test_the_command_line_takes_thermal_cameras_with_a_region(tmp_path, capsys):
    out = tmp_path / "b.onnx"
    camera = ["--channels", "GRAY", "--dtype", "uint16", "--value-range", "1000,5000", "--roi", "4,8,128,64"]
    assert main(["--weights", "untrained", "--size", "64x64", "--out", str(out), "--json", *camera]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["reductions"] == [{"height_px": 128, "width_px": 64, "frame_pixels_per_input_pixel": [2.0, 1.0]}]
    spec = Backbone.load(out).spec.frame
    assert spec.value_range == (1000, 5000)
    assert spec.roi == Roi(y_px=4, x_px=8, height_px=128, width_px=64)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dtype", "uint16"], "uint16 goes with GRAY only"),
        (["--dtype", "uint16", "--channels", "GRAY"], "LO < HI"),
        (["--value-range", "1,2"], "expected none for uint8"),
        (["--size", "50x50"], "multiples of 16"),
        (["--profile", "nonsense"], "expected one of"),
        (["--roi", "0,0,0,5"], "roi"),
        (["--seed", "-1"], "--seed: expected 0 to 4294967295, found -1"),
        (["--seed", "4294967296"], "--seed: expected 0 to 4294967295, found 4294967296"),
    ],
)
def test_options_that_cannot_work_are_usage_errors(tmp_path, capsys, options, words):
    out = tmp_path / "b.onnx"
    assert main(["--weights", "untrained", "--out", str(out), *options]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
