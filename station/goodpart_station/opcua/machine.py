"""Machine: the state machines of OPC 40100-1, which follow the station, and the events of parts."""

from collections.abc import Callable
from typing import Any

from asyncua import Node, ua

from goodpart_station.codes import Reason, State
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.events import INFORMATION, TROUBLE, Events, Kind
from goodpart_station.opcua.model import Model
from goodpart_station.opcua.outbox import Acquired, News, Taken
from goodpart_station.opcua.record import Record
from goodpart_station.opcua.shapes import Shapes, configuration_id
from goodpart_station.opcua.states import (
    MACHINE_STEPS,
    MODE_STEPS,
    Machine,
    Mode,
    SystemState,
    Transition,
    machine_of,
    path,
    system_state_of,
)
from goodpart_station.part import Part, Result, Status

_OBJECT = ua.VariantType.ExtensionObject

_FIELDS = {
    "CreationTime": ua.VariantType.DateTime,
    "IsPartial": ua.VariantType.Boolean,
    "IsSimulated": ua.VariantType.Boolean,
    "ResultState": ua.VariantType.Int32,
    "ResultContent": ua.VariantType.Variant,
}
"""The fields of ResultReady that are no structures."""

_NOT_TOLD = ("HasTransferableDataOnFile",)
"""Fields of a result that its event does not have."""

_TAKES_JOBS = (State.READY, State.BUSY)


