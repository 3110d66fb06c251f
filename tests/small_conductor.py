"""A conductor whose clock is told in milliseconds, and what it is told; for tests."""

import dataclasses

from goodpart import Verdict
from goodpart_station.codes import Command, Reason
from goodpart_station.conductor.conductor import Conductor
from goodpart_station.conductor.effects import Answer, Effect, Expose, Judge, Judgement, Prepare, Taken
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.part import Frame, Part
from line_model import PIXELS, inspection
from line_schedule import MS, rules


def shown(effects: tuple[Effect, ...]) -> list[str]:
    """Effects in short words, such as "take 3" and "3 REFUSED OVERRUN" of the part that the PLC calls 3."""
    return [_shown(effect) for effect in effects]


def _shown(effect: Effect) -> str:
    if isinstance(effect, Prepare):
        return f"prepare {effect.product}"
    number = effect.part.plc_seq if effect.part.plc_seq is not None else f"part {effect.part.seq}"
    match effect:
        case Taken():
            return f"take {number}"
        case Expose():
            return f"expose {number}"
        case Judge(_, frame):
            return f"judge {number} by {frame.name}"
        case Answer():
            late = " late" if effect.late else ""
            reason = "" if effect.reason is Reason.NONE else f" {effect.reason.name}"
            return f"{number} {effect.verdict.name}{reason}{late}"


class Desk:
    """A conductor that is READY with product 1 at 0 ms.

    Attributes:
        conductor: the conductor.
        effects: of the last call.
        parts: every part that it has named, by the PLC's number or, without one, by its own.
    """

    def __init__(self, kind: TriggerKind, *, ready: bool = True, **changed: object) -> None:
        settings = dataclasses.replace(rules(kind, auto_reset=False), **{"plc_timeout_ns": None, **changed})
        self.conductor = Conductor(settings, now_ns=0)
        self.effects: tuple[Effect, ...] = ()
        self.parts: dict[int, Part] = {}
        if ready:
            self.source(0)
            self.prepare(1, 0)

    def _did(self, effects: tuple[Effect, ...]) -> list[str]:
        self.effects = effects
        for effect in effects:
            if not isinstance(effect, Prepare):
                part = effect.part
                self.parts[part.seq if part.plc_seq is None else part.plc_seq] = part
        return shown(effects)

    def source(self, at: float) -> list[str]:
        return self._did(self.conductor.source_ready(round(at * MS)))

    def lose(self, at: float, why: str = "cable") -> list[str]:
        return self._did(self.conductor.source_lost(why, round(at * MS)))

    def prepare(self, product: int, at: float) -> list[str]:
        """Asks for a product, which is ready at once."""
        found = self.command(Command.PREPARE, at, product=product)[1]
        self.conductor.product_ready(product, round(at * MS))
        return found

    def command(self, command: int, at: float, *, product: int = 0) -> tuple[str, list[str]]:
        reason, effects = self.conductor.command(command, product=product, now_ns=round(at * MS))
        return reason.name, self._did(effects)

    def trigger(self, number: int | None, at: float, *, product: int = 0) -> list[str]:
        return self._did(self.conductor.trigger(number, product=product, now_ns=round(at * MS)))

    def frame(
        self,
        name: str,
        at: float,
        *,
        taken: float | None = None,
        id: int | None = None,  # noqa: A002
        asked_by: int | None = None,
    ) -> list[str]:
        taken_ns = round((at if taken is None else taken) * MS)
        frame = Frame(pixels=PIXELS, at_ns=taken_ns, camera_frame=id, name=name, asked_by=asked_by)
        return self._did(self.conductor.frame(frame, round(at * MS)))

    def judged(self, number: int, at: float, *, product: int | None = None, good: bool = True) -> list[str]:
        part = self.parts[number]
        found = dataclasses.replace(inspection(), verdict=Verdict.GOOD if good else Verdict.DEFECT)
        return self.say(
            number,
            at,
            Judgement(
                inspection=found, reason=Reason.NONE, detail=None, product=part.product if product is None else product
            ),
        )

    def say(self, number: int, at: float, judgement: Judgement) -> list[str]:
        return self._did(self.conductor.judged(self.parts[number], judgement, round(at * MS)))

    def tick(self, at: float) -> list[str]:
        return self._did(self.conductor.tick(round(at * MS)))

    @property
    def state(self) -> str:
        return self.conductor.state.name

    @property
    def wakeup(self) -> float | None:
        return None if self.conductor.wakeup_ns is None else self.conductor.wakeup_ns / MS


def refused(reason: Reason, detail: str | None = None) -> Judgement:
    """A judgement without an inspection."""
    return Judgement(inspection=None, reason=reason, detail=detail, product=0)


def ok(desk: Desk, number: int, at: float) -> None:
    """One part from trigger to GOOD in 20 ms, with a software trigger."""
    assert desk.trigger(number, at) == [f"take {number}", f"expose {number}"]
    assert desk.frame("f", at + 10) == [f"judge {number} by f"]
    assert desk.judged(number, at + 20) == [f"{number} GOOD"]
