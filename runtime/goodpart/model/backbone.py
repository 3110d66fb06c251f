"""Backbone: the ONNX session that turns a frame into embeddings. Build and edge both embed through this class."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.machine import MOST_THREADS
from goodpart._host.session import foreign_errors, open_session, short
from goodpart.errors import ContractError, InferenceError, UsageError
from goodpart.facts.no_signal import SignalRule, no_signal
from goodpart.facts.spec import BackboneSpec
from goodpart.model.onnx_facts import HOTTEST, INPUT, OUTPUT, read_spec
from goodpart.model.onnx_guard import check_onnx
from goodpart.model.seen import SeenFrame

_NORM_TOLERANCE = 1e-3


class Backbone:
    """A frame goes in, one unit vector per patch comes out.

    Attributes:
        spec: the frame it takes, the grid it gives, its profile, weights and precision.
        threads: threads that one call uses.
    """

    def __init__(self, model: bytes, *, threads: int = 1, spinning: bool = False, where: str = "backbone.onnx") -> None:
        """Loads a model.

        Args:
            model: the bytes of an ONNX file written by `goodpart-export`.
            threads: threads for one frame, 1 to 256; more than there are cores is many times slower.
            spinning: whether threads wait busily for their next piece of work; faster, but other programs wait longer.
            where: how messages call the file.

        Raises:
            UsageError: a thread count out of range.
            ContractError: not a model that onnxruntime loads, one with operators that no backbone needs, or one whose
                inputs and outputs are not what its own metadata says.
        """
        check_threads(threads)
        check_onnx(model, where)
        self.spec = read_spec(model, where)
        try:
            self._session = open_session(model, threads=threads, spinning=spinning)
        except foreign_errors() as error:
            raise ContractError(
                f"{where}: expected an ONNX model that onnxruntime loads, found {short(error)}"
            ) from error
        self.threads = threads
        self._outputs = [OUTPUT] if self.spec.profile.excess is None else [OUTPUT, HOTTEST]
        self._check_contract(where)

    def __repr__(self) -> str:
        profile, grid = self.spec.profile, self.spec.grid
        return (
            f"Backbone({profile.name}, {profile.input_height_px}x{profile.input_width_px} input, "
            f"{grid.rows}x{grid.columns} patches of {grid.dimension} values, {self.spec.precision.value}, "
            f"{self.threads} thread{'s' * (self.threads > 1)})"
        )

    @classmethod
    def load(cls, path: Path, *, threads: int = 1) -> "Backbone":
        """Loads a backbone file, for building and measuring; an Inspector takes its own from the bundle.

        Raises:
            UsageError: no such file, or a thread count out of range.
            ContractError: as in the constructor.
        """
        try:
            model = path.read_bytes()
        except OSError as error:
            raise UsageError(
                f"{path}: expected a backbone file, found none ({error.strerror}); goodpart-export makes one"
            ) from error
        return cls(model, threads=threads, where=str(path))

    def checked(self, seen: SeenFrame) -> SeenFrame:
        """What was seen, if it has the shape of what this backbone gives for one frame.

        Raises:
            InferenceError: it has another one.
        """
        self._check_shape(seen.embeddings)
        return seen

    def embed(self, frame: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """`(P, D) float32` embeddings of one frame; the rest of what `see` gives is left out. Refuses as `see` does."""
        return self.see(frame).embeddings

    def see(self, frame: npt.NDArray[Any]) -> SeenFrame:
        """Embeds one frame.

        Args:
            frame: `(H, W, 3)` or `(H, W)`, as `spec.frame` declares.

        Returns:
            unit vectors, patches row by row, all zero for a patch without any feature; and, if the profile has an
            excess, the highest pixel value of every patch.

        Raises:
            FrameError: the frame is not what the spec declares.
            InferenceError: onnxruntime failed, gave other numbers than unit vectors, or found no feature at all in a
                frame that has a signal.
        """
        checked = np.ascontiguousarray(self.spec.frame.check(frame))
        try:
            embeddings, *others = self._session.run(self._outputs, {INPUT: checked})
        except foreign_errors() as error:
            raise InferenceError(
                f"backbone: expected embeddings of a {checked.shape} frame, found {short(error)}"
            ) from error
        self._check_shape(embeddings)
        # sums of squares take one pass over what is still in the cache; with NaN or infinity they are not 1
        squares = np.einsum("pd,pd->p", embeddings, embeddings)
        # certified search compares the graph's cosines with inner products; a patch without any feature is all zero
        if not np.all((np.abs(squares - 1.0) < 2 * _NORM_TOLERANCE) | (squares == 0.0)):
            if not np.isfinite(embeddings).all():
                raise InferenceError(
                    "backbone: expected finite embeddings, found NaN or infinity; run goodpart selftest"
                )
            raise InferenceError("backbone: expected unit vectors, found others; export it again")
        # by either rule, because a backbone does not know the format of its bundle
        if not squares.any() and not any(no_signal(checked, self.spec.frame, rule) for rule in SignalRule):
            raise InferenceError(
                "backbone: expected features in a frame that has a signal, found none in any patch; export it again "
                "with weights that fit"
            )
        return SeenFrame(
            embeddings=np.asarray(embeddings, dtype=np.float32),
            hottest=_finite_values(others[0], len(embeddings)) if others else None,
        )

    def _check_shape(self, embeddings: npt.NDArray[Any]) -> None:
        wanted = (self.spec.grid.patches, self.spec.grid.dimension)
        if embeddings.shape != wanted:
            raise InferenceError(f"backbone: expected embeddings {wanted}, found {embeddings.shape}; export it again")

    def close(self) -> None:
        """Ends the session's threads and frees its memory; after this no frame can be embedded."""
        del self._session

    def _check_contract(self, where: str) -> None:
        frame, grid = self.spec.frame, self.spec.grid
        try:
            inputs = [(value.name, value.type, len(value.shape)) for value in self._session.get_inputs()]
            outputs = [(value.name, value.type, list(value.shape)) for value in self._session.get_outputs()]
        except UnicodeDecodeError as error:
            raise ContractError(f"{where}: expected names in UTF-8, found other bytes ({error}); rebuild") from error
        wanted_input = [(INPUT, f"tensor({frame.dtype.value})", 2 if frame.channels.value == "GRAY" else 3)]
        if inputs != wanted_input:
            raise ContractError(f"{where}: expected the input {wanted_input}, found {inputs}")
        wanted_output = [(OUTPUT, "tensor(float)", [grid.patches, grid.dimension])]
        if HOTTEST in self._outputs:
            wanted_output.append((HOTTEST, "tensor(float)", [grid.patches]))
        if sorted(outputs) != wanted_output:
            raise ContractError(f"{where}: expected the output {wanted_output}, found {outputs}")


