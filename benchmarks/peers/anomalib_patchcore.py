"""anomalib's own PatchCore with ResNet-18: built, cached, and scored in torch, OpenVINO and onnxruntime.

The model, its coreset, its export and its inferencer for OpenVINO are anomalib's own code. Two steps are replaced: the
weights come from a file instead of a download, and direct calls replace Lightning's training loop, which would pass the
same images to the same calls. The statistics of a validation set stay unset, so that scores and maps are raw. Clamping
them to 0..1, as anomalib does, would only make ties.
"""

import importlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from contender import Found, progress

from goodpart.errors import UsageError
from goodpart_export.torchvision_beside_cpu_torch import import_torchvision_models

INPUT_PX = (256, 256)
CORESET_SHARE = 0.01
_BANK = "bank.pt"
_ONNX = Path("weights", "onnx", "model.onnx")
_OPENVINO = Path("weights", "openvino", "model.xml")


def prepare(good: list[npt.NDArray[np.uint8]], *, weights: str, seed: int, cache: Path) -> dict[str, Any]:
    """Builds the bank from good frames and exports it, unless the cache has both.

    Args:
        good: `(H, W, 3) uint8` RGB frames.
        weights: a ResNet-18 state dict with torchvision's names.
        seed: of the coreset.
        cache: an own folder for these frames, weights and seed.

    Returns:
        what is known of the bank: `vectors`, `dimension`, `build_s`.
    """
    bank = cache / _BANK
    if not bank.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        vectors = _choose(patchcore_model(weights), good, seed=seed)
        torch.save({"vectors": vectors, "build_s": time.perf_counter() - began}, cache / f"{_BANK}.part")
        (cache / f"{_BANK}.part").rename(bank)
    model, build_s = _with_bank(weights, cache)
    # only height and width are dynamic: with a dynamic batch, PatchCore's export fixes the batch to two
    free = {"dynamic_shapes": ({2: torch.export.Dim("height"), 3: torch.export.Dim("width")},)}
    if not (cache / _ONNX).is_file():
        model.to_onnx(cache, **free)
    if not (cache / _OPENVINO).is_file():
        model.to_openvino(cache, onnx_kwargs=free)
    vectors, dimension = model.model.memory_bank.shape
    return {"vectors": vectors, "dimension": dimension, "build_s": round(build_s, 1)}


def in_torch(cache: Path, *, weights: str, threads: int) -> Callable[[npt.NDArray[np.uint8]], Found]:
    """As its Engine predicts: antialiased resize and normalisation, model, post-processor."""
    torch.set_num_threads(threads)
    model = _with_bank(weights, cache)[0]

    def score(frame: npt.NDArray[np.uint8]) -> Found:
        with torch.inference_mode():
            image = tensor_of(frame)
            found = model.post_processor(model.model(model.pre_processor.transform(image)))
        return _found(found.pred_score.numpy(), found.anomaly_map.numpy())

    return score


def in_openvino(
    cache: Path, *, precision: str | None, threads: int
) -> tuple[Callable[[npt.NDArray[np.uint8]], Found], dict[str, Any]]:
    """As shipped: its `OpenVINOInferencer` on its exported graph, which resizes without antialiasing.

    Args:
        cache: filled by `prepare`.
        precision: OpenVINO's inference precision, such as "f32"; None for its default.
        threads: of OpenVINO.

    Returns:
        how to score a frame, and the precision that OpenVINO took.
    """
    import_torchvision_models()  # anomalib imports torchvision, also for OpenVINO
    inferencer = importlib.import_module("anomalib.deploy").OpenVINOInferencer(
        cache / _OPENVINO, device="CPU", config=_config(precision, threads)
    )

    def score(frame: npt.NDArray[np.uint8]) -> Found:
        found = inferencer.predict(frame)
        return _found(found.pred_score, found.anomaly_map)

    return score, _facts(inferencer.model)


def in_lean_openvino(
    cache: Path, *, precision: str | None, threads: int
) -> tuple[Callable[[npt.NDArray[np.uint8]], Found], dict[str, Any]]:
    """The same graph as an expert would run it: OpenVINO alone, raw uint8 frames, conversion inside the graph.

    Args and returns: as of `in_openvino`.
    """
    ov = importlib.import_module("openvino")
    steps = ov.preprocess.PrePostProcessor(ov.Core().read_model(cache / _OPENVINO))
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).scale(255.0)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    compiled = ov.Core().compile_model(steps.build(), "CPU", _config(precision, threads))

    def score(frame: npt.NDArray[np.uint8]) -> Found:
        found = compiled(frame[np.newaxis])
        return _found(found["pred_score"], found["anomaly_map"])

    return score, _facts(compiled)


