"""Embedding of good images, through the runtime's own backbone."""

import dataclasses
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.backbone import Backbone
from goodpart.errors import FrameError, UsageError
from goodpart.images import read_image
from goodpart_bank_builder.progress import progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embedded:
    """The good images that could be read.

    Attributes:
        contents: the sha256 of each file, by path, n of them in the order of `embeddings`.
        embeddings: `(n, P, D) float32` unit vectors.
        skipped: files that could not be read or did not fit.
    """

    contents: dict[Path, str]
    embeddings: npt.NDArray[np.float32]
    skipped: tuple[Path, ...]


def embed_images(backbone: Backbone, paths: Sequence[Path], *, skip_unreadable: bool) -> Embedded:
    """Embeds images in the order given.

    Args:
        backbone: from the bundle to be.
        paths: image files.
        skip_unreadable: leave out, and name, an image that cannot be read, instead of failing.

    Raises:
        FrameError: an image cannot be read or is not what the backbone declares.
        UsageError: no image is left, or the same file comes twice: each copy would count as a part that the other has
            never seen.
    """
    grid = backbone.spec.grid
    embeddings = np.empty((len(paths), grid.patches, grid.dimension), np.float32)
    seen: dict[str, Path] = {}
    skipped: list[Path] = []
    for path in progress(paths, doing="embedding", total=len(paths), unit="images"):
        try:
            embeddings[len(seen)] = _embed(backbone, path)
        except FrameError as error:
            if not skip_unreadable:
                raise
            print(f"skipped: {error}", file=sys.stderr)
            skipped.append(path)
        else:
            original = seen.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
            if original != path:
                raise UsageError(f"{path}: expected another photograph, found a copy of {original}; remove one of them")
    if not seen:
        raise UsageError(f"expected readable images, found none among {len(paths)}")
    contents = {path: digest for digest, path in seen.items()}
    return Embedded(contents=contents, embeddings=embeddings[: len(seen)], skipped=tuple(skipped))


def _embed(backbone: Backbone, path: Path) -> npt.NDArray[np.float32]:
    """`(P, D) float32` of one file; what an Inspector would call UNKNOWN is refused: it would be learned as good."""
    frame = read_image(path, backbone.spec.frame)
    reason = backbone.spec.frame.no_signal(frame)
    if reason is not None:
        raise FrameError(f"{path}: expected a photograph of a good part, found {reason}; remove it")
    return backbone.embed(frame)
