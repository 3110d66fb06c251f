"""`goodpart-quantize`: an ordinary backbone comes out, what it costs is measured, and what cannot work is refused."""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from goodpart._host.machine import cpu_name
from goodpart.errors import ExportError
from goodpart.facts.spec import Precision
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from goodpart.model.onnx_facts import METADATA_KEY
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from goodpart_export import quantize_backbone
from goodpart_export.cli import export as cli
from goodpart_export.cli.quantize import main
from goodpart_export.quantize.int8_cpu import int8_instructions
from goodpart_export.quantize.quantize import LIMIT
from goodpart_export.quantize.shift import Measured, shift_between
from small_parts import GRAY, RGB, THERMAL, TINY, draw_blotched, draw_good, unit_vectors

# all that can be quantized, and what is behind it: neighbours averaged, coarser features enlarged
WHOLE = dataclasses.replace(
    TINY, name="whole", stages=("layer1", "layer2", "layer3"), grid="layer2", neighbourhood=3, smoothing=1.0
)


@pytest.fixture(scope="module")
def blotched(tmp_path_factory) -> Path:
    """12 washers that differ from each other."""
    folder = tmp_path_factory.mktemp("blotched")
    for seed in range(12):
        cv2.imwrite(str(folder / f"{seed:02}.png"), draw_blotched(seed)[:, :, ::-1])
    return folder


@pytest.fixture(scope="module")
def whole(export_tiny) -> Path:
    return export_tiny(profile=WHOLE)


@pytest.fixture(scope="module")
def int8(whole, blotched, tmp_path_factory):
    """The quantized backbone and its report."""
    out = tmp_path_factory.mktemp("int8") / "int8.onnx"
    return out, quantize_backbone(whole, blotched, out, shift_limit=1.0)


def convolutions(path: Path, *, after: str) -> list[bool]:
    """Of every convolution, in order, whether its input comes from an operator of this kind."""
    graph = onnx.load(path).graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    return [made_by.get(node.input[0]) == after for node in graph.node if node.op_type == "Conv"]


def test_it_is_an_ordinary_backbone_that_says_int8(int8, whole):
    out, report = int8
    found, source = Backbone.load(out).spec, Backbone.load(whole).spec
    assert found == dataclasses.replace(source, precision=Precision.INT8) == report.backbone
    assert source.precision is Precision.FLOAT32
    assert sorted(path.name for path in out.parent.iterdir()) == ["int8.onnx", "int8.report.json"]
    assert report.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert report.float32_sha256 == hashlib.sha256(whole.read_bytes()).hexdigest()
    assert out.stat().st_size < 0.4 * whole.stat().st_size


def test_embeddings_stay_close(int8, whole):
    frame = draw_blotched(99)
    before, after = Backbone.load(whole).embed(frame), Backbone.load(int8[0]).embed(frame)
    assert ((before * after).sum(axis=1) > 0.98).all()
    assert not np.array_equal(before, after)


def test_a_bundle_can_be_built_with_it(int8, blotched, tmp_path, capsys):
    from goodpart.cli.main import main as goodpart_main

    build_bundle(BuildSettings(good_dir=blotched, backbone=int8[0], out=tmp_path / "washer", false_reject_rate=0.2))
    Inspector.load(tmp_path / "washer").self_test()
    assert goodpart_main(["info", str(tmp_path / "washer")]) == 0
    assert "precision   int8" in capsys.readouterr().out


def test_what_is_behind_the_network_stays_float(int8):
    quantized = convolutions(int8[0], after="DequantizeLinear")
    assert quantized == [True] * (len(quantized) - 1) + [False], "only the average of neighbours stays float"
    assert len(quantized) == 1 + 3 * 4 + 2 + 1


