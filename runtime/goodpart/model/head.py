"""Head: a small network that tells patches under painted defects from good ones.

Its output is a known term (`scoring/term.py`) of every patch.

The head is not an ONNX file: the bundle holds its weights as one array, and a built-in model runs them. So a bundle
cannot bring operators of its own.
"""

import functools
import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from goodpart._host.session import foreign_errors, open_session, short
from goodpart.errors import InferenceError, UsageError
from goodpart.facts.head import head_layers, head_values

if TYPE_CHECKING:
    import onnxruntime as ort

_MODEL = bytes.fromhex(
    "08083ac2020a240a01780a0277310a02623112026131220447656d6d2a0d0a067472616e73421801a001020a0e0a02613112027231220452"
    "656c750a250a0272310a0277320a02623212026132220447656d6d2a0d0a067472616e73421801a001020a0e0a0261321202723222045265"
    "6c750a240a0272320a0277330a02623312017a220447656d6d2a0d0a067472616e73421801a001021201685a150a017812100a0e0801120a"
    "0a0312016e0a031201645a160a02773112100a0e0801120a0a031201680a031201645a110a026231120b0a09080112050a031201685a160a"
    "02773212100a0e0801120a0a031201680a031201685a110a026232120b0a09080112050a031201685a150a027733120f0a0d080112090a02"
    "08010a031201685a100a026233120a0a08080112040a02080162140a017a120f0a0d080112090a0312016e0a02080142040a001012"
)
"""An ONNX file, z = Gemm(Relu(Gemm(Relu(Gemm(x, w1, b1)), w2, b2)), w3, b3), all with transB=1. A test rebuilds it."""


class Head:
    """A perceptron with two hidden layers (ReLU); its output is the logit of "under paint".

    Attributes:
        hidden: units of each hidden layer.
        flat: `(n,) float32` all weights: of each layer the `(out, in)` matrix, row by row, then the `(out,)` bias.
    """

    def __init__(self, flat: npt.NDArray[np.float32], *, hidden: int, dimension: int) -> None:
        """Puts a head together.

        Args:
            flat: `(head_values(hidden, dimension),) float32`, finite.
            hidden: units of each hidden layer.
            dimension: values of an embedding.

        Raises:
            UsageError: the weights have another shape, or are not finite.
        """
        count = head_values(hidden, dimension)
        if flat.dtype != np.float32 or flat.shape != (count,) or not np.isfinite(flat).all():
            raise UsageError(f"head: expected {count} finite float32 weights, found {flat.dtype} {flat.shape}")
        self.hidden, self.flat = hidden, flat
        self._weights: dict[str, npt.NDArray[np.float32]] = {}
        start = 0
        for layer, (rows, columns) in enumerate(head_layers(hidden, dimension), start=1):
            self._weights[f"w{layer}"] = flat[start : start + rows * columns].reshape(rows, columns)
            start += rows * columns
            self._weights[f"b{layer}"] = flat[start : start + rows]
            start += rows

    def logits(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """The output for every patch.

        Args:
            embeddings: `(P, D) float32`.

        Returns:
            `(P,) float64` finite, higher is more anomalous.

        Raises:
            InferenceError: onnxruntime failed, or gave other numbers than finite ones.
        """
        try:
            found = _session().run(["z"], {"x": np.ascontiguousarray(embeddings), **self._weights})[0]
        except foreign_errors() as error:
            raise InferenceError(
                f"head: expected its output for {embeddings.shape} embeddings, found {short(error)}"
            ) from error
        logits = np.asarray(found, dtype=np.float64).ravel()
        if not np.isfinite(logits).all():
            raise InferenceError("head: expected finite numbers, found NaN or infinity; run goodpart selftest")
        return logits


@functools.cache
def _session() -> "ort.InferenceSession":
    return open_session(_MODEL, arena=False)


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    # another thread may use the session during a fork, so a child opens its own
    os.register_at_fork(after_in_child=_session.cache_clear)
