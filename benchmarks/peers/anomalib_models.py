"""anomalib's PatchCore, PaDiM, CFA and FastFlow with ResNet-18, and SPADE on PatchCore's features, one seed at a time.

The models, losses, optimizers, anomaly maps and scores are anomalib's own code with its defaults. Three things differ:
weights come from a file, plain loops replace Lightning's trainer, and PatchCore's coreset is computed faster (see
`coreset`). Training has a fixed number of epochs; anomalib stops when the pixel AUROC of labelled defects no longer
rises, which a method that has seen only good parts could not do.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from anomalib_patchcore import CORESET_SHARE, load_trunk, patchcore_model, tensor_of
from coreset import choose
from spade import Spade

from goodpart_bank_builder.progress import progress
from goodpart_export.torchvision_beside_cpu_torch import import_torchvision_models

Frame = npt.NDArray[np.uint8]
Scored = tuple[float, npt.NDArray[np.float32]]
"""An image's score and its `(h, w) float32` map; higher is more anomalous, in the method's own unit."""

BATCH = 8
"""Images per training step: anomalib's 32 would need 9 GB with CFA."""


class Peer(Protocol):
    """A method that learns from good frames."""

    def learn(self, seed: int) -> dict[str, int]:
        """Learns, forgetting what it learned with another seed; returns facts such as the number of vectors."""

    def score(self, frame: Frame) -> Scored:
        """Scores an `(H, W, 3) uint8` RGB frame."""


class PatchCore:
    """anomalib's PatchCore: layer2 and layer3, 1 % coreset, nine neighbours reweight the image's score."""

    def __init__(self, good: Sequence[Frame], *, weights: str, input_px: tuple[int, int], epochs: int) -> None:
        del epochs  # it has none
        self._model = patchcore_model(weights, input_px)
        self._embeddings = _embed_all(self._model, good).flatten(0, 1)

    def learn(self, seed: int) -> dict[str, int]:
        """Chooses the coreset."""
        _seed(seed)
        self._model.model.memory_bank = choose(self._embeddings, CORESET_SHARE)
        return {"vectors": len(self._model.model.memory_bank)}

    def score(self, frame: Frame) -> Scored:
        """As anomalib predicts, without normalisation to 0..1."""
        return _predicted(self._model, frame)


class SpadePeer:
    """SPADE on the features of PatchCore."""

    def __init__(self, good: Sequence[Frame], *, weights: str, input_px: tuple[int, int], epochs: int) -> None:
        del epochs
        self._model = patchcore_model(weights, input_px)
        self._input_px = input_px
        self._spade = Spade(_embed_all(self._model, good))

    def learn(self, seed: int) -> dict[str, int]:
        """Nothing is left to learn, and nothing depends on a seed."""
        del seed
        return {}

    def score(self, frame: Frame) -> Scored:
        """The map is smoothed by a Gaussian of sigma 4, as in the paper and in PatchCore."""
        found, apart = self._spade.score(_embed_all(self._model, [frame], quiet=True)[0])
        rows = self._input_px[0] // 8
        smooth = self._model.model.anomaly_map_generator(apart.reshape(1, 1, rows, -1), self._input_px)
        return found, smooth[0, 0].numpy()


class Padim:
    """anomalib's PaDiM: layer1 to layer3, 100 random channels, a Gaussian for every location."""

    def __init__(self, good: Sequence[Frame], *, weights: str, input_px: tuple[int, int], epochs: int) -> None:
        del epochs
        self._good, self._weights, self._input_px = good, weights, input_px

    def learn(self, seed: int) -> dict[str, int]:
        """Draws the channels and fits the Gaussians."""
        _seed(seed)
        padim = importlib.import_module("anomalib.models").Padim
        self._model = padim(pre_trained=False, **_plain(padim, self._input_px))
        load_trunk(self._model.model.feature_extractor.feature_extractor, self._weights)
        self._model.model.train()
        self._model.model.feature_extractor.eval()
        with torch.no_grad():
            for frame in progress(self._good, doing="PaDiM", total=len(self._good), unit="images"):
                self._model.model(self._model.pre_processor.transform(tensor_of(frame)))
            self._model.fit()
        self._model.eval()
        return {"channels": self._model.model.n_features}

    def score(self, frame: Frame) -> Scored:
        """As anomalib predicts, without normalisation to 0..1."""
        return _predicted(self._model, frame)


