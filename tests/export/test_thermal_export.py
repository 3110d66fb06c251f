"""The profile for thermograms: what the graph gives besides, what the export implies, what it refuses."""

import dataclasses
import json

import cv2
import numpy as np
import onnxruntime
import pytest
import torch

from goodpart.facts.excess import ExcessRule
from goodpart.facts.spec import Channels, PixelType, Roi
from goodpart.model.backbone import Backbone
from goodpart.model.onnx_facts import INPUT
from goodpart_export import choose_range, load_profile, quantize_backbone
from goodpart_export.cli.export import main
from goodpart_export.prologue import PIXELS, make_prologue
from small_parts import THERMAL, TINY, draw_good

RULE = ExcessRule(percentile=97.0, factor=4.0)
WARM = dataclasses.replace(
    TINY, name="warm", stages=("layer1", "layer2"), grid="layer2", neighbourhood=3, excess=RULE, top_share=0.02
)
NUMBERS = dataclasses.replace(THERMAL, value_range=(0, 65535))


def draw_counts(seed, *, height_px=90, width_px=70, hot=None):
    frame = draw_good(seed, height_px, width_px)[:, :, 0].astype(np.uint16) * 16 + 1000
    if hot is not None:
        frame[40:44, 30:34] = hot
    return frame


@pytest.fixture
def counts(tmp_path):
    """Twelve thermograms as 16-bit PNG."""
    folder = tmp_path / "good"
    folder.mkdir()
    for seed in range(12):
        cv2.imwrite(str(folder / f"{seed:02}.png"), draw_counts(seed))
    return folder


@pytest.fixture
def warm_profile(tmp_path):
    """The shipped profile with a small input, so that the export is quick."""
    from importlib import resources

    plain = json.loads(resources.files("goodpart_export.profiles").joinpath("thermal.json").read_bytes())
    path = tmp_path / "warm.json"
    path.write_text(json.dumps({**plain, "input_height_px": 64, "input_width_px": 48}))
    return str(path)


@pytest.fixture
def export(tmp_path, warm_profile):
    def run(*options):
        out = tmp_path / "b.onnx"
        return main(["--weights", "untrained", "--profile", warm_profile, "--out", str(out), *options]), out

    return run


@pytest.mark.parametrize("roi", [None, Roi(y_px=7, x_px=5, height_px=66, width_px=50)])
def test_the_second_output_is_torchs_max_pool_of_raw_values(roi):
    frame = draw_counts(3, hot=60_000)
    spec = dataclasses.replace(THERMAL, roi=roi)
    model = make_prologue(spec, height_px=64, width_px=48, ir_version=10, cell_px=8).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    hottest, pixels = session.run(["hottest", PIXELS], {INPUT: frame})
    seen = frame if roi is None else frame[7:73, 5:55]
    raw = torch.nn.functional.interpolate(
        torch.from_numpy(seen.astype(np.float32))[None, None],
        size=(64, 48),
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )
    wanted = torch.nn.functional.max_pool2d(raw, 8).numpy().ravel()
    np.testing.assert_allclose(hottest, wanted, rtol=1e-5)
    assert hottest.max() > 20_000 > THERMAL.value_range[1]
    np.testing.assert_allclose(pixels[0, 0], ((raw[0, 0].numpy() - 1000) * 255 / 4000).clip(0, 255), atol=0.02)


def test_an_exported_backbone_gives_one_value_for_each_patch(export_tiny):
    backbone = Backbone.load(export_tiny(profile=WARM, frame=THERMAL))
    seen = backbone.see(draw_counts(3, hot=9000))
    assert seen.embeddings.shape == (48, 192)
    assert seen.hottest.shape == (48,)
    # the spot covers rows 40 to 43 of 90 and columns 30 to 33 of 70: input rows 28 to 31, columns 21 to 23
    assert seen.hottest.argmax() == 3 * 6 + 2
    plain = Backbone.load(export_tiny(profile=dataclasses.replace(WARM, excess=None), frame=THERMAL))
    assert plain.see(draw_counts(3)).hottest is None


def test_quantizing_keeps_the_values_to_the_bit(export_tiny, counts, tmp_path):
    source, out = export_tiny(profile=WARM, frame=THERMAL), tmp_path / "int8.onnx"
    quantize_backbone(source, counts, out, shift_limit=1.0)
    before, after = (Backbone.load(path).see(draw_counts(99, hot=7000)) for path in (source, out))
    np.testing.assert_array_equal(before.hottest, after.hottest)
    assert (before.embeddings != after.embeddings).any()


