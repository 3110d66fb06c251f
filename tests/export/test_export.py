"""The exported graph: reproducible, self-contained, equal to torch, and the same picture whatever the channel order."""

import dataclasses
import json

import cv2
import numpy as np
import onnx
import pytest
import torch

from goodpart.errors import FrameError
from goodpart.facts.spec import Channels, FrameSpec, PixelType, Roi
from goodpart.model.backbone import Backbone
from goodpart.model.onnx_facts import METADATA_KEY
from goodpart.model.onnx_guard import OPSET
from goodpart_export import load_weights
from goodpart_export.parity import LIMIT, parity_of, trial_frames
from goodpart_export.prologue import make_prologue
from goodpart_export.trunk import Trunk, grid_of
from small_parts import BGR, GRAY, RGB, THERMAL, TINY, draw_good

FRAMES = {"RGB": RGB, "BGR": BGR, "GRAY": GRAY, "uint16": THERMAL}


def pixels_of(frame, spec, height_px=64, width_px=48):
    import onnxruntime as ort

    model = make_prologue(spec, height_px=height_px, width_px=width_px, ir_version=10).SerializeToString()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"frame": np.ascontiguousarray(frame)})[0]


def test_same_inputs_give_the_same_bytes(export_tiny, exported_trunks):
    exported_trunks.clear()
    first = export_tiny().read_bytes()
    exported_trunks.clear()
    assert export_tiny().read_bytes() == first


def test_the_file_is_alone_and_without_source_paths(export_tiny):
    backbone = export_tiny()
    assert sorted(path.name for path in backbone.parent.iterdir()) == ["backbone.onnx", "backbone.report.json"]
    data = backbone.read_bytes()
    assert b".py" not in data
    assert str(backbone.parent).encode() not in data


def test_the_graph_has_the_asked_opset_and_no_external_data(tiny_backbone):
    model = onnx.load(tiny_backbone, load_external_data=False)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": OPSET}
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    onnx.checker.check_model(model, full_check=True)


def test_the_facts_travel_in_the_metadata(tiny_backbone):
    facts = {entry.key: entry.value for entry in onnx.load(tiny_backbone).metadata_props}
    assert json.loads(facts[METADATA_KEY])["profile"]["name"] == "tiny"
    spec = Backbone.load(tiny_backbone).spec
    assert (spec.grid.rows, spec.grid.columns, spec.grid.dimension) == (16, 12, 64)


def test_the_report_states_the_measured_parity(tiny_backbone):
    report = json.loads(tiny_backbone.with_name("backbone.report.json").read_text())
    assert 0 <= report["parity"] <= report["parity_limit"] == LIMIT
    assert report["size_bytes"] == tiny_backbone.stat().st_size


@pytest.mark.parametrize("name", FRAMES)
def test_torch_and_onnxruntime_agree(export_tiny, name):
    spec = FRAMES[name]
    network, _ = load_weights("untrained", stages=TINY.stages)
    prologue = make_prologue(spec, height_px=64, width_px=48, ir_version=10).SerializeToString()
    backbone = Backbone.load(export_tiny(frame=spec))
    frames = trial_frames(spec, height_px=64, width_px=48, seed=7)
    assert parity_of(backbone, prologue, Trunk(network, TINY), frames) <= LIMIT


def test_parity_notices_other_weights(export_tiny):
    network, _ = load_weights("untrained", stages=TINY.stages, seed=1)
    prologue = make_prologue(RGB, height_px=64, width_px=48, ir_version=10).SerializeToString()
    frames = trial_frames(RGB, height_px=64, width_px=48)
    assert parity_of(Backbone.load(export_tiny(seed=0)), prologue, Trunk(network, TINY), frames) > LIMIT


