"""Look closer: an image's heat map against a bank without it, its hottest place, and what good parts have instead."""

import contextlib
import dataclasses
import heapq
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from goodpart._host.inner_products import inner_products
from goodpart._host.parallel import in_order
from goodpart.bank.exact import exact_distances
from goodpart.errors import FrameError
from goodpart.facts.calibration import Calibration, threshold_for
from goodpart.facts.spec import Roi
from goodpart.frames.images import ImageReader
from goodpart.model.backbone import Backbone
from goodpart.model.seen import SeenFrame
from goodpart.scoring.crops import crop
from goodpart.scoring.maps import enlarge
from goodpart.scoring.overlay import visible
from goodpart.scoring.scores import image_score
from goodpart.scoring.term import KnownTerm
from goodpart_bank_builder.data.good_folder import read_good_folder
from goodpart_bank_builder.data.ignore_mask import ignored_patches, read_ignore_mask
from goodpart_bank_builder.data.settings import FolderSettings
from goodpart_bank_builder.progress import progress
from goodpart_bank_builder.report.small_picture import SIDE_PX, Picture, Pixels, Place, boxed, picture_of

_CROP_PX = 150
_CROP_SHARE = 0.16
"""Side of a crop, as a share of the frame's longer side."""

_NEAREST = 3
_MOST_COMPARED = 300
"""The most images among which the nearest patches are sought; of more, a random sample."""

_SAME = 1e-5
"""A bank vector this near to a patch is that patch."""