class StateMachine:
    """Shows states, and sends all events. Transitions come from the news of parts, and from the polled state.

    A part that is announced, photographed and answered between two polls is told step by step all the same.
    """

    def __init__(self, around: Around, record: Callable[[Result], Record]) -> None:
        """Begins in Preoperational.

        Args:
            around: the station.
            record: makes the record of a part.
        """
        self._around, self._record = around, record
        self._executing = Mode.CONTINUOUS if around.hardware or not around.triggered else Mode.SINGLE
        self._machine, self._mode = Machine.PREOPERATIONAL, Mode.INITIALIZED
        self._system_state: tuple[SystemState, str] | None = None
        self._open: set[int] = set()
        self._heard, self._why = False, ""
        self._recipe: tuple[int, str] = (0, "")

    async def build(self, model: Model) -> None:
        """Shows the first states, and lets clients subscribe to events."""
        self._model = model
        self._shapes = Shapes(model.vision, configuration_id(self._around))
        self._top = model.node("VisionStateMachine")
        self._sub = model.node("VisionStateMachine/AutomaticModeStateMachine")
        self._events = Events(model)
        await self._events.build([self._top, self._sub])
        self._current = {
            node.nodeid: [
                model.server.get_node(f"{node.nodeid.to_string()}.CurrentState{part}") for part in ("", ".Id")
            ]
            for node in (self._top, self._sub)
        }
        await self._show(self._top, self._machine)
        await self._show(self._sub, None)

    async def tell(self, news: News) -> None:
        """Sends what has happened to a part."""
        self._heard = True
        part = news.part
        if isinstance(news, Taken):
            await self._begin(part)
        elif isinstance(news, Acquired):
            if not self._around.triggered:
                await self._begin(part)
            # the picture of a part that has got TIMEOUT begins nothing anew
            if part.seq in self._open:
                await self._send_job(Kind.ACQUISITION_DONE, part, "the picture is there")
        elif not news.late:
            await self._answer(news)
            if part.seq in self._open:
                self._open.discard(part.seq)
                await self._finish(part)

    async def follow(self, status: Status) -> None:
        """Shows the state. It must be called after the news that came before the state was read."""
        if status.state is State.READY and not self._heard:
            # news were dropped
            self._open.clear()
        self._heard, self._why = False, status.why
        await self._go_machine(machine_of(status.state))
        if self._machine is Machine.OPERATIONAL:
            await self._go_mode(self._mode_of(status.state))
        await self._show_system(status)
        await self._tell_recipe(status)

    def _mode_of(self, state: State) -> Mode:
        if state is State.INITIALIZED:
            return Mode.INITIALIZED
        return self._executing if self._open else Mode.READY

    async def _begin(self, part: Part) -> None:
        """A part is in hand now."""
        if part.seq in self._open:
            return
        self._open.add(part.seq)
        # a part that was taken says that the station was ready, whatever it is when that is heard
        await self._go_machine(Machine.OPERATIONAL)
        await self._go_mode(self._executing)
        await self._send_job(Kind.JOB_STARTED, part, "the job has started")

    async def _finish(self, part: Part) -> None:
        """A part that was in hand is answered."""
        was_busy = not self._open and self._machine is Machine.OPERATIONAL and self._mode is self._executing
        # a part may have ended in FAULT or OUT_OF_STEP, which the next poll tells: no job is taken any more
        if was_busy and self._is_ready():
            await self._go_mode(Mode.READY)
            await self._send_job(Kind.READY, part, "ready for the next job")

    def _is_ready(self) -> bool:
        return self._around.line.status().state in _TAKES_JOBS

    async def _answer(self, result: Result) -> None:
        record = self._record(result)
        fields = {
            name: ua.Variant(value, _FIELDS.get(name, _OBJECT))
            for name, value in self._shapes.fields(record).items()
            if name not in _NOT_TOLD
        }
        why = (
            "" if result.reason is Reason.NONE else f" ({record.reason}{f': {result.detail}' if result.detail else ''})"
        )
        message = f"job {record.job_id}: {record.verdict}{why}"
        await self._events.send(Kind.RESULT_READY, self._sub, message, fields, at=result.at)

    async def _send_job(self, kind: Kind, part: Part, message: str) -> None:
        job = ua.Variant(self._shapes.job(str(part.seq)), _OBJECT)
        await self._events.send(kind, self._sub, f"job {part.seq}: {message}", {"JobId": job})

    async def _go_machine(self, after: Machine) -> None:
        for step in path(MACHINE_STEPS, self._machine, after):
            self._machine = step.after
            await self._show(self._top, step.after)
            if step.before is Machine.OPERATIONAL:
                await self._show(self._sub, None)
            elif step.after is Machine.OPERATIONAL:
                self._mode = Mode.INITIALIZED
                await self._show(self._sub, self._mode)
            await self._send_step(Kind.STATE_CHANGED, self._top, step)
            if step.after is Machine.ERROR:
                await self._send_step(Kind.ERROR, self._top, step, severity=TROUBLE)
            elif step.before is Machine.ERROR:
                await self._send_step(Kind.ERROR_RESOLVED, self._top, step)

    async def _go_mode(self, after: Mode) -> None:
        for step in path(MODE_STEPS, self._mode, after):
            self._mode = step.after
            await self._show(self._sub, step.after)
            await self._send_step(Kind.STATE_CHANGED, self._sub, step)

    async def _send_step(self, kind: Kind, source: Node, step: Transition[Any], *, severity: int = INFORMATION) -> None:
        fields = {}
        for name, text, number in (
            ("FromState", *step.before.value),
            ("ToState", *step.after.value),
            ("Transition", step.name, step.number),
        ):
            fields[name] = ua.Variant(ua.LocalizedText(text, "en"), ua.VariantType.LocalizedText)
            fields[f"{name}/Id"] = ua.Variant(self._model.type_node(number).nodeid, ua.VariantType.NodeId)
        why = f": {self._why}" if self._why and step.after.value[0] != "Operational" else ""
        await self._events.send(kind, source, f"{step.after.value[0]}{why}", fields, severity=severity)

    async def _show(self, machine: Node, state: Machine | Mode | None) -> None:
        """Writes the current state; None while the machine has none."""
        current, number = self._current[machine.nodeid]
        if state is None:
            status = ua.StatusCode(ua.StatusCodes.BadStateNotActive)
            for node in (current, number):
                await node.write_value(ua.DataValue(ua.Variant(), status))
            return
        text, identifier = state.value
        await current.write_value(ua.LocalizedText(text, "en"))
        await number.write_value(self._model.type_node(identifier).nodeid, ua.VariantType.NodeId)

    async def _show_system(self, status: Status) -> None:
        found = system_state_of(status.state), status.why
        if found != self._system_state:
            self._system_state = found
            await self._model.node("SystemState").write_value(self._shapes.system_state(int(found[0]), found[1]))

    async def _tell_recipe(self, status: Status) -> None:
        """RecipePrepared, when another bundle judges, or somebody has asked for the one that does."""
        found = (status.product, status.bundle)
        if found == self._recipe and not self._model.recipe_asked:
            return
        self._recipe, self._model.recipe_asked = found, False
        live = self._around.products.get(status.product)
        if live is None:
            return
        name, bundle = self._around.products.name(status.product).strip(), live.inspector.bundle
        (number, asked), self._model.product_asked = self._model.product_asked, (0, "")
        fields = {
            "InternalId": self._shapes.internal_recipe(name, bundle.digest, bundle.manifest.serial),
            "ExternalId": self._shapes.external_recipe(name),
            "ProductId": self._shapes.product_id((number == status.product and asked) or name),
        }
        variants = {key: ua.Variant(value, _OBJECT) for key, value in fields.items()}
        await self._events.send(Kind.RECIPE_PREPARED, self._sub, f"{name} is prepared", variants)
