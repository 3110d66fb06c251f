"""Parity: whether onnxruntime computes what torch computes. Every export measures it, from the resized pixels on."""

import numpy as np
import numpy.typing as npt
import torch

from goodpart._host.session import load_onnxruntime
from goodpart.facts.spec import Channels, FrameSpec
from goodpart.model.backbone import Backbone
from goodpart.model.onnx_facts import INPUT
from goodpart_export.prologue import PIXELS
from goodpart_export.trunk import Trunk

LIMIT = 1e-4
"""The largest difference of any embedding value that an export may have."""


def parity_of(backbone: Backbone, prologue: bytes, trunk: Trunk, frames: list[npt.NDArray[np.generic]]) -> float:
    """The largest difference between torch's and onnxruntime's embeddings.

    Resizes differ between libraries by up to 13 grey levels, so the graph contains the resize. Here both sides get the
    pixels that the graph has resized.

    Args:
        backbone: the exported graph, loaded.
        prologue: the ONNX bytes of its first part alone.
        trunk: the torch module that was exported.
        frames: such as the backbone declares.
    """
    session = load_onnxruntime().InferenceSession(prologue, providers=["CPUExecutionProvider"])
    worst = 0.0
    for frame in frames:
        pixels = session.run([PIXELS], {INPUT: frame})[0]
        with torch.inference_mode():
            expected = trunk(torch.from_numpy(pixels)).numpy()
        difference = np.abs(backbone.embed(frame) - expected).max()
        # max() would drop a NaN
        worst = float(difference) if not difference <= worst else worst
    return worst


def trial_frames(spec: FrameSpec, *, height_px: int, width_px: int, seed: int = 0) -> list[npt.NDArray[np.generic]]:
    """Frames to measure parity on: smooth shapes with noise, at the input size, larger and smaller.

    Args:
        spec: what the frames are.
        height_px, width_px: the input size.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    top = 0 if spec.roi is None else spec.roi.y_px + spec.roi.height_px
    left = 0 if spec.roi is None else spec.roi.x_px + spec.roi.width_px
    frames: list[npt.NDArray[np.generic]] = []
    for scale in (1.0, 2.7, 0.6):
        height, width = max(top, round(height_px * scale)), max(left, round(width_px * scale))
        y, x = np.mgrid[0:height, 0:width]
        channels = 1 if spec.channels is Channels.GRAY else 3
        waves = [np.sin(x / rng.uniform(4, 60)) * np.cos(y / rng.uniform(4, 60)) for _ in range(channels)]
        unit = np.clip(0.5 + 0.3 * np.stack(waves, axis=2) + rng.normal(0, 0.05, (height, width, channels)), 0, 1)
        low, high = spec.value_range or (0, 255)
        frame = (low + unit * (high - low)).astype(spec.dtype.value)
        frames.append(frame[:, :, 0].copy() if channels == 1 else frame)
    return frames
