"""Explanations from memory: the good patches that an anomalous patch should look like.

Nothing here runs for a frame whose explanation nobody asks for, but `hot_patches`.
"""

import dataclasses
import weakref
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.facts.learned import ImageList
from goodpart.facts.spec import GridSpec, Roi
from goodpart.scoring.regions import Region
from goodpart.scoring.rounding import FIGURE_DIGITS, SCORE_DECIMALS, rounded, significant

NEAREST = 3
"""Good patches that an explanation names unless a caller says otherwise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoodPatch:
    """A patch of a good image that the bank has kept.

    Attributes:
        image: name of the image below the folder of good images.
        sha256: of the image's file.
        y_px, x_px, height_px, width_px: the patch, in pixels of that image's frame. Its embedding has seen more than
            that: convolutions look beyond a patch.
        distance: cosine distance to the explained patch, 0 for an identical embedding.
        vector: position of its embedding in the bank.
    """

    image: str
    sha256: str
    y_px: int
    x_px: int
    height_px: int
    width_px: int
    distance: float
    vector: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """One patch of an inspected frame, and the good patches that are nearest to it.

    Attributes:
        region: the region whose peak the patch is; None for a patch that was asked for, or of a DEFECT without regions.
        row, column: of the patch in the grid.
        y_px, x_px, height_px, width_px: the patch, in frame pixels.
        score: its calibrated score, in sigmas.
        nearest: the nearest good patches in the bank, the nearest first, exact.
    """

    region: Region | None
    row: int
    column: int
    y_px: int
    x_px: int
    height_px: int
    width_px: int
    score: float
    nearest: tuple[GoodPatch, ...]

    def to_dict(self) -> dict[str, Any]:
        """The explanation as plain values for `json.dumps`; scores with 4 decimals, distances with 6 digits.

        `region` is missing: the explanations of an inspection come in the order of its regions.
        """
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "region"}
        nearest = [dataclasses.asdict(patch) for patch in self.nearest]
        return plain | {
            "score": rounded(self.score, SCORE_DECIMALS),
            "nearest": [patch | {"distance": significant(patch["distance"], FIGURE_DIGITS)} for patch in nearest],
        }


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Memory:
    """Where the bank's vectors come from.

    Attributes:
        images: those that were learned.
        origins: `(N, 3) int32` image, row and column of the patch of each vector.
        grid: of all frames.
        roi: the part of all frames that the grid covers, or None.
    """

    images: ImageList
    origins: npt.NDArray[np.int32]
    grid: GridSpec
    roi: Roi | None

    def good_patch(self, vector: int, distance: float) -> GoodPatch:
        """The patch that a vector of the bank comes from.

        Args:
            vector: position in the bank.
            distance: cosine distance to the patch that is explained.
        """
        number, row, column = self.origins[vector].tolist()
        image = self.images.images[number]
        whole = Roi(y_px=0, x_px=0, height_px=image.height_px, width_px=image.width_px)
        place = patch_box(row, column, (self.grid.rows, self.grid.columns), self.roi or whole)
        return GoodPatch(
            image=image.name, sha256=image.sha256, **dataclasses.asdict(place), distance=distance, vector=vector
        )


class Explainer(Protocol):
    """Who can explain an inspection: the Inspector that made it."""

    def nearest_good(self, embeddings: npt.NDArray[np.float32], *, count: int = NEAREST) -> list[tuple[GoodPatch, ...]]:
        """The nearest good patches of each embedding."""

    def embed(self, frame: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The embeddings of a frame."""


class Link:
    """An inspection's way back to its Inspector. It keeps no Inspector alive, and does not enter other processes."""

    def __init__(self, explainer: Explainer | None) -> None:
        """Points to an Inspector, or to none."""
        self._explainer = None if explainer is None else weakref.ref(explainer)

    def __reduce__(self) -> tuple[type["Link"], tuple[None]]:
        return Link, (None,)

    def explainer(self) -> Explainer:
        """The Inspector.

        Raises:
            UsageError: it is gone, or was never in this process.
        """
        found = None if self._explainer is None else self._explainer()
        if found is None:
            raise UsageError(
                "explain: expected the Inspector that inspected the frame, in this process, found none; keep it open "
                "until its inspections are explained"
            )
        return found


