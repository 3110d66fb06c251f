"""Sessions with bounds: what clients may make the server remember, and for how long."""

import asyncio
import copy
import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from asyncua import Node, ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User
from asyncua.server.internal_session import InternalSession, SessionState

from goodpart_station.opcua.callers import NOBODY, called_by
from goodpart_station.opcua.filters import check_filter
from goodpart_station.opcua.ownership import OwnSession, OwnSessions

SESSIONS_MOST = 32
"""One more ends the one that has been silent longest: a PLC gets in whatever others leave open."""

CONNECTIONS_MOST = 64

SUBSCRIPTIONS_MOST = 64
"""Of all sessions together."""

SESSION_SUBSCRIPTIONS_MOST = 8

ITEMS_MOST = 256
"""Monitored items of one subscription."""

EVENT_ITEMS_MOST = 4
"""Those of them that wait for events."""

ALL_EVENT_ITEMS_MOST = 96
"""Of all sessions together: each holds its queue of events."""

EVENT_QUEUE = 256
"""Events that wait in one monitored item. Many clients ask for 1, which would lose all but the last of an interval."""

VALUE_QUEUE_MOST = 16

UNACKNOWLEDGED_MOST = 16

PUBLISHING_LEAST_MS = 50.0

PUBLISHING_MOST_MS = 60_000.0

NODES_MOST = 1000
"""Nodes of one request."""

BROWSED_MOST = 100
"""Nodes whose references one request asks for: each may take 20 ms."""

PATH_MOST = 16
"""Names in the path to one node."""

_LIMITS = "Server_ServerCapabilities_OperationLimits"

_TOLD = {
    "MaxNodesPerRead": NODES_MOST,
    "MaxNodesPerWrite": NODES_MOST,
    "MaxNodesPerMethodCall": NODES_MOST,
    "MaxNodesPerBrowse": BROWSED_MOST,
    "MaxNodesPerTranslateBrowsePathsToNodeIds": BROWSED_MOST,
}

SESSION_TIMEOUT_MOST_MS = 60_000.0

_KEEP_ALIVE_MOST = 1000

_LIFETIME_MOST = 3000

_ACTIVATION_WITHIN_S = 10.0