def test_nothing_of_the_machine_is_in_the_file(int8):
    model = onnx.load(int8[0])
    assert [entry.key for entry in model.metadata_props] == [METADATA_KEY]
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18}
    assert str(Path.cwd()).encode() not in int8[0].read_bytes()
    assert b"/tmp" not in int8[0].read_bytes()
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_same_inputs_give_same_bytes_in_another_process(int8, whole, blotched, tmp_path):
    out = tmp_path / "int8.onnx"
    code = "import sys; from goodpart_export.cli.quantize import main; sys.exit(main(sys.argv[1:]))"
    command = [str(whole), "--images", str(blotched), "--out", str(out), "--shift-limit", "1"]
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", code, *command, "--force"], check=True, env=environment, cwd=tmp_path)
        assert out.read_bytes() == int8[0].read_bytes()
        assert out.with_name("int8.report.json").read_bytes() == int8[0].with_name("int8.report.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["int8.onnx", "int8.report.json"]


def test_blocks_stay_float_from_the_front_until_scores_move_little(int8, whole, blotched, tmp_path):
    first = int8[1].attempts[0].shift.score_mean
    report = quantize_backbone(whole, blotched, tmp_path / "b.onnx", shift_limit=0.8 * first)
    names = report.blocks
    assert names == ("stem", "layer1.0", "layer1", "layer2.0", "layer2", "layer3.0", "layer3")
    assert [attempt.float_blocks for attempt in report.attempts] == [
        names[:count] for count in range(len(report.attempts))
    ]
    assert all(attempt.shift.score_mean > 0.8 * first for attempt in report.attempts[:-1])
    assert report.attempts[-1].shift.score_mean <= 0.8 * first
    # the stem has one convolution, and layer1.0 two
    front = {1: 1, 2: 3, 3: 5, 4: 8, 5: 10, 6: 13}[len(report.attempts) - 1]
    quantized = convolutions(tmp_path / "b.onnx", after="DequantizeLinear")
    assert quantized == [False] * front + [True] * (len(quantized) - front - 1) + [False]


def test_a_shift_that_cannot_be_had_is_refused(whole, blotched, tmp_path):
    with pytest.raises(ExportError, match="expected scores to change by at most 1e-09 sigmas"):
        quantize_backbone(whole, blotched, tmp_path / "b.onnx", shift_limit=1e-9)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["GRAY", "uint16"])
def test_other_frames_are_quantized_too(export_tiny, tmp_path, name):
    spec = {"GRAY": GRAY, "uint16": THERMAL}[name]
    backbone = export_tiny(frame=spec)
    for seed in range(6):
        frame = draw_blotched(seed)[:, :, 0].astype(spec.dtype.value)
        np.save(tmp_path / f"{seed}.npy", frame * (20 if spec is THERMAL else 1))
    report = quantize_backbone(backbone, tmp_path, tmp_path / "out" / "b.onnx", shift_limit=1.0)
    assert report.calibration_images == 4
    assert report.attempts[-1].shift.images == 2
    assert Backbone.load(tmp_path / "out" / "b.onnx").spec.frame == spec


def test_7_bit_weights_have_7_bits(tiny_backbone, blotched, tmp_path):
    out = tmp_path / "b.onnx"
    quantize_backbone(tiny_backbone, blotched, out, shift_limit=1.0, reduce_range=True)
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(out).graph.initializer]
    assert max(np.abs(w.astype(int)).max() for w in weights if w.dtype == np.int8 and w.ndim == 4) <= 64


def run(backbone: Path, images: Path, out: Path, *options: str) -> int:
    return main([str(backbone), "--images", str(images), "--out", str(out), "--shift-limit", "1", *options])


def test_the_command_line_says_what_it_costs_and_gives(whole, blotched, tmp_path, capsys):
    assert run(whole, blotched, tmp_path / "b.onnx") == 0
    printed = capsys.readouterr()
    assert "int8       throughout, weights of 8 bits" in printed.out
    assert "measured   on 4 good images; 8 others set the ranges" in printed.out
    assert "times as fast" in printed.out
    assert f"this CPU   {cpu_name()}" in printed.out
    progress = [line for line in printed.err.splitlines() if not line.startswith("warning: ")]
    assert progress == [
        "measuring float32: 12 images",
        "calibrating: 8 images",
        "measuring int8 throughout: 12 images",
    ]