class _Trained:
    """What learns by steps of an optimizer."""

    def __init__(self, good: Sequence[Frame], *, weights: str, input_px: tuple[int, int], epochs: int) -> None:
        self._weights, self._input_px, self._epochs = weights, input_px, epochs
        self._good = good

    def learn(self, seed: int) -> dict[str, int]:
        """Trains a new model."""
        _seed(seed)
        self._model = self._new()
        images = torch.cat([self._model.pre_processor.transform(tensor_of(frame)) for frame in self._good])
        self._start(images)
        self._model.train()
        optimizer = self._model.configure_optimizers()
        order = torch.Generator().manual_seed(seed)
        batches = [
            batch for _ in range(self._epochs) for batch in torch.randperm(len(images), generator=order).split(BATCH)
        ]
        for batch in progress(batches, doing=f"{self._epochs} epochs", total=len(batches), unit="steps"):
            optimizer.zero_grad()
            self._model.backward(self._loss(images[batch]))
            optimizer.step()
        self._model.eval()
        return {"epochs": self._epochs, "batch": BATCH, "steps": len(batches)}

    def score(self, frame: Frame) -> Scored:
        """As anomalib predicts, without normalisation to 0..1."""
        return _predicted(self._model, frame)

    def _new(self) -> Any:
        raise NotImplementedError

    def _start(self, images: torch.Tensor) -> None:
        """What comes before the first step."""

    def _loss(self, images: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class Cfa(_Trained):
    """anomalib's CFA: layer1 to layer3, a descriptor trained towards the mean features of every location."""

    def _new(self) -> Any:
        cfa = importlib.import_module("anomalib.models").Cfa
        module: Any = importlib.import_module("anomalib.models.image.cfa.torch_model")
        downloads = module.get_feature_extractor
        module.get_feature_extractor = self._extractor
        try:
            return cfa(backbone="resnet18", **_plain(cfa, self._input_px))
        finally:
            module.get_feature_extractor = downloads

    def _extractor(self, backbone: str, return_nodes: list[str]) -> Any:
        """What anomalib makes, without its download."""
        network = importlib.import_module("torchvision.models").get_model(backbone, weights=None)
        extraction = importlib.import_module("torchvision.models.feature_extraction")
        extractor = extraction.create_feature_extractor(network, return_nodes=return_nodes).eval()
        load_trunk(extractor, self._weights)
        return extractor

    def _start(self, images: torch.Tensor) -> None:
        self._model.model.eval()
        batch = importlib.import_module("anomalib.data").ImageBatch
        self._model.model.initialize_centroid([batch(image=images[at : at + 1]) for at in range(len(images))])

    def _loss(self, images: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self._model.loss(self._model.model(images)))


class FastFlow(_Trained):
    """anomalib's FastFlow: layer1 to layer3, eight flow steps each."""

    def _new(self) -> Any:
        fastflow = importlib.import_module("anomalib.models").Fastflow
        model = fastflow(pre_trained=False, **_plain(fastflow, self._input_px))
        load_trunk(model.model.feature_extractor, self._weights)
        return model

    def _loss(self, images: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self._model.loss(*self._model.model(images)))


PEERS: dict[str, Callable[..., Peer]] = {
    "patchcore": PatchCore,
    "padim": Padim,
    "spade": SpadePeer,
    "cfa": Cfa,
    "fastflow": FastFlow,
}
"""Methods by name, each made of the good frames, the weights, the input size and the number of epochs."""


def load_anomalib() -> None:
    """Imports anomalib's models beside a CPU build of torch."""
    import_torchvision_models()
    importlib.import_module("anomalib.models")


def _seed(seed: int) -> None:
    importlib.import_module("lightning").seed_everything(seed, verbose=False)


def _plain(kind: Any, input_px: tuple[int, int]) -> dict[str, Any]:
    """Arguments that every model of anomalib takes: its own pre-processing, and nothing that needs a trainer."""
    return {
        "pre_processor": kind.configure_pre_processor(image_size=input_px),
        "evaluator": False,
        "visualizer": False,
    }


def _embed_all(model: Any, frames: Sequence[Frame], *, quiet: bool = False) -> torch.Tensor:
    """`(n, P, D) float32` PatchCore's features of frames, row by row."""
    found = []
    inner = model.model
    with torch.no_grad():
        for frame in frames if quiet else progress(frames, doing="features", total=len(frames), unit="images"):
            layers = inner.feature_extractor(model.pre_processor.transform(tensor_of(frame)))
            pooled = {name: inner.feature_pooler(feature) for name, feature in layers.items()}
            found.append(inner.reshape_embedding(inner.generate_embedding(pooled)))
    return torch.stack(found)


def _predicted(model: Any, frame: Frame) -> Scored:
    with torch.inference_mode():
        found = model.model(model.pre_processor.transform(tensor_of(frame)))
    return float(found.pred_score.reshape(-1)[0]), np.asarray(found.anomaly_map.numpy(), np.float32).squeeze()
