"""Jobs: the methods of the state machines, and what clients call their parts."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from goodpart_station.codes import Bits, Command, PartVerdict, Reason, State
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.callers import caller
from goodpart_station.opcua.catalogue import catalogue_of
from goodpart_station.opcua.given import Error, MismatchError, error_of, id_of, strict
from goodpart_station.opcua.model import Handler, Model
from goodpart_station.opcua.outbox import Acquired, News, Taken
from goodpart_station.opcua.record import Record, record_of
from goodpart_station.opcua.shapes import Shapes, configuration_id
from goodpart_station.part import Part, Result, Status

_REMEMBERED = 4096
"""So many parts may be in hand between a trigger and its answer; fewer than a station ever holds."""

_NO_PRODUCT = 1 << 16
"""Above the numbers of products: a part that is wanted as this one is refused."""

_PART_ID_MOST = (1 << 32) - 1

_DIGITS_MOST = 10

_UP = (State.STARTING, State.INITIALIZED, State.READY, State.BUSY)


class Jobs:
    """The methods of both state machines, as far as a station can do what they ask for."""

    def __init__(self, around: Around) -> None:
        """Has started no job yet."""
        self._around = around
        self._catalogue = catalogue_of(around)
        self._names: OrderedDict[int, tuple[str, str | None]] = OrderedDict()
        self._refused: OrderedDict[int, Reason] = OrderedDict()
        self._last: tuple[Result, Record] | None = None

    def names(self, seq: int) -> tuple[str, str | None]:
        """What the client calls the measurement and the part with this number; "" and None if it said nothing."""
        return self._names.get(seq, ("", None))

    def record(self, result: Result) -> Record:
        """The record of a part."""
        if self._last is None or self._last[0] is not result:
            meas_id, part_id = self.names(result.part.seq)
            self._last = result, record_of(result, self._around.boot, meas_id=meas_id, part_id=part_id)
        return self._last[1]

    async def build(self, model: Model) -> None:
        """Links the methods."""
        self._model, self._shapes = model, Shapes(model.vision, configuration_id(self._around))
        machine, mode = "VisionStateMachine", "VisionStateMachine/AutomaticModeStateMachine"
        handlers: dict[str, Handler] = {
            f"{machine}/Halt": self._halt,
            f"{machine}/Reset": self._reset,
            f"{machine}/SelectModeAutomatic": self._select_automatic,
            f"{mode}/StartSingleJob": self._start_single,
            f"{mode}/StartContinuous": self._start_continuous,
            f"{mode}/Stop": self._cannot,
            f"{mode}/Abort": self._cannot,
            f"{mode}/SimulationMode": self._simulate,
        }
        for path, handler in handlers.items():
            await model.link(path, strict(handler))

    async def tell(self, news: News) -> None:
        """Notes what the PLC calls a part, and which parts are refused."""
        if isinstance(news, Taken | Acquired):
            self._note_plc(news.part)
            return
        self._note_plc(news.part)
        if news.verdict is PartVerdict.REFUSED:
            _remember(self._refused, news.part.seq, news.reason)

    async def follow(self, status: Status) -> None:
        """Nothing."""

    def _note_plc(self, part: Part) -> None:
        # the number that a PLC gives over Modbus is its name for the measurement
        if part.plc_seq is not None and part.seq not in self._names:
            _remember(self._names, part.seq, (str(part.plc_seq), None))

    async def _start_single(self, meas: Any, part: Any, recipe: Any, product: Any, parameters: Any) -> Sequence[Any]:
        meas_id, part_id = id_of(meas), id_of(part)
        wanted = self._product(id_of(recipe), id_of(product))
        # a station's recipes have none; clients give an empty list, or null
        if parameters is not None and (
            not isinstance(parameters, list) or any(each is not None for each in parameters)
        ):
            raise MismatchError
        if not self._around.takes_jobs:
            return self._shapes.job(""), Error.NOT_SUPPORTED
        seq = self._around.line.trigger(None, product=wanted, part_id=_number(part_id))
        if seq is None:
            return self._shapes.job(""), error_of(Reason.NOT_READY)
        _remember(self._names, seq, (meas_id, part_id))
        await self._model.take_in()
        return self._shapes.job(str(seq)), error_of(self._refused.pop(seq, Reason.NONE))

    def _product(self, recipe_id: str, product_id: str) -> int:
        """The number of the product that must be judged, 0 for whatever is prepared."""
        wanted = {self._catalogue.number(text) or _NO_PRODUCT for text in (recipe_id, product_id) if text}
        return _NO_PRODUCT if len(wanted) > 1 else next(iter(wanted), 0)

    async def _start_continuous(self, *given: Any) -> Sequence[Any]:
        return self._shapes.job(""), Error.NOT_SUPPORTED

    async def _cannot(self, cause: Any, description: Any) -> Sequence[Any]:
        return (Error.NOT_SUPPORTED,)

    async def _simulate(self, activate: Any, cause: Any, description: Any) -> Sequence[Any]:
        simulates = Bits.SIMULATION in self._around.line.status().bits
        return (Error.NONE if bool(activate) is simulates else Error.NOT_SUPPORTED,)

    async def _halt(self, cause: Any, description: Any) -> Sequence[Any]:
        return (self._command(Command.HALT),)

    async def _reset(self, cause: Any, description: Any) -> Sequence[Any]:
        return (self._command(Command.RESET),)

    async def _select_automatic(self) -> Sequence[Any]:
        # the only mode there is, and the station enters it by itself
        return (Error.NONE if self._around.line.status().state in _UP else error_of(Reason.NOT_READY),)

    def _command(self, command: Command) -> int:
        return error_of(self._around.line.command(command, who=caller().name or "opcua"))


def _remember(known: "OrderedDict[int, Any]", seq: int, what: Any) -> None:
    known[seq] = what
    while len(known) > _REMEMBERED:
        known.popitem(last=False)


def _number(part_id: str) -> int:
    """The part's id as a number for the records of other links, 0 if it is none."""
    number = int(part_id) if part_id.isascii() and part_id.isdecimal() and len(part_id) <= _DIGITS_MOST else 0
    return number if number <= _PART_ID_MOST else 0
