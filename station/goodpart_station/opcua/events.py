"""Events: what clients hear that have subscribed to the VisionSystem, to one of its state machines or to the server."""

import copy
import datetime
import enum
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from asyncua import Node, ua
from asyncua.common.events import get_event_obj_from_type_node

from goodpart_station.opcua.model import Model

_log = logging.getLogger("asyncua.goodpart")


class Kind(enum.Enum):
    """The types of events, with their numbers in the specification's node set."""

    STATE_CHANGED = 1018
    ERROR = 1019
    ERROR_RESOLVED = 1020
    RECIPE_PREPARED = 1022
    JOB_STARTED = 1013
    READY = 1023
    ACQUISITION_DONE = 1025
    RESULT_READY = 1024


INFORMATION, TROUBLE = 100, 800
"""Severities, 1 to 1000."""

_SERVER = ua.NodeId(ua.ObjectIds.Server)

_BASE_CLASS = ua.NodeId(ua.ObjectIds.BaseConditionClassType)


class Events:
    """Sends events. Every field that their types have is filled: asyncua would send those of unknown type as null."""

    def __init__(self, model: Model) -> None:
        """Has read no type yet."""
        self._model = model
        self._blank: dict[Kind, Any] = {}
        self._names: dict[ua.NodeId, str] = {}

    async def build(self, sources: Sequence[Node]) -> None:
        """Reads the types, and lets clients subscribe.

        Args:
            sources: nodes that events come from, beside the VisionSystem.
        """
        model, server = self._model, self._model.server.get_node(_SERVER)
        for kind in Kind:
            self._blank[kind] = await get_event_obj_from_type_node(model.type_node(kind.value))
        # the server's own references lead to whatever sends events
        await server.add_reference(model.system, ua.ObjectIds.HasNotifier)
        for node in sources:
            await model.system.add_reference(node, ua.ObjectIds.HasNotifier)
        for node in (server, model.system, *sources):
            await node.set_event_notifier([ua.EventNotifier.SubscribeToEvents])
            self._names[node.nodeid] = (await node.read_browse_name()).Name

    async def send(
        self,
        kind: Kind,
        source: Node,
        message: str,
        fields: Mapping[str, ua.Variant],
        *,
        severity: int = INFORMATION,
        at: float | None = None,
    ) -> None:
        """Sends an event to all who listen to its source, to the VisionSystem or to the server.

        Args:
            kind: its type.
            source: the state machine that it comes from.
            message: for people.
            fields: those that its type adds, by their paths such as "FromState/Id".
            severity: 1 to 1000.
            at: UTC seconds since 1970 at which it happened; now without it.
        """
        event = copy.copy(self._blank[kind])
        event.data_types = dict(event.data_types)
        now = time.time()
        all_fields = {**fields, **self._common(event.EventType, source, message, severity, at or now, now)}
        for name, variant in all_fields.items():
            event.add_property(name, variant.Value, variant.VariantType)
        subscriptions = self._model.server.iserver.subscription_service.subscriptions
        for node in (source.nodeid, self._model.system.nodeid, _SERVER):
            event.emitting_node = node
            for each in list(subscriptions.values()):
                try:
                    await each.monitored_item_srv.trigger_event(event)
                except Exception:  # noqa: BLE001 - what one client has asked for must not end the server
                    # asyncua's log, because it is bounded
                    _log.exception("an event is not sent to a client")

    def _common(
        self, kind: ua.NodeId, source: Node, message: str, severity: int, at: float, now: float
    ) -> dict[str, ua.Variant]:
        """The fields that every event has."""
        local = time.localtime(at)
        zone = ua.TimeZoneDataType(
            Offset=local.tm_gmtoff // 60 - 60 * (local.tm_isdst > 0), DaylightSavingInOffset=False
        )
        variants = {
            "EventId": (uuid.uuid4().bytes, ua.VariantType.ByteString),
            "EventType": (kind, ua.VariantType.NodeId),
            "SourceNode": (source.nodeid, ua.VariantType.NodeId),
            "SourceName": (self._names[source.nodeid], ua.VariantType.String),
            "Time": (_utc(at), ua.VariantType.DateTime),
            "ReceiveTime": (_utc(now), ua.VariantType.DateTime),
            "LocalTime": (zone, ua.VariantType.ExtensionObject),
            "Message": (ua.LocalizedText(message, "en"), ua.VariantType.LocalizedText),
            "Severity": (severity, ua.VariantType.UInt16),
            "ConditionClassId": (_BASE_CLASS, ua.VariantType.NodeId),
            "ConditionClassName": (ua.LocalizedText("BaseConditionClass", "en"), ua.VariantType.LocalizedText),
            "ConditionSubClassId": ([], ua.VariantType.NodeId),
            "ConditionSubClassName": ([], ua.VariantType.LocalizedText),
        }
        return {name: ua.Variant(value, variant) for name, (value, variant) in variants.items()}


def _utc(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