class Session(OwnSession):
    """A session of a client."""

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Calls methods; they can ask who calls."""
        _limit(params)
        with called_by(self.user):
            return await super().call(params)

    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        """Refuses: nothing of a station is written by clients."""
        _limit(params.NodesToWrite)
        return [ua.StatusCode(ua.StatusCodes.BadNotWritable) for _ in params.NodesToWrite]

    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        """Reads attributes: all values of one request are of one moment."""
        _limit(params.NodesToRead)
        return await super().read(params)

    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        """Browses references. Between two nodes the server does what others wait for."""
        _limit(params.NodesToBrowse, BROWSED_MOST)
        found: list[ua.BrowseResult] = []
        for each in params.NodesToBrowse:
            found += await super().browse(dataclasses.replace(params, NodesToBrowse=[each]))
            await asyncio.sleep(0)
        return found

    async def translate_browsepaths_to_nodeids(self, params: list[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """Looks for nodes by their names, as `browse` does."""
        _limit(params, BROWSED_MOST)
        found: list[ua.BrowsePathResult] = []
        for each in params:
            if len(each.RelativePath.Elements or ()) > PATH_MOST:
                raise ServiceError(ua.StatusCodes.BadTooManyOperations)
            found += await super().translate_browsepaths_to_nodeids([each])
            await asyncio.sleep(0)
        return found

    async def create_subscription(
        self, params: ua.CreateSubscriptionParameters, callback: Any, request_callback: Any = None
    ) -> ua.CreateSubscriptionResult:
        """Makes a subscription, unless the session has enough of them."""
        own = [sub for sub in self.subscription_service.subscriptions.values() if sub.session_id == self.session_id]
        if len(own) >= SESSION_SUBSCRIPTIONS_MOST:
            raise ServiceError(ua.StatusCodes.BadTooManySubscriptions)
        asked_ms = params.RequestedPublishingInterval
        # NaN fits nowhere
        asked_ms = asked_ms if asked_ms >= PUBLISHING_LEAST_MS else PUBLISHING_LEAST_MS
        params.RequestedPublishingInterval = min(asked_ms, PUBLISHING_MOST_MS)
        return await super().create_subscription(params, callback, request_callback)

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        """Makes monitored items with bounded queues."""
        there = self._items(params.SubscriptionId)
        events = sum(map(_waits_for_events, there))
        for item in params.ItemsToCreate:
            check_filter(item.RequestedParameters.Filter, is_event=_is_event(item))
            item.RequestedParameters.QueueSize = _queue(item.RequestedParameters.QueueSize, _is_event(item))
            events += _is_event(item)
        new_events = sum(map(_is_event, params.ItemsToCreate))
        everywhere = new_events + sum(map(_waits_for_events, self._all_items())) if new_events else 0
        if (
            len(there) + len(params.ItemsToCreate) > ITEMS_MOST
            or events > EVENT_ITEMS_MOST
            or everywhere > ALL_EVENT_ITEMS_MOST
        ):
            raise ServiceError(ua.StatusCodes.BadTooManyMonitoredItems)
        return await super().create_monitored_items(params)

    async def modify_monitored_items(
        self, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        """Changes monitored items; asyncua itself would take any size of their queues."""
        events = {item.monitored_item_id for item in self._items(params.SubscriptionId) if _waits_for_events(item)}
        for item in params.ItemsToModify:
            asked = item.RequestedParameters
            # asyncua keeps the filter that is there if None comes; clients send an empty structure
            asked.Filter = asked.Filter or None
            if asked.Filter is not None:
                check_filter(asked.Filter, is_event=item.MonitoredItemId in events)
            asked.QueueSize = _queue(asked.QueueSize, item.MonitoredItemId in events)
        return await super().modify_monitored_items(params)

    def _all_items(self) -> Iterator[Any]:
        for subscription in self.subscription_service.subscriptions.values():
            yield from subscription.monitored_item_srv._monitored_items.values()

    def _items(self, subscription: int) -> list[Any]:
        found = self.subscription_service.subscriptions.get(subscription)
        if found is None or found.session_id != self.session_id:
            raise ServiceError(ua.StatusCodes.BadSubscriptionIdInvalid)
        # asyncua has no public list of them
        return list(found.monitored_item_srv._monitored_items.values())


class StationServer(OwnSessions):
    """asyncua's server with the station's bounds."""

    def __init__(self, user_manager: Any) -> None:
        """Sets asyncua's own bounds.

        Args:
            user_manager: says whom a session belongs to.
        """
        super().__init__(user_manager=user_manager)
        self.max_connections = CONNECTIONS_MOST
        self.max_subscriptions = SUBSCRIPTIONS_MOST
        self.max_session_timeout_ms = SESSION_TIMEOUT_MOST_MS
        self.max_pending_activation_seconds = _ACTIVATION_WITHIN_S
        self.max_unacked_messages_per_subscription = UNACKNOWLEDGED_MOST
        self.max_monitored_item_queue_size = EVENT_QUEUE
        self.max_keep_alive_count = _KEEP_ALIVE_MOST
        self.max_lifetime_count = _LIFETIME_MOST
        self.allow_remote_admin = False

    @property
    def sessions(self) -> list[InternalSession]:
        """Those of clients."""
        return list(self._external_sessions.values())

    def create_session(self, name: str, user: User = NOBODY, external: bool = False) -> InternalSession:
        """A new session; without a user until it is activated."""
        return Session(self, self.aspace, self.subscription_service, name, user=user, external=external)

    async def end_silent(self) -> None:
        """Ends sessions beyond the bound: those that were never activated first, then the longest silent ones."""
        there = sorted(
            self.sessions, key=lambda each: (each.state is SessionState.Activated, each._last_activity), reverse=True
        )
        for session in there[SESSIONS_MOST:]:
            await session.close_session(True)

    async def tell_bounds(self) -> None:
        """Writes into the server's capabilities how much a request may ask for: clients split theirs by that."""
        for name, most in _TOLD.items():
            node = Node(self.isession, ua.NodeId(getattr(ua.ObjectIds, f"{_LIMITS}_{name}")))
            await node.write_value(most, ua.VariantType.UInt32)

    async def tell_time(self) -> None:
        """Writes the time into the server's status."""
        status = copy.copy(await self.server_status_node.read_value())
        status.CurrentTime = datetime.datetime.now(datetime.timezone.utc)
        await self.server_status_node.write_value(status)
        await self.current_time_node.write_value(status.CurrentTime)


def _is_event(item: ua.MonitoredItemCreateRequest) -> bool:
    return bool(item.ItemToMonitor.AttributeId == ua.AttributeIds.EventNotifier)


def _waits_for_events(item: Any) -> bool:
    return bool(item.read_value_id.AttributeId == ua.AttributeIds.EventNotifier)


def _queue(asked: int, is_event: bool) -> int:
    return EVENT_QUEUE if is_event else min(max(asked, 1), VALUE_QUEUE_MOST)


def _limit(asked: Any, most: int = NODES_MOST) -> None:
    if len(asked) > most:
        raise ServiceError(ua.StatusCodes.BadTooManyOperations)