def test_the_profile_implies_the_frame(export, counts, capsys):
    code, out = export("--images", str(counts))
    assert code == 0
    captured = capsys.readouterr()
    spec = Backbone.load(out).spec
    low, high = spec.frame.value_range
    assert (spec.frame.channels, spec.frame.dtype) == (Channels.GRAY, PixelType.UINT16)
    assert f"value range {low},{high} chosen: percentiles 0.1 and 99.9 of the pixels of 12 images" in captured.err
    assert f"values {low} to {high} from black to white" in captured.out
    pixels = np.sort(np.concatenate([draw_counts(seed).ravel() for seed in range(12)]))
    assert low == pixels[round(0.001 * pixels.size)]
    assert high == pixels[round(0.999 * pixels.size)]
    report = json.loads(out.with_name("b.report.json").read_text())
    assert report["range_choice"]["low"] == low
    assert report["backbone"]["profile"]["excess"] == {"percentile": 97.0, "factor": 4.0}


def test_given_options_win(export, tmp_path):
    code, out = export("--value-range", "1000,5000")
    assert code == 0
    assert Backbone.load(out).spec.frame.value_range == (1000, 5000)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--value-range auto: expected --images GOOD_DIR beside it"),
        (["--dtype", "uint8"], "expected uint16 GRAY frames"),
        (["--dtype", "uint8"], "palettes have lost how much hotter a place is"),
        (["--channels", "RGB"], "expected uint16 GRAY frames, linear in counts or temperature, found uint16 RGB"),
        (["--value-range", "nan"], "or give auto, with --images"),
        (["--value-range", "1,5", "--images", "photos"], "--images: expected --size auto beside it"),
    ],
)
def test_what_cannot_work_is_refused(export, capsys, options, words):
    try:
        code, out = export(*options)
    except SystemExit as stop:
        code, out = stop.code, None
    assert code == 2
    assert words in capsys.readouterr().err
    assert out is None or not out.exists()


def test_a_range_for_any_profile(counts, tmp_path, capsys):
    command = ["--weights", "untrained", "--size", "64x48", "--out", str(tmp_path / "b.onnx"), "--images", str(counts)]
    assert main([*command, "--dtype", "uint16", "--channels", "GRAY", "--value-range", "auto"]) == 0
    assert Backbone.load(tmp_path / "b.onnx").spec.frame.value_range is not None
    capsys.readouterr()
    assert main([*command, "--value-range", "auto", "--force"]) == 2
    assert "--value-range auto: expected --dtype uint16 beside it" in capsys.readouterr().err


def test_a_range_of_images_that_are_all_alike(tmp_path):
    cv2.imwrite(str(tmp_path / "one.png"), np.full((20, 20), 700, np.uint16))
    with pytest.raises(Exception, match="found nearly all pixels at 700"):
        choose_range(tmp_path, NUMBERS)


def test_a_few_dead_pixels_do_not_stretch_the_range(counts):
    before = choose_range(counts, NUMBERS)
    frame = draw_counts(0)
    frame[0, :2], frame[1, :2] = 0, 65535
    cv2.imwrite(str(counts / "00.png"), frame)
    after = choose_range(counts, NUMBERS)
    assert (after.least, after.most) == (0, 65535)
    assert abs(after.low - before.low) < 30
    assert abs(after.high - before.high) < 30


def test_all_unfit_images_are_named_at_once(export, counts, capsys):
    for name in ("03.png", "07.png"):
        cv2.imwrite(str(counts / name), np.zeros((90, 70, 3), np.uint8) + 9)
    (counts / "11.png").write_bytes(b"no picture")
    code, out = export("--images", str(counts))
    assert code == 4
    lines = [line for line in capsys.readouterr().err.splitlines() if "goodpart-export: " in line]
    assert [line.split(": ")[1].rpartition("/")[2] for line in lines] == ["03.png", "07.png", "11.png"]
    assert not out.exists()


def test_what_ships():
    shipped = load_profile("thermal")
    assert shipped.excess == RULE
    assert shipped.head is None
    assert shipped.top_k(24 * 32) == 2
    assert load_profile("default").excess is load_profile("paper").excess is None
    assert load_profile("paper").head is None
