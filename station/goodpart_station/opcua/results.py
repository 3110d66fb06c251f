"""ResultManagement: results by their id, and lists of them."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from goodpart import UsageError
from goodpart.printable import printable
from goodpart_station.opcua.archive import Archive, Wanted
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.catalogue import catalogue_of
from goodpart_station.opcua.given import Errands, Error, Handler, Handles, id_of, strict, whole
from goodpart_station.opcua.model import Model
from goodpart_station.opcua.outbox import News
from goodpart_station.opcua.record import NOTHING, Record
from goodpart_station.opcua.shapes import Shapes, configuration_id
from goodpart_station.part import Result, Status
from goodpart_station.tokens import Role

_log = logging.getLogger("goodpart_station.opcua")

_WHERE = "ResultManagement"


class Results:
    """The methods of ResultManagement. What waits for the disk runs beside the server's loop."""

    def __init__(self, around: Around, record: Callable[[Result], Record]) -> None:
        """Knows no result yet.

        Args:
            around: the station.
            record: makes the record of a part.
        """
        self._around, self._record = around, record
        self._archive = Archive(around.boot, None if around.ring is None else around.ring.frames)
        self._catalogue = catalogue_of(around)
        self._handles, self._errands = Handles(), Errands()

    async def build(self, model: Model) -> None:
        """Links the methods."""
        self._model, self._shapes = model, Shapes(model.vision, configuration_id(self._around))
        handlers: dict[str, Handler] = {
            "GetResultById": self._by_id,
            "GetResultComponentsById": self._components,
            "GetResultListFiltered": self._listed,
            "ReleaseResultHandle": self._release,
        }
        for name, handler in handlers.items():
            await model.link(f"{_WHERE}/{name}", strict(handler), needs=Role.VIEWER)

    async def tell(self, news: News) -> None:
        """Holds the results of parts."""
        if isinstance(news, Result):
            self._archive.add(self._record(news))

    async def follow(self, status: Status) -> None:
        """Nothing."""

    async def _by_id(self, result_id: Any, timeout: Any) -> Sequence[Any]:
        record, error = await self._found(id_of(result_id), timeout)
        return self._handle(error), self._shapes.result(record), error

    async def _components(self, result_id: Any, timeout: Any) -> Sequence[Any]:
        record, error = await self._found(id_of(result_id), timeout)
        fields = self._shapes.fields(record)
        del fields["ResultId"]
        transferable = fields.pop("HasTransferableDataOnFile")
        # in the order of the method's outputs
        return transferable, self._handle(error), *fields.values(), error

    async def _found(self, result_id: str, timeout: Any) -> tuple[Record, int]:
        """A result, and the output `Error`. The client's time-out is a hint that nothing depends on."""
        whole(timeout, "Int32")
        await self._model.take_in()
        record = self._archive.get(result_id)
        if record is not None:
            return record, Error.NONE
        try:
            record = await self._errands.do(lambda: self._archive.kept(result_id))
        except UsageError as error:
            _log.warning("result %s: %s", printable(result_id), error)
            return NOTHING, Error.DISK
        return (NOTHING, Error.NO_RESULT) if record is None else (record, Error.NONE)

    async def _listed(
        self,
        state: Any,
        meas_id: Any,
        part_id: Any,
        external_recipe: Any,
        internal_recipe: Any,
        external_configuration: Any,
        internal_configuration: Any,
        product: Any,
        job_id: Any,
        most: Any,
        start: Any,
        timeout: Any,
    ) -> Sequence[Any]:
        products = {self._product(text) for text in (id_of(external_recipe), id_of(product)) if text}
        wanted = Wanted(
            state=whole(state, "Int32"),
            meas_id=id_of(meas_id),
            part_id=id_of(part_id),
            recipe_id=id_of(internal_recipe),
            product=next(iter(products), ""),
            job_id=id_of(job_id),
        )
        start, most = whole(start, "UInt32"), whole(most, "UInt32")
        whole(timeout, "Int32")
        own = ("", configuration_id(self._around))
        if len(products) > 1 or id_of(external_configuration) or id_of(internal_configuration) not in own:
            return True, 0, self._handles.new(), [], Error.NONE
        await self._model.take_in()
        held = self._archive.newest()
        try:
            page = await self._errands.do(lambda: self._archive.page(held, wanted, start=start, most=most))
        except UsageError as error:
            _log.warning("list of results: %s", error)
            return False, 0, 0, [], Error.DISK
        found = self._shapes.results(page.records)
        return page.complete, len(found), self._handles.new(), found, Error.NONE

    async def _release(self, handle: Any) -> Sequence[Any]:
        return (Error.NONE if self._handles.release(whole(handle, "UInt32")) else Error.NO_HANDLE,)

    def _handle(self, error: int) -> int:
        return 0 if error else self._handles.new()

    def _product(self, text: str) -> str:
        """The name of a product that a client means; its own words for one that the file has no more."""
        return self._catalogue.name(self._catalogue.number(text)) or text
