"""Embedding of good images with the runtime's backbone."""

import contextlib
import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.parallel import in_order
from goodpart.errors import FrameError, InferenceError, UsageError
from goodpart.facts.no_signal import no_signal
from goodpart.frames.images import ImageReader
from goodpart.frames.unfit import refusal, unfit_among
from goodpart.model.backbone import Backbone
from goodpart.printable import printable
from goodpart_bank_builder.data.ignore_mask import ignored_patches, read_ignore_mask
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.frame_facts import FrameFacts, frame_facts
from goodpart_bank_builder.learn.lessons import Lessons
from goodpart_bank_builder.learn.lookalikes import Lookalikes
from goodpart_bank_builder.learn.workspace import KeptImage, Workspace

KEPT_BYTES = 1 << 30
"""Memory for embeddings, which are needed twice. Images that do not fit are embedded again."""

_DEFAULTS = LearnSettings()


class GoodImages:
    """Good images and their embeddings; at most `KEPT_BYTES` of embeddings stay in memory.

    Attributes:
        contents: the sha256 of every file read, by path.
        skipped: files that could not be read or did not fit the frame's specification, and why.
        frames: what every image that was read is like as a picture, by path.
        ignored: `(rows, columns) bool` patches that never count, None if all count.
        patches: patches of one image that count.
        lookalikes: summaries of the images read, to find near-identical images.
        hottest: `(P,) float32` highest pixel values of the patches of every image that was read, by path; empty if the
            profile has no excess.
    """

    def __init__(
        self,
        backbone: Backbone,
        settings: LearnSettings = _DEFAULTS,
        *,
        lessons: Lessons | None = None,
        every: Sequence[Path] = (),
        workspace: Workspace | None = None,
    ) -> None:
        """Sets how images are embedded.

        Args:
            backbone: the backbone of the future bundle.
            settings: `ignore`, `threads` and `skip_unreadable` are used; every skipped image is named on stderr.
            lessons: gets every image once, to paint a defect on it; None to paint none.
            every: all images that will be read. If one of them cannot be used, the error names all that cannot.
            workspace: what earlier builds have embedded; None for none.

        Raises:
            UsageError: the ignore mask cannot be read or leaves no patch.
        """
        spec = backbone.spec
        most = settings.max_megapixels
        self._mask = None if settings.ignore is None else read_ignore_mask(settings.ignore, max_megapixels=most)
        self._reader = ImageReader(max_megapixels=most, say=lambda text: print(printable(text), file=sys.stderr))
        self.ignored = None if self._mask is None else ignored_patches(self._mask, spec.frame, spec.grid)
        self._counted = np.arange(spec.grid.patches) if self.ignored is None else np.flatnonzero(~self.ignored)
        self.patches = len(self._counted)
        self.contents: dict[Path, str] = {}
        self.skipped: dict[Path, str] = {}
        self.frames: dict[Path, FrameFacts] = {}
        self.hottest: dict[Path, npt.NDArray[np.float32]] = {}
        self.lookalikes = Lookalikes(spec.grid.rows, spec.grid.columns, self._counted)
        self._backbone, self._settings, self._lessons, self._every = backbone, settings, lessons, every
        self._workspace = workspace
        self._earlier: dict[Path, KeptImage | None] = {}
        self._number: dict[Path, int] = {}
        self._first_path: dict[str, Path] = {}
        self._kept: dict[Path, npt.NDArray[np.float32]] = {}
        self._kept_bytes = 0

    def read(self, paths: Iterable[Path]) -> Iterator[tuple[Path, npt.NDArray[np.float32]]]:
        """Yields the readable images, each with `(P, D) float32` unit vectors of the patches that count.

        Raises:
            FrameError: an image cannot be read, is not what the backbone declares, has no signal, or has a patch
                without any feature; UnfitImagesError if there are several of the first three kinds.
            UsageError: an image differs in size from the ignore mask, or two files have the same content: each copy
                would count as a part of its own.
        """
        wanted = (path for path in paths if path not in self.skipped)
        with contextlib.closing(in_order(self._found, wanted, workers=self._settings.threads)) as found:
            for path, embeddings in found:
                if isinstance(embeddings, FrameError):
                    if not self._settings.skip_unreadable:
                        raise self._refusal(path, embeddings) from embeddings
                    print(f"skipped: {embeddings}", file=sys.stderr)
                    self.skipped[path] = str(embeddings)
                    continue
                if path not in self.contents:
                    self._remember(path, embeddings)
                yield path, embeddings

    def origins(self, path: Path) -> npt.NDArray[np.int64]:
        """`(P,) int64` numbers that name the embeddings of an image that was read.

        A number is the position of the image in `contents`, times the patches of a frame, plus the position of the
        patch in the grid.
        """
        return self._number[path] * self._backbone.spec.grid.patches + self._counted

    def _found(self, path: Path) -> npt.NDArray[np.float32] | FrameError:
        """An image's embeddings from memory or computed now, or the error that says why there are none."""
        kept = self._kept.get(path)
        if kept is not None:
            return kept
        try:
            return self._embed(path)
        except FrameError as error:
            return error

    def _remember(self, path: Path, embeddings: npt.NDArray[np.float32]) -> None:
        """Records an image that was read for the first time."""
        self._number[path] = len(self.contents)
        self.contents[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        original = self._first_path.setdefault(self.contents[path], path)
        if original != path:
            others = "".join(f"; {copy} is a copy of {first}" for copy, first in self._copies() if copy != path)
            raise UsageError(
                f"{path}: expected another photograph, found a copy of {original}; remove one of them{others}"
            )
        earlier = self._earlier.pop(path, None)
        if earlier is not None:
            self.lookalikes.sketches[path] = earlier.sketch
        else:
            self.lookalikes.add(path, embeddings)
            if self._workspace is not None:
                kept = KeptImage(
                    embeddings=embeddings,
                    facts=self.frames[path],
                    sketch=self.lookalikes.sketches[path],
                    hottest=self.hottest.get(path),
                )
                self._workspace.keep_image(self.contents[path], kept)
        if self._kept_bytes + embeddings.nbytes <= KEPT_BYTES:
            self._kept[path] = embeddings
            self._kept_bytes += embeddings.nbytes

    def _copies(self) -> list[tuple[Path, Path]]:
        """All images that are copies of an earlier one, each with that one."""
        first: dict[str, Path] = {}
        digests = [(path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in self._every]
        return [(path, first[digest]) for path, digest in digests if first.setdefault(digest, path) != path]

    def _refusal(self, first: Path, error: FrameError) -> FrameError:
        """The error for an unfit image and all others like it; they are read, but no longer embedded."""
        others = [path for path in self._every if path != first and path not in self.contents]
        found = unfit_among(others, self._fit_frame, workers=self._settings.threads)
        return refusal([error, *found], images=max(len(self._every), 1))

    def _fit_frame(self, path: Path) -> npt.NDArray[Any]:
        """Refuses a frame that an Inspector would call UNKNOWN: otherwise it would be learned as good."""
        frame = self._reader.read(path, self._backbone.spec.frame)
        reason = no_signal(frame, self._backbone.spec.frame)
        if reason is not None:
            raise FrameError(f"{path}: expected a photograph of a good part, found {reason}; remove it")
        return frame

    def _embed(self, path: Path) -> npt.NDArray[np.float32]:
        kept = None
        if self._workspace is not None:
            kept = self._workspace.image(hashlib.sha256(_bytes_of(path)).hexdigest())
        if kept is None:
            return self._embed_now(path)
        if path not in self.frames:
            self._earlier[path] = kept
            self.frames[path] = kept.facts
            if kept.hottest is not None:
                self.hottest[path] = kept.hottest
            self._teach(path, None, kept.embeddings)
        return kept.embeddings

    def _teach(self, path: Path, frame: npt.NDArray[Any] | None, embeddings: npt.NDArray[np.float32]) -> None:
        """Paints a defect on an image that is read for the first time."""
        if self._lessons is None:
            return
        try:
            self._lessons.add(path, self._fit_frame(path) if frame is None else frame, embeddings, ignored=self.ignored)
        except InferenceError as error:
            raise InferenceError(f"{path}, with painted defects: {error}") from error

    def _embed_now(self, path: Path) -> npt.NDArray[np.float32]:
        frame = self._fit_frame(path)
        if self._mask is not None and frame.shape[:2] != self._mask.shape:
            height_px, width_px = self._mask.shape
            raise UsageError(
                f"{path}: expected {height_px}x{width_px} pixels (HxW) like the ignore mask, "
                f"found {frame.shape[0]}x{frame.shape[1]}"
            )
        try:
            seen = self._backbone.see(frame).only(self._counted)
        except InferenceError as error:
            raise InferenceError(f"{path}: {error}") from error
        embeddings = seen.embeddings
        if without := len(embeddings) - np.count_nonzero(embeddings.any(axis=1)):
            raise FrameError(
                f"{path}: expected features in every patch, found none in {without} of {len(embeddings)}; remove it, "
                f"or ignore that part of the frame"
            )
        if seen.hottest is not None:
            self.hottest[path] = seen.hottest
        if path not in self.frames:
            self.frames[path] = frame_facts(frame, self._backbone.spec.frame)
            self._teach(path, frame, embeddings)
        return embeddings


def _bytes_of(path: Path) -> bytes:
    """The bytes of an image; none if it cannot be read, which the reader says better."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