def in_onnxruntime(cache: Path, *, threads: int) -> Callable[[npt.NDArray[np.uint8]], Found]:
    """Its ONNX export in onnxruntime, on frames converted as its inferencer for OpenVINO does."""
    ort = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(cache / _ONNX), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def score(frame: npt.NDArray[np.uint8]) -> Found:
        image = (frame.astype(np.float32) / np.float32(255.0)).transpose(2, 0, 1)[np.newaxis]
        found = session.run(["pred_score", "anomaly_map"], {name: image})
        return _found(found[0], found[1])

    return score


def _choose(model: Any, good: list[npt.NDArray[np.uint8]], *, seed: int) -> torch.Tensor:
    """The coreset, by anomalib's own calls in the order of its training loop."""
    importlib.import_module("lightning").seed_everything(seed)
    model.model.train()
    model.model.feature_extractor.eval()
    with torch.no_grad():
        for frame in progress(good, "anomalib: embedding"):
            model.model(model.pre_processor.transform(tensor_of(frame)))
        model.fit()
    return torch.as_tensor(model.model.memory_bank)


def _with_bank(weights: str, cache: Path) -> tuple[Any, float]:
    model = patchcore_model(weights)
    saved = torch.load(cache / _BANK, weights_only=True)
    model.model.memory_bank = saved["vectors"]
    return model, float(saved["build_s"])


def patchcore_model(weights: str, input_px: tuple[int, int] = INPUT_PX) -> Any:
    """Anomalib's Lightning module, evaluating, with the weights of a file in its feature extractor.

    Args:
        weights: a ResNet-18 state dict with torchvision's names.
        input_px: height and width to which it resizes frames.

    Raises:
        UsageError: the file lacks a weight that the extractor has, or holds another shape.
    """
    import_torchvision_models()  # anomalib imports torchvision, whose wheel needs help beside CPU-only torch
    patchcore = importlib.import_module("anomalib.models").Patchcore
    model = patchcore(
        backbone="resnet18",
        layers=("layer2", "layer3"),
        pre_trained=False,
        coreset_sampling_ratio=CORESET_SHARE,
        pre_processor=patchcore.configure_pre_processor(image_size=input_px),
        evaluator=False,
        visualizer=False,
    )
    load_trunk(model.model.feature_extractor.feature_extractor, weights)
    return model.eval()


def load_trunk(extractor: torch.nn.Module, weights: str) -> None:
    """Puts the weights of a file into a feature extractor whose layers have torchvision's names.

    Args:
        extractor: of timm or torchvision, at most to layer3.
        weights: a ResNet-18 state dict with torchvision's names.

    Raises:
        UsageError: the file lacks a weight that the extractor has, or holds another shape.
    """
    state: Mapping[str, torch.Tensor] = torch.load(weights, map_location="cpu", weights_only=True)
    try:
        left = extractor.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise UsageError(f"--weights {weights}: expected the shapes of a ResNet-18, found others ({error})") from error
    missing = [key for key in left.missing_keys if not key.endswith("num_batches_tracked")]
    if missing:
        raise UsageError(f"--weights {weights}: expected {missing[0]!r} for anomalib's extractor, found none")


def tensor_of(frame: npt.NDArray[np.uint8]) -> torch.Tensor:
    """`(1, 3, H, W) float32` in 0..1, as anomalib reads images."""
    return (torch.from_numpy(frame).permute(2, 0, 1).float() / 255.0)[None]


def _found(score: npt.NDArray[Any], anomaly_map: npt.NDArray[Any]) -> Found:
    plain = np.asarray(anomaly_map, np.float32).reshape(anomaly_map.shape[-2:])
    return Found(score=float(score.reshape(-1)[0]), map=plain, unsaturated=lambda: plain)


def _config(precision: str | None, threads: int) -> dict[str, Any]:
    # latency is OpenVINO's default hint for compile_model; only what the comparison fixes is set
    chosen: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads}
    if precision is not None:
        chosen["INFERENCE_PRECISION_HINT"] = precision
    return chosen


def _facts(compiled: Any) -> dict[str, Any]:
    """What OpenVINO says that it runs."""
    precision = compiled.get_property("INFERENCE_PRECISION_HINT")
    return {"precision": precision.get_type_name(), "threads_taken": compiled.get_property("INFERENCE_NUM_THREADS")}