def test_several_stages_with_neighbourhood_agree_with_torch(export_tiny):
    profile = dataclasses.replace(
        TINY,
        name="two",
        stages=("layer2", "layer3"),
        grid="layer2",
        neighbourhood=3,
        input_height_px=64,
        input_width_px=96,
    )
    backbone = Backbone.load(export_tiny(profile=profile))  # the export itself fails beyond the limit
    embeddings = backbone.embed(draw_good(0))
    assert embeddings.shape == (8 * 12, 128 + 256)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-5)


def test_bgr_and_rgb_see_the_same_picture(export_tiny):
    frame = draw_good(0)
    rgb = Backbone.load(export_tiny(frame=RGB)).embed(frame)
    bgr = Backbone.load(export_tiny(frame=BGR)).embed(frame[:, :, ::-1])
    np.testing.assert_array_equal(rgb, bgr)


def test_gray_and_replicated_rgb_see_the_same_picture(export_tiny):
    gray = draw_good(0)[:, :, 0]
    once = Backbone.load(export_tiny(frame=GRAY)).embed(gray)
    thrice = Backbone.load(export_tiny(frame=RGB)).embed(np.repeat(gray[:, :, np.newaxis], 3, axis=2))
    np.testing.assert_allclose(once, thrice, atol=1e-6)


def test_uint16_is_scaled_by_the_declared_range_and_clipped():
    quarters = np.array([[0, 1000], [3000, 65535]], np.uint16)
    corners = pixels_of(np.kron(quarters, np.ones((32, 32), np.uint16)), THERMAL, 64, 64)[0]
    assert corners.shape == (3, 64, 64)
    np.testing.assert_allclose(corners[:, [0, 0, 63, 63], [0, 63, 0, 63]], [[0, 0, 127.5, 255]] * 3)


def test_the_resize_skips_no_pixel_of_a_large_frame():
    # a lone bright pixel anywhere in a frame ten times larger than the input must be seen
    for y, x in ((3, 3), (100, 77), (411, 333)):
        frame = np.zeros((640, 480), np.uint8)
        frame[y, x] = 255
        assert pixels_of(frame, GRAY).sum() == pytest.approx(3 * 255 / 100, rel=0.2)


@pytest.mark.parametrize("shape", [(333, 222), (320, 96), (129, 500), (64, 48), (50, 40), (1, 1)])
def test_the_resize_averages_whole_rows_and_is_then_torchs_antialiased_one(shape):
    frame = draw_good(3, *shape)
    size = max(1, shape[0] // 64)
    missing = -shape[0] % size
    whole = np.concatenate([frame, frame[shape[0] - missing :]]).astype(np.float32)
    means = whole.reshape(-1, size, *frame.shape[1:]).mean(axis=1)
    np.testing.assert_allclose(pixels_of(frame, RGB), resized_by_torch(means), atol=2e-3)


def test_16_bit_frames_are_resized_by_torchs_antialiased_resize():
    frame = draw_good(3, 333, 222)
    deep = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(0, 255), roi=None)
    found = pixels_of(frame[:, :, 1].astype(np.uint16), deep)
    expected = resized_by_torch(frame[:, :, 1:2].repeat(3, axis=2).astype(np.float32))
    np.testing.assert_allclose(found, expected, atol=2e-3)


def resized_by_torch(pixels):
    return torch.nn.functional.interpolate(
        torch.from_numpy(pixels).permute(2, 0, 1)[None], (64, 48), mode="bilinear", antialias=True
    ).numpy()


def test_a_frame_of_the_input_size_is_not_touched():
    frame = draw_good(0, 64, 48)
    np.testing.assert_array_equal(pixels_of(frame, RGB)[0], frame.transpose(2, 0, 1))


def test_the_roi_is_all_that_is_seen(export_tiny):
    roi = dataclasses.replace(RGB, roi=Roi(y_px=10, x_px=5, height_px=64, width_px=48))
    frame = draw_good(0)
    cropped = Backbone.load(export_tiny(frame=RGB)).embed(frame[10:74, 5:53])
    np.testing.assert_array_equal(Backbone.load(export_tiny(frame=roi)).embed(frame), cropped)


