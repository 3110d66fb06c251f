"""The judge: from a frame to what the station knows about it. It waits for nothing, and touches no disk or socket."""

import contextlib
import time
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from goodpart import FrameError, FrozenGuard, InferenceError, Inspection, Inspector, UsageError, Verdict
from goodpart_station.codes import Reason
from goodpart_station.conductor.effects import Judgement
from goodpart_station.part import Frame, Part
from goodpart_station.products import Products
from goodpart_station.sources.pixels import misfit

_NO_SIGNAL = "no signal"
"""How the runtime's reasons begin where there is nothing in the frame."""


class Judge:
    """Inspects the frames of one camera, each with the bundle of its part's product. One thread uses it."""

    def __init__(self, products: Products, *, repeats: bool) -> None:
        """Starts without a frame.

        Args:
            products: where the Inspectors are.
            repeats: whether the same frame may come again on purpose, as in a replay that begins again.
        """
        self._products, self._repeats = products, repeats
        self._chosen = _Chosen()
        # one for the camera, whatever the product: a camera that freezes at the change-over repeats the last product
        self._guard = FrozenGuard(self._chosen)

    def look(self, part: Part, frame: Frame, passed: Sequence[Frame] = ()) -> Judgement:
        """What is in the frame. It never raises for what a frame or a bundle holds.

        Args:
            part: whose frame it is.
            frame: the frame.
            passed: frames that came before it and were no part's, or a refused part's.
        """
        began_ns = time.monotonic_ns()
        ms = {"queue": _ms(began_ns - max(frame.at_ns, part.triggered_ns))}
        if frame.at_ns >= part.triggered_ns:
            ms["grab"] = _ms(frame.at_ns - part.triggered_ns)
        if frame.unreadable is not None:
            return _refused(Reason.FRAME_REFUSED, frame.unreadable, ms)
        live = self._products.get(part.product)
        if live is None:
            why = f"expected product {part.product} in memory, found it released; prepare it again"
            return _refused(Reason.PRODUCT_NOT_READY, why, ms)
        # read once: a refresh may change it at any moment
        inspector = live.inspector
        checks = inspector.bundle.manifest.checks
        unfit = misfit(frame, inspector.backbone.spec.frame, None if checks is None else checks.size)
        if unfit is not None:
            return _refused(Reason.FRAME_REFUSED, unfit, ms)
        try:
            self._pass_over(inspector, passed)
            inspection = self._inspect(inspector, frame)
        except (InferenceError, UsageError) as error:
            return _refused(Reason.INFERENCE_ERROR, str(error), ms)
        except FrameError as error:
            return _refused(Reason.FRAME_REFUSED, str(error), ms)
        except MemoryError:
            return _refused(Reason.INFERENCE_ERROR, "expected memory for this frame, found none left", ms)
        bundle = inspector.bundle
        return Judgement(
            inspection=inspection,
            reason=self._reason(inspection),
            detail=inspection.reason,
            product=part.product,
            bundle=bundle.digest,
            serial=bundle.manifest.serial,
            ms=ms | inspection.timings_ms,
        )

    def _pass_over(self, inspector: Inspector, passed: Sequence[Frame]) -> None:
        """Lets the guard see frames that are not judged: a camera may have frozen on one of them."""
        for frame in passed:
            if frame.unreadable is None and not self._repeats:
                with contextlib.suppress(FrameError):
                    self._guard.pass_over(inspector.backbone.spec.frame.check(frame.pixels))

    def _inspect(self, inspector: Inspector, frame: Frame) -> Inspection:
        self._chosen.use(inspector)
        # a guard that has seen no frame knows no repeat, but an incomplete frame
        guard = FrozenGuard(self._chosen) if self._repeats else self._guard
        # the conductor looks at the numbers of all frames, because it also knows those that never come here
        return guard.inspect(frame.pixels, complete=frame.complete)

    def _reason(self, inspection: Inspection) -> Reason:
        if inspection.verdict is not Verdict.UNKNOWN:
            return Reason.NONE
        signal = (inspection.reason or "").startswith(_NO_SIGNAL)
        # what the guard says over an inspector that has found nothing wrong
        if self._chosen.verdict is not Verdict.UNKNOWN:
            return Reason.FROZEN_CAMERA if signal else Reason.UNFIT_FRAME
        return Reason.NO_SIGNAL if signal else Reason.UNFIT_FRAME


class _Chosen:
    """The Inspector of the next frame, and what it said by itself, before the guard."""

    def __init__(self) -> None:
        self._inspector: Inspector | None = None
        self.verdict: Verdict | None = None

    def use(self, inspector: Inspector) -> None:
        self._inspector = inspector

    def inspect(self, frame: npt.NDArray[Any]) -> Inspection:
        if self._inspector is None:
            raise UsageError("judge: expected an Inspector, found none")
        inspection = self._inspector.inspect(frame)
        self.verdict = inspection.verdict
        return inspection


def _refused(reason: Reason, why: str, ms: dict[str, float]) -> Judgement:
    return Judgement(inspection=None, reason=reason, detail=why, product=0, ms=ms)


def _ms(duration_ns: int) -> float:
    return duration_ns / 1e6
