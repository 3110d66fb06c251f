"""ResNet-18 with weights: those of torchvision, from a file, or untrained."""

import contextlib
import hashlib
import io
import pickle
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from goodpart.errors import ExportError, UsageError
from goodpart.facts.profile import STAGES, block_of
from goodpart.facts.spec import WeightsSource, WeightsSpec
from goodpart_export.torchvision_beside_cpu_torch import import_torchvision_models

_DOWNLOAD_TIMEOUT_S = 30.0
_LARGEST_SEED = 2**32 - 1


def load_weights(source: str, *, stages: tuple[str, ...], seed: int = 0) -> tuple[nn.Module, WeightsSpec]:
    """A ResNet-18 in evaluation mode, and the source of its weights.

    Args:
        source: "imagenet" (torchvision's download and cache), "untrained", or the path of a state dict, whole or
            truncated.
        stages: the stages that are needed; the keys of later stages may be missing.
        seed: for "untrained", 0 to 2**32 - 1.

    Raises:
        UsageError: no such file, or the seed is out of range.
        ExportError: the download failed, a key is missing or has another shape, or the file is not a state dict.
    """
    if not 0 <= seed <= _LARGEST_SEED:
        raise UsageError(f"--seed: expected 0 to {_LARGEST_SEED}, found {seed}; give another")
    models = import_torchvision_models()
    if source == WeightsSource.UNTRAINED.value:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network: nn.Module = models.resnet18(weights=None)
        return network.eval(), WeightsSpec(source=WeightsSource.UNTRAINED, name=None, sha256=None, seed=seed)
    path = _downloaded(models) if source == WeightsSource.IMAGENET.value else Path(source)
    kind = WeightsSource.IMAGENET if source == WeightsSource.IMAGENET.value else WeightsSource.FILE
    network = models.resnet18(weights=None)
    sha256 = _fill(network, path, stages)
    if kind is WeightsSource.IMAGENET and not sha256.startswith(_hash_prefix(path)):
        raise ExportError(
            f"{path}: expected sha256 {_hash_prefix(path)}..., found {sha256}; remove it to download it again"
        )
    return network.eval(), WeightsSpec(source=kind, name=path.name, sha256=sha256, seed=None)


def _downloaded(models: Any) -> Path:
    """The file in torchvision's cache; it is downloaded if it is missing."""
    weights = models.ResNet18_Weights.IMAGENET1K_V1
    path = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
    if path.is_file():
        return path
    try:
        # torch.hub announces the download on stdout, where results belong
        with _time_limit(), contextlib.redirect_stdout(sys.stderr):
            weights.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise ExportError(
            f"--weights imagenet: expected to download {weights.url}, found {error}; connect to the internet, or give "
            f"--weights FILE with a ResNet-18 state dict"
        ) from error
    return path


def _hash_prefix(path: Path) -> str:
    """What the sha256 of a torchvision download begins with: the last part of its name."""
    return path.stem.rpartition("-")[2]


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Ends a download over an unresponsive network with an error: torchvision sets no time limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_DOWNLOAD_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _fill(network: nn.Module, path: Path, stages: tuple[str, ...]) -> str:
    """Copies a state dict file into the network; returns the file's sha256."""
    try:
        data = path.read_bytes()
        # weights_only: a pickle from elsewhere must not run code
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"--weights {path}: expected a file, found none ({error.strerror})") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ExportError(f"--weights {path}: expected a PyTorch state dict, found another file ({reason})") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ExportError(
            f"--weights {path}: expected a state dict of tensors, found {type(state).__name__}; save model.state_dict()"
        )
    own = network.state_dict()
    needed = [key for key in own if not key.startswith(_unused(stages)) and not key.endswith("num_batches_tracked")]
    for key in needed:
        if key not in state:
            raise ExportError(f"--weights {path}: expected key {key!r} with torchvision's names, found none")
        if state[key].shape != own[key].shape:
            raise ExportError(
                f"--weights {path}: expected {key!r} {tuple(own[key].shape)}, found {tuple(state[key].shape)}"
            )
        if not torch.isfinite(state[key]).all():
            raise ExportError(f"--weights {path}: expected finite numbers in {key!r}, found NaN or infinity")
    network.load_state_dict({key: state[key] for key in needed}, strict=False)
    return hashlib.sha256(data).hexdigest()


def _unused(stages: tuple[str, ...]) -> tuple[str, ...]:
    """Prefixes of the keys of all stages after the last one that is used."""
    last = max(STAGES.index(stage) for stage in stages)
    return (*(f"{block_of(stage)}." for stage in STAGES[last + 1 :]), "layer4.", "fc.")