def test_json_is_the_report_and_this_cpu(whole, blotched, tmp_path, capsys):
    assert run(whole, blotched, tmp_path / "b.onnx", "--json", "--calibration-images", "6", "--seed", "3") == 0
    printed = json.loads(capsys.readouterr().out)
    here = printed.pop("this_cpu")
    assert printed == json.loads((tmp_path / "b.report.json").read_text())
    assert (printed["calibration_images"], printed["seed"], printed["attempts"][-1]["shift"]["images"]) == (6, 3, 6)
    assert set(here) == {"cpu", "instructions", "float32_ms", "int8_ms", "speedup"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--calibration-images", "3"], "--calibration-images: expected at least 4, found 3"),
        (["--shift-limit", "0"], "--shift-limit: expected more than 0 and at most 1 sigma, found 0"),
        (["--shift-limit", "nan"], "--shift-limit: expected more than 0 and at most 1 sigma, found nan"),
        (["--seed", "-1"], "--seed: expected 0 or more, found -1"),
    ],
)
def test_values_out_of_range_are_usage_errors(tiny_backbone, blotched, tmp_path, capsys, options, words):
    assert run(tiny_backbone, blotched, tmp_path / "b.onnx", *options) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"goodpart-quantize: {words}")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_quantized_is_refused(tiny_backbone, int8, blotched, tmp_path, capsys):
    few = tmp_path / "few"
    few.mkdir()
    for seed in range(5):
        cv2.imwrite(str(few / f"{seed}.png"), draw_good(seed))
    (tmp_path / "broken").mkdir()
    for seed in range(6):
        (tmp_path / "broken" / f"{seed}.png").write_bytes(b"no picture")
    (tmp_path / "no.onnx").write_bytes(b"no model")
    cases = [
        (tiny_backbone, tmp_path / "nowhere", 2, "expected a folder of images, found nothing"),
        (tiny_backbone, few, 2, "expected at least 6 images, found 5"),
        (tiny_backbone, tmp_path / "broken", 4, "expected"),
        (int8[0], blotched, 2, "expected a float32 backbone, found int8"),
        (tmp_path / "absent.onnx", blotched, 2, "expected a backbone file, found none"),
        (tmp_path / "no.onnx", blotched, 3, "expected an ONNX model"),
    ]
    for backbone, images, code, words in cases:
        assert run(backbone, images, tmp_path / "out.onnx") == code
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("goodpart-quantize: ")
        assert words in error
        assert not (tmp_path / "out.onnx").exists()


def test_existing_files_are_kept_unless_forced_and_the_source_always(tiny_backbone, blotched, tmp_path, capsys):
    source = Path(shutil.copy(tiny_backbone, tmp_path / "float.onnx"))
    before = source.read_bytes()
    out = tmp_path / "b.onnx"
    out.write_bytes(b"mine")
    assert run(source, blotched, out) == 2
    assert "--force" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    assert run(source, blotched, source, "--force") == 2
    assert "expected another file than the float32 backbone" in capsys.readouterr().err
    assert run(source, blotched, out, "--force") == 0
    assert Backbone.load(out).spec.precision is Precision.INT8
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("listing", "found"),
    [
        ("flags\t\t: fpu avx2 avx512_vnni avx_vnni\n", ("avx512_vnni", "avx_vnni")),
        ("flags\t\t: fpu avx2\n", ()),
        ("Features\t: fp asimd asimddp i8mm\n", ("asimddp", "i8mm")),
        ("processor\t: 0\n", None),
    ],
)
def test_the_kernel_says_what_a_cpu_has(tmp_path, listing, found):
    path = tmp_path / "cpuinfo"
    path.write_text(listing)
    assert int8_instructions(path) == found
    assert int8_instructions(tmp_path / "absent") is None


def test_no_change_is_no_shift_and_a_change_of_scale_neither():
    embeddings = unit_vectors(5, 30, 16)
    same = Measured.of(embeddings, references=3, seed=0)
    shift = shift_between(same, same, TINY)
    assert (shift.images, shift.score_mean, shift.image_score_max) == (2, 0.0, 0.0)
    assert shift.cosine_mean == pytest.approx(0.0, abs=1e-6)
    wider = dataclasses.replace(same, distances=3.0 * same.distances + 0.1)
    assert shift_between(same, wider, TINY).score_mean == pytest.approx(0.0, abs=1e-9)
    moved = same.distances.copy()
    moved[0, 0] += 1.0
    assert shift_between(same, dataclasses.replace(same, distances=moved), TINY).image_score_max > 1.0


@pytest.mark.real
def test_real_tiles_keep_their_scores(real_data, real_weights, tmp_path, capsys):
    """Every tenth tile: a third of them set the ranges, and the others measure the shift."""
    images, source, out = tmp_path / "good", tmp_path / "tile.onnx", tmp_path / "int8.onnx"
    images.mkdir()
    for path in find_images(real_data / "magnetic_tile" / "train" / "good")[::10]:
        (images / path.name).symlink_to(path.resolve())
    assert cli.main(["--weights", str(real_weights), "--size", "240x208", "--out", str(source)]) == 0
    shift = quantize_backbone(source, images, out, calibration_images=10).attempts[-1].shift
    assert shift.score_mean <= LIMIT
    assert shift.cosine_mean < 0.05 * shift.patch_distance
    frame = read_image(find_images(images)[0], RGB)
    before, after = Backbone.load(source).embed(frame), Backbone.load(out).embed(frame)
    assert (before * after).sum(axis=1).mean() > 0.998