def _finite_values(hottest: npt.NDArray[Any], patches: int) -> npt.NDArray[np.float32]:
    """Refuses highest pixel values that are none: a NaN would make a percentile NaN."""
    if hottest.shape != (patches,) or not np.isfinite(hottest).all():
        raise InferenceError(
            f"backbone: expected a finite pixel value for each of {patches} patches, found others; export it again"
        )
    return np.asarray(hottest, dtype=np.float32)


def check_threads(threads: int) -> None:
    """Refuses a number of threads that no machine should start for one frame.

    Raises:
        UsageError: it is not 1 to 256.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise UsageError(f"threads: expected 1 to {MOST_THREADS}, found {threads}")


def check_backbone(spec: BackboneSpec, expected: BackboneSpec, where: str) -> None:
    """Refuses a backbone that is not the one a manifest describes.

    Args:
        spec: what the backbone's file says.
        expected: what the manifest says.
        where: how messages call the bundle.

    Raises:
        ContractError: naming the first fact that differs.
    """
    for part in ("grid", "frame", "profile", "weights", "precision"):
        wanted, found = getattr(expected, part), getattr(spec, part)
        if wanted != found:
            raise ContractError(
                f"{where}: backbone.onnx and manifest.json differ: expected {wanted}, found {found}; rebuild"
            )
