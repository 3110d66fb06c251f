"""Weights: from a file, untrained, or downloaded; what is wrong is named."""

import urllib.error
from pathlib import Path

import pytest
import torch

from goodpart.errors import ExportError, UsageError
from goodpart.facts.spec import WeightsSource
from goodpart_export import load_weights
from goodpart_export import weights as weights_module
from goodpart_export.torchvision_beside_cpu_torch import import_torchvision_models

LAYER1 = ("layer1",)


@pytest.fixture(scope="module")
def state():
    network, _ = load_weights("untrained", stages=("layer3",), seed=3)
    return network.state_dict()


def saved(tmp_path: Path, state: object) -> str:
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    return str(path)


def test_a_whole_state_dict_is_taken(tmp_path, state):
    network, weights = load_weights(saved(tmp_path, state), stages=("layer3",))
    assert torch.equal(network.state_dict()["layer3.1.conv2.weight"], state["layer3.1.conv2.weight"])
    assert weights.source is WeightsSource.FILE
    assert weights.name == "weights.pth"
    assert weights.sha256 is not None


def test_a_truncated_state_dict_is_enough_for_its_stages(tmp_path, state):
    truncated = {key: value for key, value in state.items() if not key.startswith(("layer2", "layer3", "layer4", "fc"))}
    load_weights(saved(tmp_path, truncated), stages=LAYER1)
    with pytest.raises(ExportError, match=r"layer2\.0\.conv1\.weight"):
        load_weights(saved(tmp_path, truncated), stages=("layer1", "layer2"))


def test_a_missing_key_is_named(tmp_path, state):
    with pytest.raises(ExportError, match=r"'layer1\.0\.bn1\.bias'"):
        load_weights(saved(tmp_path, {k: v for k, v in state.items() if k != "layer1.0.bn1.bias"}), stages=LAYER1)


def test_a_misshapen_key_is_named_with_both_shapes(tmp_path, state):
    with pytest.raises(ExportError, match=r"'conv1\.weight' \(64, 3, 7, 7\), found \(64, 1, 7, 7\)"):
        load_weights(saved(tmp_path, {**state, "conv1.weight": torch.zeros(64, 1, 7, 7)}), stages=LAYER1)


def test_a_nan_in_the_weights_is_refused(tmp_path, state):
    with pytest.raises(ExportError, match=r"finite numbers in 'bn1\.bias'"):
        load_weights(saved(tmp_path, {**state, "bn1.bias": torch.full((64,), float("nan"))}), stages=LAYER1)


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.pth"):
        load_weights(str(tmp_path / "nowhere.pth"), stages=LAYER1)


def test_a_file_that_is_no_state_dict_is_refused(tmp_path):
    path = tmp_path / "picture.pth"
    path.write_bytes(b"\x89PNG and so on")
    with pytest.raises(ExportError, match="state dict"):
        load_weights(str(path), stages=LAYER1)


def test_a_whole_model_instead_of_its_state_dict_is_refused(tmp_path):
    network, _ = load_weights("untrained", stages=LAYER1)
    with pytest.raises(ExportError, match="state dict"):
        load_weights(saved(tmp_path, network), stages=LAYER1)


def test_a_list_instead_of_a_state_dict_is_refused(tmp_path):
    with pytest.raises(ExportError, match="found list"):
        load_weights(saved(tmp_path, [torch.zeros(3)]), stages=LAYER1)


def test_untrained_weights_are_seeded_and_leave_torchs_generator_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, weights = load_weights("untrained", stages=LAYER1, seed=1)
    same, _ = load_weights("untrained", stages=LAYER1, seed=1)
    other, _ = load_weights("untrained", stages=LAYER1, seed=2)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.get_parameter("conv1.weight"), same.get_parameter("conv1.weight"))
    assert not torch.equal(one.get_parameter("conv1.weight"), other.get_parameter("conv1.weight"))
    assert (weights.source, weights.seed, weights.sha256) == (WeightsSource.UNTRAINED, 1, None)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_a_usage_error(seed):
    with pytest.raises(UsageError, match=rf"expected 0 to 4294967295, found {seed}"):
        load_weights("untrained", stages=LAYER1, seed=seed)


def test_imagenet_comes_from_torchvisions_cache(tmp_path, monkeypatch, state):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    name = Path(import_torchvision_models().ResNet18_Weights.IMAGENET1K_V1.url).name
    (tmp_path / "checkpoints").mkdir()
    torch.save(state, tmp_path / "checkpoints" / name)
    with pytest.raises(ExportError, match=r"expected sha256 f37072fd\.\.\., found .* remove it"):
        load_weights("imagenet", stages=LAYER1)
    # as if it were the true one
    monkeypatch.setattr(weights_module, "_hash_prefix", lambda path: "")
    network, weights = load_weights("imagenet", stages=LAYER1)
    assert (weights.source, weights.name) == (WeightsSource.IMAGENET, name)
    assert torch.equal(network.get_parameter("conv1.weight"), state["conv1.weight"])


@pytest.mark.parametrize(
    "failure", [urllib.error.URLError("no route"), TimeoutError("timed out"), RuntimeError("invalid hash value")]
)
def test_an_impossible_download_says_what_to_do(tmp_path, monkeypatch, failure):
    def fail(*args: object, **options: object) -> None:
        raise failure

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(ExportError, match=r"download https://.*give --weights FILE"):
        load_weights("imagenet", stages=LAYER1)
