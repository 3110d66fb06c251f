"""Variables: the state and the last result as plain values, for PLC clients that take no events or structures."""

import datetime
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from asyncua import Node, ua

from goodpart_station.codes import PartVerdict, Reason, State
from goodpart_station.opcua.model import Model
from goodpart_station.opcua.outbox import News
from goodpart_station.opcua.record import Record
from goodpart_station.part import Result, Status

FOLDER = "Station"
"""The object that holds them, beside the VisionSystem."""

Names = Callable[[int], tuple[str, str | None]]

_UINT16, _UINT32, _DOUBLE, _STRING = (
    ua.VariantType.UInt16,
    ua.VariantType.UInt32,
    ua.VariantType.Double,
    ua.VariantType.String,
)

_VARIABLES = {
    "State": (int(State.STARTING), _UINT16),
    "Heartbeat": (0, _UINT16),
    "Seq": (0, _UINT32),
    "Verdict": (int(PartVerdict.NONE), _UINT16),
    "Reason": (int(Reason.NONE), _UINT16),
    "Score": (math.nan, _DOUBLE),
    "Threshold": (math.nan, _DOUBLE),
    "Product": (0, _UINT16),
    "PlcSeq": (0, _UINT16),
    "PartId": ("", _STRING),
}
"""With the values before the first part."""

_SEQ_MOST = (1 << 32) - 1


class Variables:
    """Shows the variables. Those of one result change at once: whoever reads them in one request gets one part's."""

    def __init__(self, record: Callable[[Result], Record]) -> None:
        """Shows that no part has come yet.

        Args:
            record: makes the record of a part.
        """
        self._record = record
        self._values: Mapping[str, ua.DataValue] = _shown(_VARIABLES, time.time())
        self._nodes: dict[str, Node] = {}

    async def build(self, model: Model) -> None:
        """Adds the variables."""
        self._aspace = model.server.iserver.aspace
        folder = await model.server.get_objects_node().add_object(
            ua.NodeId(FOLDER, model.own), ua.QualifiedName(FOLDER, model.own)
        )
        for name, (value, kind) in _VARIABLES.items():
            node = await folder.add_variable(
                ua.NodeId(f"{FOLDER}.{name}", model.own), ua.QualifiedName(name, model.own), value, kind
            )
            self._nodes[name] = node
            attribute = ua.AttributeIds.Value
            # they are read from one mapping, which is replaced as a whole; what is written only wakes subscriptions
            self._aspace.set_attribute_value_callback(node.nodeid, attribute, self._reader(name))
            self._aspace.set_attribute_value_setter(node.nodeid, attribute, _keep)

    async def tell(self, news: News) -> None:
        """Shows an answer. A judgement that came after its part had got TIMEOUT changes nothing."""
        if not isinstance(news, Result) or news.late:
            return
        record, part = self._record(news), news.part
        values = {
            "Seq": part.seq & _SEQ_MOST,
            "Verdict": int(news.verdict),
            "Reason": int(news.reason),
            "Score": record.score,
            "Threshold": record.threshold,
            "Product": part.product,
            "PlcSeq": part.plc_seq or 0,
            "PartId": record.part_id,
        }
        await self._show(values, news.at)

    async def follow(self, status: Status) -> None:
        """Shows state and heartbeat."""
        await self._show({"State": int(status.state), "Heartbeat": status.heartbeat}, time.time())

    async def _show(self, values: Mapping[str, Any], at: float) -> None:
        changed = _shown({name: (value, _VARIABLES[name][1]) for name, value in values.items()}, at)
        self._values = {**self._values, **changed}
        for name, value in changed.items():
            await self._aspace.write_attribute_value(self._nodes[name].nodeid, ua.AttributeIds.Value, value)

    def _reader(self, name: str) -> Callable[[ua.NodeId, ua.AttributeIds], ua.DataValue]:
        return lambda node, attribute: self._values[name]


def _shown(values: Mapping[str, tuple[Any, ua.VariantType]], at: float) -> dict[str, ua.DataValue]:
    when = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    return {
        name: ua.DataValue(ua.Variant(value, kind), SourceTimestamp=when, ServerTimestamp=when)
        for name, (value, kind) in values.items()
    }


def _keep(node: Any, attribute: ua.AttributeIds, value: ua.DataValue) -> None:
    """Takes nothing in: the value is read from elsewhere."""
