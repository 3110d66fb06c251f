"""Ten ways to be wrong at the command line: each one clear line, and the right exit code."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from goodpart.cli.main import main as goodpart
from goodpart_bank_builder.cli.main import main as goodpart_bank
from goodpart_export.cli.export import main as goodpart_export
from small_parts import TINY, draw_good


@pytest.fixture
def frame_file(tmp_path):
    def save(frame: np.ndarray) -> str:
        np.save(tmp_path / "frame.npy", frame)
        return str(tmp_path / "frame.npy")

    return save


@pytest.fixture
def expect_one_line(capsys):
    def check(code: int, expected: int, *words: str) -> None:
        captured = capsys.readouterr()
        assert code == expected, captured.err
        lines = [line for line in captured.err.splitlines() if line.startswith("goodpart")]
        assert "Traceback" not in captured.err
        matching = [line for line in lines if all(word in line for word in words)]
        assert len(matching) == 1, captured.err

    return check


def build(good: Path, backbone: Path, out: Path, *options: str) -> int:
    return goodpart_bank(["build", str(good), "--backbone", str(backbone), "--out", str(out), *options])


def test_missing_folder(tiny_backbone, tmp_path, expect_one_line):
    expect_one_line(
        build(tmp_path / "none", tiny_backbone, tmp_path / "out"), 2, "none", "expected a folder", "nothing"
    )


def test_empty_folder(tiny_backbone, tmp_path, expect_one_line):
    (tmp_path / "empty").mkdir()
    expect_one_line(build(tmp_path / "empty", tiny_backbone, tmp_path / "out"), 2, "empty", "expected images", "none")


def test_unreadable_image(tiny_backbone, tmp_path, expect_one_line):
    (tmp_path / "good").mkdir()
    for number in range(30):
        (tmp_path / "good" / f"{number:02}.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    code = build(tmp_path / "good", tiny_backbone, tmp_path / "out")
    expect_one_line(code, 4, "17.png", "expected", "truncated")  # a line for each of them


def test_frame_of_another_dtype(built_bundle, frame_file, expect_one_line):
    code = goodpart(["score", str(built_bundle), frame_file(draw_good(0).astype(np.uint16))])
    expect_one_line(code, 4, "frame.npy", "expected uint8 RGB", "uint16")


def test_frame_of_another_channel_count(built_bundle, frame_file, expect_one_line):
    code = goodpart(["score", str(built_bundle), frame_file(draw_good(0)[:, :, :2])])
    expect_one_line(code, 4, "frame.npy", "(H, W, 3)", "(90, 70, 2)")


def test_nan_frame(built_bundle, frame_file, expect_one_line):
    frame = draw_good(0).astype(np.float32)
    frame[5, 5, 0] = np.nan
    expect_one_line(goodpart(["score", str(built_bundle), frame_file(frame)]), 4, "frame.npy", "NaN")


def test_bundle_without_manifest(bundle, expect_one_line):
    (bundle / "manifest.json").unlink()
    expect_one_line(goodpart(["verify", str(bundle)]), 3, "manifest.json", "expected a file", "none")


@pytest.mark.parametrize("name", ["backbone.onnx", "bank.hnsw", "calibration.json", "manifest.json", "golden/000.npy"])
def test_bundle_with_a_flipped_byte(bundle, expect_one_line, name):
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    expect_one_line(goodpart(["verify", str(bundle)]), 3, name, "expected sha256")


def test_bundle_with_a_backbone_of_another_width(bundle, tmp_path, expect_one_line):
    profile = tmp_path / "wide.json"
    facts = {"name": "wide", "stages": ["layer2"], "grid": "layer2", "neighbourhood": 1}
    rest = {"input_height_px": 64, "input_width_px": 48, "neighbours": TINY.neighbours, "top_share": TINY.top_share}
    bank = {"coreset": "greedy", "bank_vectors": 400, "smoothing": 0}
    profile.write_text(json.dumps({**facts, **rest, **bank, "index": dataclasses.asdict(TINY.index)}))
    wide = tmp_path / "wide.onnx"
    assert goodpart_export(["--weights", "untrained", "--profile", str(profile), "--out", str(wide)]) == 0
    (bundle / "backbone.onnx").write_bytes(wide.read_bytes())
    # with repaired hashes, so that the check behind them is reached
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["backbone.onnx"] = {
        "size_bytes": wide.stat().st_size,
        "sha256": hashlib.sha256(wide.read_bytes()).hexdigest(),
    }
    text = json.dumps(manifest).encode()
    (bundle / "manifest.json").write_bytes(text)
    (bundle / "manifest.sha256").write_text(hashlib.sha256(text).hexdigest() + "\n")
    expect_one_line(goodpart(["verify", str(bundle)]), 3, "backbone.onnx", "dimension=64", "dimension=128")


@pytest.mark.parametrize("rate", ["0", "1", "-0.1", "nan", "0.01"])
def test_false_reject_rate_out_of_range(good_dir, tiny_backbone, tmp_path, expect_one_line, rate):
    code = build(good_dir, tiny_backbone, tmp_path / "out", "--false-reject-rate", rate)
    expect_one_line(code, 2, "false-reject rate: ", "found")
    assert not os.path.exists(tmp_path / "out")