def test_a_frame_smaller_than_the_region_of_interest(export_tiny):
    roi = dataclasses.replace(RGB, roi=Roi(y_px=10, x_px=20, height_px=64, width_px=48))
    backbone, good = Backbone.load(export_tiny(frame=roi)), draw_good(77)
    assert backbone.embed(good[:74, :68]).shape == (192, 64)
    for small in (good[:73], good[:, :67]):
        with pytest.raises(FrameError, match=r"at least 74x68 pixels .* region of interest"):
            backbone.embed(small)


def test_height_and_width_are_free(tiny_backbone):
    backbone = Backbone.load(tiny_backbone)
    for height, width in ((1, 1), (7, 500), (300, 2)):
        assert backbone.embed(np.full((height, width, 3), 9, np.uint8)).shape == (192, 64)


def test_cv2_is_not_what_resizes():
    """The documented reason for resizing in the graph: cv2's linear resize skips pixels of a large frame."""
    frame = np.zeros((640, 480), np.uint8)
    frame[100, 77] = 255
    assert cv2.resize(frame, (48, 64), interpolation=cv2.INTER_LINEAR).sum() == 0
    assert pixels_of(frame, GRAY).sum() > 0


def test_finer_stages_are_max_pooled_onto_the_grid():
    """A single strong fine patch, as a thin crack gives it, is not averaged away."""
    profile = dataclasses.replace(TINY, stages=("layer1", "layer2"), grid="layer2")
    network, _ = load_weights("untrained", stages=profile.stages)
    found = torch.zeros(1, 1, 4, 4)
    found[0, 0, 1, 2] = 1.0
    pooled = Trunk(network, profile)._on_grid("layer1", found)
    torch.testing.assert_close(pooled[0, 0], torch.tensor([[0.0, 1.0], [0.0, 0.0]]))


@pytest.mark.parametrize("side", [3, 5])
def test_neighbours_are_averaged_with_binomial_weights_and_the_border_goes_on(side):
    network, _ = load_weights("untrained", stages=TINY.stages)
    trunk = Trunk(network, dataclasses.replace(TINY, neighbourhood=side))
    one = torch.zeros(1, 2, 9, 9)
    one[0, 1, 4, 4] = 1.0
    row = {3: [1, 2, 1], 5: [1, 4, 6, 4, 1]}[side]
    weights = torch.tensor([[a * b / sum(row) ** 2 for a in row] for b in row])
    edge = side // 2
    found = trunk._averaged(one)
    torch.testing.assert_close(found[0, 1, 4 - edge : 5 + edge, 4 - edge : 5 + edge], weights)
    assert found[0, 0].abs().max() == 0  # channels stay apart
    torch.testing.assert_close(trunk._averaged(torch.ones(1, 2, 4, 4)), torch.ones(1, 2, 4, 4))


@pytest.mark.parametrize("stage", ["layer1.0", "layer1", "layer2.0", "layer2", "layer3.0", "layer3"])
def test_a_stage_is_what_torchvisions_network_gives_there(stage):
    """Followed by hand through the network; `.0` ends after the stage's first residual block."""
    network, _ = load_weights("untrained", stages=("layer3",))
    name, _, first = stage.partition(".")
    profile = dataclasses.replace(TINY, stages=(stage,), grid=stage)
    pixels = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 48)).astype(np.float32))
    with torch.inference_mode():
        found = Trunk(network, profile)(pixels)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        x = (pixels / 255 - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
        x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
        for earlier in ("layer1", "layer2", "layer3"):
            if earlier == name:
                break
            x = getattr(network, earlier)(x)
        x = getattr(network, name)[0](x) if first else getattr(network, name)(x)
    expected = torch.nn.functional.normalize(x[0].flatten(1).T, dim=1)
    assert found.shape == (grid_of(profile).patches, grid_of(profile).dimension)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)