_CONTOUR, _HALO = (255, 255, 255), (0, 0, 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CloseLook:
    """An image that wants a look, seen closer.

    Attributes:
        picture: the image, with a box around its hottest place.
        heat_map: the image under its calibrated scores against a bank without it; the contour is the pixel
            threshold.
        patch: number of the hottest patch in the grid, row by row.
        place: the part of the image around it.
        score, peak: image score and highest calibrated score against that bank, in sigmas.
        nearest: the nearest places of good images: name, cosine distance and picture.
    """

    picture: Picture
    heat_map: Picture
    patch: int
    place: Picture
    score: float
    peak: float
    nearest: tuple[Place, ...]


@dataclasses.dataclass
class _Hottest:
    frame: npt.NDArray[Any]
    scores: npt.NDArray[np.float64]
    embedding: npt.NDArray[np.float32]
    patch: int
    nearest: list[tuple[float, str, int]]


class Closer:
    """Looks closer at images of one folder.

    Attributes:
        compared: how many images the nearest places were sought in, of how many.
        pixel_threshold: of the images that were not looked at closer, in sigmas; the contour in heat maps.
    """

    def __init__(
        self,
        settings: FolderSettings,
        backbone: Backbone,
        vectors: npt.NDArray[np.float32],
        term: KnownTerm | None = None,
    ) -> None:
        """Takes what is needed.

        Args:
            settings: the folder.
            backbone: embeds its images.
            vectors: `(N, D) float32` the bank that was learned from them.
            term: what the distances carry besides, as in the calibration; None for nothing.
        """
        spec = backbone.spec
        self.compared, self.pixel_threshold = (0, 0), 0.0
        self._settings, self._backbone, self._vectors, self._term = settings, backbone, vectors, term
        self._reader = ImageReader(max_megapixels=settings.max_megapixels)
        self._counted = np.arange(spec.grid.patches)
        if settings.ignore is not None:
            mask = read_ignore_mask(settings.ignore, max_megapixels=settings.max_megapixels)
            self._counted = np.flatnonzero(~ignored_patches(mask, spec.frame, spec.grid))

    def visible(self, path: Path) -> Pixels:
        """`(H, W, 3) uint8` RGB, an image as a person sees it."""
        spec = self._backbone.spec.frame
        return np.asarray(np.rint(visible(self._reader.read(path, spec), spec)), np.uint8)

    def look_at(self, names: Sequence[str], calibration: Calibration) -> dict[str, CloseLook]:
        """Looks closer at images, which are taken to be no examples of good ones.

        Args:
            names: below the folder.
            calibration: scale and thresholds.

        Raises:
            FrameError: one of the images can no longer be read.
        """
        if not names:
            return {}
        self.pixel_threshold = _without_highest(calibration, len(names))
        seen = {name: self._seen(self._settings.path_of(name)) for name in names}
        bank = self._bank_without(np.concatenate([each.embeddings for each in seen.values()]))
        if len(bank) < self._backbone.spec.profile.neighbours:
            return {}
        hottest = {name: self._hottest(name, each, bank, calibration) for name, each in seen.items()}
        self._find_nearest(hottest)
        return {name: self._drawn(found) for name, found in hottest.items()}

    def _embedded(self, path: Path) -> npt.NDArray[np.float32]:
        return self._seen(path).embeddings

    def _seen(self, path: Path) -> SeenFrame:
        return self._backbone.see(self._reader.read(path, self._backbone.spec.frame)).only(self._counted)

    def _bank_without(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The bank without the vectors that come from these patches."""
        to_nearest = exact_distances(rows, self._vectors, neighbours=1, threads=self._settings.threads)
        return np.ascontiguousarray(self._vectors[to_nearest > _SAME])

    def _hottest(self, name: str, seen: SeenFrame, bank: npt.NDArray[np.float32], calibration: Calibration) -> _Hottest:
        neighbours = self._backbone.spec.profile.neighbours
        found = exact_distances(bank, seen.embeddings, neighbours=neighbours, threads=self._settings.threads)
        if self._term is not None:
            found = found + self._term.of(seen)
        place = int(found.argmax())
        return _Hottest(
            frame=self._reader.read(self._settings.path_of(name), self._backbone.spec.frame),
            scores=(found - calibration.mean) / calibration.std,
            embedding=seen.embeddings[place],
            patch=int(self._counted[place]),
            nearest=[],
        )

    def _find_nearest(self, hottest: dict[str, _Hottest]) -> None:
        """Finds the nearest place in every other image, and keeps the nearest images."""
        good = read_good_folder(self._settings)
        parts, names = good.parts, good.names
        part_of = {names[path]: part for path, part in parts.items()}
        others = [path for path in parts if names[path] not in hottest]
        chosen = [others[row] for row in np.random.default_rng(0).permutation(len(others))[:_MOST_COMPARED]]
        queries = np.stack([found.embedding for found in hottest.values()])

        def search(path: Path) -> npt.NDArray[np.float32] | None:
            # what could not be learned cannot be compared with either
            with contextlib.suppress(FrameError):
                return inner_products(self._embedded(path), queries)
            return None

        watched = progress(chosen, doing="comparing suspects", total=len(chosen), unit="images")
        with contextlib.closing(in_order(search, watched, workers=self._settings.threads)) as found:
            for path, similar in found:
                if similar is None:
                    continue
                name = names[path]
                for (own, suspect), column in zip(hottest.items(), similar.T, strict=True):
                    if part_of.get(own) != parts[path]:
                        row = int(column.argmax())
                        place = (1.0 - float(column[row]), name, int(self._counted[row]))
                        suspect.nearest = heapq.nsmallest(_NEAREST, [*suspect.nearest, place])
        self.compared = (len(chosen), len(others))

    def _drawn(self, found: _Hottest) -> CloseLook:
        spec = self._backbone.spec
        picture = np.asarray(np.rint(visible(found.frame, spec.frame)), np.uint8)
        top_k = spec.profile.top_k(len(found.scores))
        return CloseLook(
            picture=picture_of(boxed(picture, self._crop_of(picture, found.patch), width_px=_line_px(picture))),
            heat_map=picture_of(self._heat_map(picture, found.scores, self.pixel_threshold)),
            patch=found.patch,
            place=self._cropped(picture, found.patch),
            score=image_score(found.scores, top_k),
            peak=float(found.scores.max()),
            nearest=tuple(
                (name, distance, self._cropped(self.visible(self._settings.path_of(name)), patch))
                for distance, name, patch in found.nearest
            ),
        )

    def _heat_map(self, picture: Pixels, scores: npt.NDArray[np.float64], threshold: float) -> Pixels:
        """The picture under its scores: no colour up to half the pixel threshold, full colour from twice of it on."""
        spec = self._backbone.spec
        grid = np.full(spec.grid.patches, min(0.0, float(scores.min())), np.float32)
        grid[self._counted] = scores
        area = self._area(picture)
        inside = picture[area]
        large = enlarge(grid.reshape(spec.grid.rows, spec.grid.columns), *inside.shape[:2])
        level = np.clip((large - 0.5 * threshold) / max(1.5 * threshold, 1e-6), 0.0, 1.0)
        colours = cv2.applyColorMap((80 + level * 175).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
        weight = (0.7 * np.sqrt(level))[:, :, np.newaxis]
        drawn: Pixels = picture.copy()
        mixed = np.ascontiguousarray(np.rint(inside * (1.0 - weight) + colours * weight).astype(np.uint8))
        contours, _ = cv2.findContours((large > threshold).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        width_px = _line_px(picture)
        for colour, width in ((_HALO, 3 * width_px), (_CONTOUR, width_px)):
            cv2.drawContours(mixed, contours, -1, colour, width)
        drawn[area] = mixed
        return drawn

    def _area(self, picture: Pixels) -> tuple[slice, slice]:
        """The inspected part of the frame."""
        roi = self._backbone.spec.frame.roi
        if roi is None:
            return slice(0, picture.shape[0]), slice(0, picture.shape[1])
        return slice(roi.y_px, roi.y_px + roi.height_px), slice(roi.x_px, roi.x_px + roi.width_px)

    def _crop_of(self, picture: Pixels, patch: int) -> Roi:
        """The square around a patch, in frame pixels, inside the frame."""
        grid, (rows, columns) = self._backbone.spec.grid, self._area(picture)
        row, column = divmod(patch, grid.columns)
        middle = (
            rows.start + (row + 0.5) * (rows.stop - rows.start) / grid.rows,
            columns.start + (column + 0.5) * (columns.stop - columns.start) / grid.columns,
        )
        side = max(8, round(_CROP_SHARE * max(picture.shape[:2])))
        top, left = (
            int(np.clip(round(at - side / 2), 0, max(0, length - side)))
            for at, length in zip(middle, picture.shape[:2], strict=True)
        )
        height, width = min(side, picture.shape[0]), min(side, picture.shape[1])
        return Roi(y_px=top, x_px=left, height_px=height, width_px=width)

    def _cropped(self, picture: Pixels, patch: int) -> Picture:
        return picture_of(crop(picture, self._crop_of(picture, patch), context=0.0).picture, side_px=_CROP_PX)


def _without_highest(calibration: Calibration, count: int) -> float:
    """The pixel threshold without the highest peaks: an image that carries it would otherwise never pass it."""
    peaks = calibration.peaks[: max(1, len(calibration.peaks) - count)]
    return threshold_for(peaks, max(calibration.false_reject_rate, 1.0 / (len(peaks) + 1)))


def _line_px(picture: Pixels) -> int:
    """Width of a line that is one pixel wide once the picture is small."""
    longest_px: int = max(picture.shape[:2])
    return max(1, round(longest_px / SIDE_PX))