NO_LINK = Link(None)
"""Of an inspection that no Inspector made."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class HotPatches:
    """The patches of one frame that may be explained without the frame: the hottest one, and every region's peak.

    Attributes:
        positions: `(n,) int64` in the grid, row by row, ascending.
        embeddings: `(n, D) float32`.
    """

    positions: npt.NDArray[np.int64]
    embeddings: npt.NDArray[np.float32]

    def rows(self, positions: Sequence[int]) -> npt.NDArray[np.float32] | None:
        """`(len(positions), D) float32` embeddings at these positions, or None if one of them is not kept."""
        places = np.searchsorted(self.positions, positions)
        kept = np.append(self.positions, -1)[places]
        return self.embeddings[places] if np.array_equal(kept, positions) else None


def hot_patches(
    grid: npt.NDArray[np.float32], embeddings: npt.NDArray[np.float32], *, pixel_threshold: float
) -> HotPatches:
    """Keeps the embeddings that an explanation needs: of the hottest patch and of every region's peak.

    A peak is a patch above the pixel threshold that no patch beside it exceeds. Most frames have one such patch or two,
    so a kept inspection stays small: all embeddings of a frame may take 2 MB.

    Args:
        grid: `(rows, columns) float32` calibrated scores.
        embeddings: `(rows * columns, D) float32`.
        pixel_threshold: calibrated score above which a patch belongs to a region.
    """
    positions = np.array([grid.argmax()])
    if grid.flat[positions[0]] > pixel_threshold:
        edged = np.full((grid.shape[0] + 2, grid.shape[1] + 2), -np.inf, np.float32)
        edged[1:-1, 1:-1] = grid
        over_columns = np.maximum(np.maximum(edged[:, :-2], edged[:, 1:-1]), edged[:, 2:])
        around = np.maximum(np.maximum(over_columns[:-2], over_columns[1:-1]), over_columns[2:])
        positions = np.flatnonzero((grid > pixel_threshold) & (grid >= around))
    return HotPatches(positions=positions, embeddings=embeddings[positions])


def nearest_good(
    link: Link,
    hot: HotPatches | None,
    shape: tuple[int, ...],
    patches: Sequence[tuple[int, int]],
    *,
    count: int,
    frame: npt.NDArray[Any] | None,
) -> list[tuple[GoodPatch, ...]]:
    """The good patches that are nearest to each of these patches of one frame.

    Args:
        link: to the Inspector that inspected it.
        hot: the embeddings that were kept.
        shape: rows and columns of the grid.
        patches: their rows and columns.
        count: how many each.
        frame: the inspected frame, or None.

    Raises:
        UsageError: a patch is outside the grid, the Inspector cannot say, or the frame is needed and not given.
    """
    rows, columns = shape
    if count < 1 or any(not (0 <= row < rows and 0 <= column < columns) for row, column in patches):
        raise UsageError(
            f"explain: expected patches of the {rows}x{columns} grid and at least 1 good patch each, found "
            f"{list(patches)} and {count}"
        )
    explainer, positions = link.explainer(), [row * columns + column for row, column in patches]
    embeddings = None if hot is None else hot.rows(positions)
    if embeddings is None and frame is None:
        raise UsageError(
            "explain: expected the frame, because an inspection keeps the embeddings of regions' peaks and of the "
            "hottest patch alone, found none; give frame=..."
        )
    if embeddings is None and frame is not None:
        embeddings = explainer.embed(frame)[positions]
    return [] if embeddings is None else explainer.nearest_good(embeddings, count=count)


def explain_patches(
    link: Link,
    hot: HotPatches | None,
    grid: npt.NDArray[np.float32],
    area: Roi,
    patches: Sequence[tuple[int, int]],
    regions: Sequence[Region | None],
    *,
    count: int,
    frame: npt.NDArray[Any] | None,
) -> tuple[Explanation, ...]:
    """The explanations of these patches of one frame; arguments and errors as in `nearest_good`.

    Args:
        grid: `(rows, columns) float32` calibrated scores.
        area: the part of the frame that the grid covers.
        regions: the region whose peak each patch is, or None.
    """
    found = nearest_good(link, hot, grid.shape, patches, count=count, frame=frame)
    return tuple(
        Explanation(
            region=region,
            row=row,
            column=column,
            **dataclasses.asdict(patch_box(row, column, grid.shape, area)),
            score=grid.item(row, column),
            nearest=good,
        )
        for region, (row, column), good in zip(regions, patches, found, strict=True)
    )


def patch_box(row: int, column: int, shape: tuple[int, ...], area: Roi) -> Roi:
    """The smallest box of whole frame pixels that holds a patch.

    Args:
        row, column: of the patch.
        shape: rows and columns of the grid.
        area: the part of the frame that the grid covers.
    """
    rows, columns = shape
    top, left = row * area.height_px // rows, column * area.width_px // columns
    bottom, right = -(-(row + 1) * area.height_px // rows), -(-(column + 1) * area.width_px // columns)
    return Roi(y_px=area.y_px + top, x_px=area.x_px + left, height_px=bottom - top, width_px=right - left)
