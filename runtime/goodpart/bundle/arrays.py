"""The small arrays of a bundle, from bytes that have been checked."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.errors import ContractError, FrameError
from goodpart.facts.manifest import Manifest
from goodpart.frames.plain_files import load_npy


def parse_array(data: bytes, where: str) -> npt.NDArray[Any]:
    """One array from the bytes of a `.npy` file; `where` is how messages call the file.

    Raises:
        ContractError: something else.
    """
    try:
        return load_npy(io.BytesIO(data), where=where)
    except FrameError as error:
        raise ContractError(str(error)) from error


def parse_ignored(data: bytes | None, manifest: Manifest, where: str) -> npt.NDArray[np.bool_] | None:
    """`(rows, columns) bool` patches that never count, read-only; None without a file.

    Raises:
        ContractError: another array, or one that leaves no patch.
    """
    if data is None:
        return None
    ignored, grid = parse_array(data, where), manifest.backbone.grid
    if ignored.dtype != np.bool_ or ignored.shape != (grid.rows, grid.columns) or ignored.all():
        raise ContractError(
            f"{where}: expected a bool array ({grid.rows}, {grid.columns}) that leaves some patches, found "
            f"{ignored.dtype} {ignored.shape} with {np.count_nonzero(ignored)} set"
        )
    ignored.flags.writeable = False
    return ignored


def parse_origins(
    data: bytes, manifest: Manifest, *, ignored: npt.NDArray[np.bool_] | None, images: int, where: str
) -> npt.NDArray[np.int32]:
    """`(N, 3) int32` image, row and column of the patch that each bank vector comes from, read-only.

    Raises:
        ContractError: another array, or an image or a patch that is not there.
    """
    origins, grid, vectors = parse_array(data, where), manifest.backbone.grid, manifest.bank.vectors
    if origins.dtype != np.int32 or origins.shape != (vectors, 3):
        raise ContractError(
            f"{where}: expected int32 ({vectors}, 3) as in manifest.json, found {origins.dtype} {origins.shape}; "
            f"rebuild the bundle"
        )
    possible = (origins >= 0).all(axis=1) & (origins < (images, grid.rows, grid.columns)).all(axis=1)
    if ignored is not None and possible.all():
        possible = ~ignored[origins[:, 1], origins[:, 2]]
    if not possible.all():
        vector = int(np.argmin(possible))
        raise ContractError(
            f"{where}: expected one of {images} images and a patch of the {grid.rows}x{grid.columns} grid that counts, "
            f"found {origins[vector].tolist()} for vector {vector}; rebuild the bundle"
        )
    origins.flags.writeable = False
    return origins
