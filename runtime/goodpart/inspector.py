"""Inspector: load a bundle, inspect frames. The facade."""

import functools
import logging
import os
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.lifetime import Lifetime
from goodpart.bank.search import Bank
from goodpart.bundle.atlas import Atlas
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.device import DeviceSettings, read_device
from goodpart.bundle.golden import golden_errors
from goodpart.bundle.in_force import InForce, Setting
from goodpart.bundle.memory import good_patches, read_memory
from goodpart.bundle.parts import load_parts, tell_moved
from goodpart.errors import UsageError
from goodpart.facts.calibration import Calibration
from goodpart.facts.checks import FrameChecks
from goodpart.facts.no_signal import SignalRule
from goodpart.frames.checks import check_size, look_at
from goodpart.model.backbone import Backbone
from goodpart.model.seen import SeenFrame
from goodpart.printable import printable
from goodpart.scoring.explanation import NEAREST, GoodPatch, Link, Memory, hot_patches
from goodpart.scoring.inspection import Inspection
from goodpart.scoring.judge import judge
from goodpart.scoring.scores import finite_scores, image_score, score_grid
from goodpart.scoring.term import KnownTerm

_log = logging.getLogger(__name__)


class Inspector:
    """Judges frames with one bundle.

    Any number of threads may inspect with one Inspector at the same time; every frame gets the same bits as alone. A
    process that was forked after loading must load its own Inspector.

    Attributes:
        backbone, bank, calibration: the parts.
        threshold, pixel_threshold: the bundle's own, or what this device has set instead, in sigmas.
        checks: what a frame must be like to be judged, as the bundle or this device says; None to check nothing.
        in_force: these three in one piece; a frame is judged by those of the moment at which it came.
    """

    threshold = Setting[float]()
    pixel_threshold = Setting[float]()
    checks = Setting[FrameChecks | None]()

    def __init__(
        self,
        *,
        backbone: Backbone,
        bank: Bank,
        calibration: Calibration,
        ignored: npt.NDArray[np.bool_] | None = None,
        bundle: Bundle | None = None,
        term: KnownTerm | None = None,
    ) -> None:
        """Puts an Inspector together from parts; `load` is the usual way.

        Args:
            backbone, bank, calibration: the parts.
            ignored: `(rows, columns) bool` patches that never count, None if all do.
            bundle: what they came from.
            term: what every patch's distance carries besides, None for nothing.
        """
        self.backbone, self.bank, self.calibration = backbone, bank, calibration
        self.in_force = InForce.own(calibration, None if bundle is None else bundle.manifest.checks)
        self._ignored, self._bundle, self._term = ignored, bundle, term
        self._signal_rule = SignalRule.NOISE if bundle is None else bundle.manifest.signal_rule
        self._lifetime = Lifetime(self._release)
        self._link = Link(self)
        self._counted = slice(None) if ignored is None else np.flatnonzero(~ignored.ravel())

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        threads: int | None = None,
        spinning: bool | None = None,
        public_key: str | os.PathLike[str] | None = None,
        minimum_serial: int = 0,
        on_device: bool = True,
    ) -> "Inspector":
        """Verifies every byte of a bundle, loads it, applies this device's settings and scores its golden frames.

        Args:
            folder: the bundle.
            threads: threads for one frame, 1 to 256, best at most the number of cores; None for what `goodpart tune`
                found on this device, or else all usable cores.
            spinning: whether threads wait busily; None for what `goodpart tune` found, or else not.
            public_key: PEM file with the Ed25519 public key that must have signed the bundle; None to take unsigned
                ones.
            minimum_serial: the lowest serial that is accepted.
            on_device: whether the settings of this device apply.

        Raises:
            BundleError: the bundle, or the device file beside it, is refused; which of its kinds says why.
            UsageError: a thread count out of range, or no such key.
        """
        parts = load_parts(
            folder, threads=threads, spinning=spinning, public_key=public_key, minimum_serial=minimum_serial,
            on_device=on_device,
        )  # fmt: skip
        bundle = parts.bundle
        inspector = cls(
            backbone=parts.backbone, bank=parts.bank, calibration=bundle.calibration, ignored=bundle.ignored,
            bundle=bundle, term=parts.term,
        )  # fmt: skip
        inspector.in_force = parts.settings.in_force(bundle)
        # the first call allocates and tunes, which had better happen before the first part; and a bundle that does not
        # reproduce its scores here must not judge anything
        inspector.self_test()
        _log.info("loaded %s, digest %s", printable(folder), bundle.digest)
        tell_moved(bundle, parts.settings)
        return inspector

    def reload_settings(self) -> bool:
        """Reads the device file again; its threshold and frame checks hold from the next frame on. Threads stay.

        Returns:
            whether frames are judged by anything else now.

        Raises:
            DeviceFileError, UsageError: the file is refused, or there is no bundle; frames are judged as before.
        """
        settings, before = read_device(self.bundle) or DeviceSettings(bundle=self.bundle.digest), self.in_force
        self.in_force = settings.in_force(self.bundle)
        tell_moved(self.bundle, settings)
        return self.in_force != before

    def __repr__(self) -> str:
        profile = self.backbone.spec.profile
        threads = self.backbone.threads
        name = "from parts" if self._bundle is None else self._bundle.manifest.name
        return (
            f"Inspector({name}, {profile.input_height_px}x{profile.input_width_px} input, "
            f"threshold {self.threshold:.4g}, {threads} thread{'s' * (threads > 1)})"
        )

    @property
    def threshold_moved(self) -> bool:
        """Whether another threshold than the bundle's own is in use."""
        return self.threshold != self.calibration.threshold

    @property
    def checks_moved(self) -> bool:
        """Whether other frame checks than the bundle's own are in use."""
        return self._moves(self.checks)

    @property
    def bundle(self) -> Bundle:
        """The checked bundle.

        Raises:
            UsageError: this Inspector was put together from parts, as it is while a bundle is being built.
        """
        if self._bundle is None:
            raise UsageError("inspector: expected one loaded from a bundle, found one put together from parts")
        return self._bundle

    def inspect(self, frame: npt.NDArray[Any], *, seen: SeenFrame | None = None) -> Inspection:
        """Judges one frame.

        Args:
            frame: `(H, W, 3)` or `(H, W)`, exactly as the bundle declares; any height and width.
            seen: what `see` gave for this very frame; None to run the backbone.

        Raises:
            FrameError, InferenceError: the frame, or what was seen, is refused; it has no verdict.
            UsageError: this Inspector is closed, or was loaded before the process forked.
        """
        with self._lifetime.frame():
            return self._inspect(frame, seen)

    @functools.cached_property
    def memory(self) -> Memory:
        """Where the bank's vectors come from; read when it is asked for.

        Raises:
            UsageError: the bundle does not say, as in format version 1.
            BundleError: its list of images or its origins are damaged.
        """
        return read_memory(self.bundle)

    @functools.cached_property
    def atlas(self) -> Atlas:
        """Small pictures of the learned images; `atlas.patch(good)` shows a good patch of an explanation.

        Raises:
            UsageError, BundleError: as in `memory`; or the bundle was built without thumbnails.
        """
        return Atlas(self.bundle, self.memory)

    def nearest_good(self, embeddings: npt.NDArray[np.float32], *, count: int = NEAREST) -> list[tuple[GoodPatch, ...]]:
        """The good patches nearest to each embedding, the nearest first; `Inspection.explain` is the usual way.

        Args:
            embeddings: `(R, D) float32` unit vectors.
            count: how many each, at least 1.

        Raises:
            UsageError, BundleError: as in `memory`; or this Inspector is closed.
        """
        with self._lifetime.frame():
            return good_patches(self.memory, self.bank.vectors, embeddings, count=count)

    def embed(self, frame: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """`(P, D) float32` embeddings of one frame, as `Backbone.embed`; refuses as `inspect` does."""
        return self.see(frame).embeddings

    def see(self, frame: npt.NDArray[Any]) -> SeenFrame:
        """What the backbone gives for one frame, as `Backbone.see`; refuses as `inspect` does."""
        with self._lifetime.frame():
            self._refuse_size(frame, self.checks)
            return self.backbone.see(frame)

    def close(self) -> None:
        """Ends its threads and frees its memory.

        Frames that other threads are inspecting still get their verdict. Closing twice is fine.
        """
        self._lifetime.close()

    def __enter__(self) -> "Inspector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _moves(self, checks: FrameChecks | None) -> bool:
        return self._bundle is not None and checks != self._bundle.manifest.checks

    def _release(self) -> None:
        self.backbone.close()
        self.bank.close()

    def _refuse_size(self, frame: npt.NDArray[Any], checks: FrameChecks | None) -> None:
        if checks is not None:
            check_size(checks, *self.backbone.spec.frame.check(frame).shape[:2])

    def _inspect(self, frame: npt.NDArray[Any], seen: SeenFrame | None) -> Inspection:
        # read once: another thread may change the settings while this frame is judged
        began, now = time.perf_counter(), self.in_force
        self._refuse_size(frame, now.checks)
        seen = self.backbone.see(frame) if seen is None else self.backbone.checked(seen)
        embedded = time.perf_counter()
        kept = seen.only(self._counted)
        counted = kept.embeddings
        top_k = self.backbone.spec.profile.top_k(len(counted))
        limit = self.calibration.mean + now.pixel_threshold * self.calibration.std
        term = None if self._term is None else self._term.of(kept)
        found = self.bank.search(counted, top_k=top_k, exact_above=limit, term=term)
        searched = time.perf_counter()
        scores = finite_scores(found.sums, self.calibration)
        score = image_score(scores, top_k)
        reason, statistics = look_at(frame, self.backbone.spec.frame, now.checks, self._signal_rule)
        verdict, reason = judge(score, now.threshold, reason, counted, found.distances)
        grid = score_grid(scores, self._counted, self.backbone.spec.grid)
        times = began, embedded, searched, time.perf_counter()
        return Inspection(
            verdict=verdict,
            reason=reason,
            score=score,
            threshold=now.threshold,
            threshold_moved=now.threshold != self.calibration.threshold,
            checks_moved=self._moves(now.checks),
            pixel_threshold=now.pixel_threshold,
            p_value=self.calibration.p_value(score),
            grid=grid,
            ignored=self._ignored,
            smoothing=self.backbone.spec.profile.smoothing,
            frame_height_px=frame.shape[0],
            frame_width_px=frame.shape[1],
            frame_spec=self.backbone.spec.frame,
            timings_ms=dict(zip(("embed", "search", "score"), (np.diff(times) * 1e3).tolist(), strict=True)),
            recomputed_patches=found.recomputed,
            statistics=statistics,
            _hot=hot_patches(grid, seen.embeddings, pixel_threshold=now.pixel_threshold),
            _link=self._link,
        )

    def self_test(self) -> dict[str, float]:
        """Scores the bundle's golden frames.

        Returns:
            how far each golden frame's score is off on this machine, in sigmas.

        Raises:
            SelfTestError: one has no score, or one that is off by more than the manifest allows.
            ContractError: one is not a frame as the manifest declares them.
        """
        return golden_errors(self.bundle, lambda frame: self.inspect(frame).score)
