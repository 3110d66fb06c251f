"""What clients may make the OPC UA server remember: sessions, subscriptions, monitored items, queues."""

import asyncio
import contextlib
import math

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.internal_session import SessionState

from goodpart_station.opcua import sessions
from goodpart_station.opcua.callers import StationUser
from goodpart_station.opcua.channels import Channel, _serving
from goodpart_station.opcua.sessions import StationServer
from goodpart_station.tokens import Role

NODE = ua.NodeId("it", 1)
VALUE, EVENTS = ua.AttributeIds.Value, ua.AttributeIds.EventNotifier


class Everybody:
    """Lets everybody in."""

    def get_user(self, iserver, username=None, password=None, certificate=None):
        return StationUser(name="all", may=Role.VIEWER)


def served(test):
    """Runs a test of a server with one node, which nobody listens to by network."""

    async def run():
        server = StationServer(Everybody())
        node = NodeData(NODE)
        node.attributes[VALUE] = AttributeValue(ua.DataValue(ua.Variant(1, ua.VariantType.UInt32)))
        node.attributes[EVENTS] = AttributeValue(ua.DataValue(ua.Variant(1, ua.VariantType.Byte)))
        server.aspace[NODE] = node
        await test(server)
        for session in server.sessions:
            await session.close_session(True)
        server.method_service.stop()

    asyncio.run(run())


async def session_of(server, *, active=True):
    """A session of a client."""
    session = server.create_session("a client", external=True)
    with _serving(Channel("127.0.0.1")):
        await session.create_session(ua.CreateSessionParameters(RequestedSessionTimeout=1e9))
    if active:
        session.activate_session(ua.ActivateSessionParameters(UserIdentityToken=ua.AnonymousIdentityToken()), None)
    return session


@contextlib.contextmanager
def refused(name):
    """Expects the service fault of this name."""
    with pytest.raises(ServiceError) as caught:
        yield
    assert ua.StatusCode(caught.value.code).name == name


async def told(result):
    """Nothing: nobody listens."""


async def subscription_of(session, interval_ms=1000.0):
    """A subscription, as the server grants it."""
    asked = ua.CreateSubscriptionParameters(RequestedPublishingInterval=interval_ms, RequestedLifetimeCount=1 << 31)
    asked.RequestedMaxKeepAliveCount = 1 << 31
    return await session.create_subscription(asked, told, lambda subscription: None)


def item(attribute=VALUE, queue=1):
    """A request for a monitored item."""
    asked = ua.MonitoredItemCreateRequest(ItemToMonitor=ua.ReadValueId(NodeId=NODE, AttributeId=attribute))
    asked.RequestedParameters = ua.MonitoringParameters(QueueSize=queue, Filter=ua.EventFilter())
    if attribute == VALUE:
        asked.RequestedParameters.Filter = None
    return asked


async def monitored(session, subscription, *items):
    """Monitored items, as the server grants them."""
    asked = ua.CreateMonitoredItemsParameters(SubscriptionId=subscription.SubscriptionId, ItemsToCreate=list(items))
    return await session.create_monitored_items(asked)


def test_a_session_has_so_many_subscriptions_and_no_more():
    async def test(server):
        session = await session_of(server)
        for _ in range(sessions.SESSION_SUBSCRIPTIONS_MOST):
            await subscription_of(session)
        with refused("BadTooManySubscriptions"):
            await subscription_of(session)
        others = sessions.SUBSCRIPTIONS_MOST // sessions.SESSION_SUBSCRIPTIONS_MOST - 1
        for _ in range(others):
            other = await session_of(server)
            for _ in range(sessions.SESSION_SUBSCRIPTIONS_MOST):
                await subscription_of(other)
        with refused("BadTooManySubscriptions"):
            await subscription_of(await session_of(server))

    served(test)


@pytest.mark.parametrize(
    ("asked", "granted"), [(0.0, 50.0), (-1.0, 50.0), (math.nan, 50.0), (1e-9, 50.0), (200.0, 200.0), (1e300, 60_000.0)]
)
def test_a_subscription_cannot_keep_the_server_busy_or_wait_for_ever(asked, granted):
    async def test(server):
        found = await subscription_of(await session_of(server), asked)
        assert found.RevisedPublishingInterval == granted
        assert found.RevisedLifetimeCount <= 3000
        assert found.RevisedMaxKeepAliveCount <= 1000

    served(test)


def test_a_subscription_has_so_many_items_and_no_more():
    async def test(server):
        session = await session_of(server)
        subscription = await subscription_of(session)
        await monitored(session, subscription, *(item() for _ in range(sessions.ITEMS_MOST)))
        with refused("BadTooManyMonitoredItems"):
            await monitored(session, subscription, item())
        other = await subscription_of(session)
        await monitored(session, other, *(item(EVENTS) for _ in range(sessions.EVENT_ITEMS_MOST)))
        with refused("BadTooManyMonitoredItems"):
            await monitored(session, other, item(EVENTS))
        await monitored(session, other, item())

    served(test)


def test_all_sessions_together_have_so_many_items_for_events_and_no_more():
    async def test(server):
        per_session = sessions.EVENT_ITEMS_MOST * sessions.SESSION_SUBSCRIPTIONS_MOST
        for _ in range(sessions.ALL_EVENT_ITEMS_MOST // per_session):
            session = await session_of(server)
            for _ in range(sessions.SESSION_SUBSCRIPTIONS_MOST):
                await monitored(session, await subscription_of(session), *[item(EVENTS)] * sessions.EVENT_ITEMS_MOST)
        other = await session_of(server)
        subscription = await subscription_of(other)
        with refused("BadTooManyMonitoredItems"):
            await monitored(other, subscription, item(EVENTS))
        await monitored(other, subscription, item())

    served(test)


@pytest.mark.parametrize(
    ("attribute", "asked", "granted"),
    [(VALUE, 0, 1), (VALUE, 1, 1), (VALUE, 1 << 31, 16), (EVENTS, 1, 256), (EVENTS, 0, 256), (EVENTS, 1 << 31, 256)],
)
def test_a_queue_is_bounded_when_it_is_made_and_when_it_is_changed(attribute, asked, granted):
    async def test(server):
        session = await session_of(server)
        subscription = await subscription_of(session)
        (made,) = await monitored(session, subscription, item(attribute, asked))
        assert (made.StatusCode.is_good(), made.RevisedQueueSize) == (True, granted)
        change = ua.MonitoredItemModifyRequest(MonitoredItemId=made.MonitoredItemId)
        change.RequestedParameters = ua.MonitoringParameters(QueueSize=asked, Filter=None)
        changes = ua.ModifyMonitoredItemsParameters(SubscriptionId=subscription.SubscriptionId, ItemsToModify=[change])
        (changed,) = await session.modify_monitored_items(changes)
        assert changed.RevisedQueueSize == granted

    served(test)


def test_nothing_is_written_and_no_request_is_longer_than_others_can_wait():
    async def test(server):
        session = await session_of(server)
        value = ua.WriteValue(NodeId=NODE, AttributeId=VALUE, Value=ua.DataValue(ua.Variant(7, ua.VariantType.UInt32)))
        (status,) = await session.write(ua.WriteParameters(NodesToWrite=[value]))
        assert status.name == "BadNotWritable"
        asked = [ua.ReadValueId(NodeId=NODE, AttributeId=VALUE)] * (sessions.NODES_MOST + 1)
        assert (await session.read(ua.ReadParameters(NodesToRead=asked[:1])))[0].Value.Value == 1
        long = ua.BrowsePath(StartingNode=NODE)
        long.RelativePath.Elements = [ua.RelativePathElement()] * (sessions.PATH_MOST + 1)
        for request in (
            session.read(ua.ReadParameters(NodesToRead=asked)),
            session.browse(ua.BrowseParameters(NodesToBrowse=[ua.BrowseDescription()] * (sessions.BROWSED_MOST + 1))),
            session.translate_browsepaths_to_nodeids([ua.BrowsePath()] * (sessions.BROWSED_MOST + 1)),
            session.translate_browsepaths_to_nodeids([long]),
            session.call([ua.CallMethodRequest()] * len(asked)),
        ):
            with refused("BadTooManyOperations"):
                await request

    served(test)


def test_one_session_too_many_ends_one_without_a_user_then_the_longest_silent():
    async def test(server):
        there = [await session_of(server) for _ in range(sessions.SESSIONS_MOST)]
        for session in [*there[1:], there[0]]:
            session.touch()
        there.append(await session_of(server, active=False))
        await server.end_silent()
        assert [each.state is SessionState.Closed for each in there] == [False] * sessions.SESSIONS_MOST + [True]
        there[-1] = await session_of(server)
        await server.end_silent()
        # the second has been silent longest: the first spoke after it
        assert [index for index, each in enumerate(there) if each.state is SessionState.Closed] == [1]
        assert len(server.sessions) == sessions.SESSIONS_MOST

    served(test)


def test_a_filter_is_looked_at_when_an_item_is_made_and_when_it_is_changed():
    async def test(server):
        session = await session_of(server)
        subscription = await subscription_of(session)
        wrong = item(EVENTS)
        wrong.RequestedParameters.Filter = ua.DataChangeFilter()
        with refused("BadEventFilterInvalid"):
            await monitored(session, subscription, wrong)
        (made,) = await monitored(session, subscription, item(EVENTS))
        change = ua.MonitoredItemModifyRequest(MonitoredItemId=made.MonitoredItemId)
        change.RequestedParameters = ua.MonitoringParameters(QueueSize=1, Filter=ua.DataChangeFilter())
        changes = ua.ModifyMonitoredItemsParameters(SubscriptionId=subscription.SubscriptionId, ItemsToModify=[change])
        with refused("BadEventFilterInvalid"):
            await session.modify_monitored_items(changes)

    served(test)


def test_others_are_served_while_a_client_browses():
    async def test(server):
        session = await session_of(server)
        asked = ua.BrowseParameters(NodesToBrowse=[ua.BrowseDescription(NodeId=NODE)] * 5)
        browsing = asyncio.create_task(session.browse(asked))
        turns = 0
        while not browsing.done():
            turns += 1
            await asyncio.sleep(0)
        assert (len(await browsing), turns >= 5) == (5, True)

    served(test)


def test_a_message_is_told_again_until_it_is_acknowledged_and_then_there_is_none():
    """node-opcua asks for the next one until it hears so: an empty answer would keep it asking for ever."""

    async def test(server):
        session, published = await session_of(server), asyncio.Queue()

        async def publish(result, request):
            published.put_nowait(result)

        asked = ua.CreateSubscriptionParameters(RequestedPublishingInterval=50.0, RequestedLifetimeCount=100)
        subscription = await session.create_subscription(asked, publish, lambda number: object())
        wanted = item()
        wanted.MonitoringMode = ua.MonitoringMode.Reporting
        await monitored(session, subscription, wanted)
        while not (told := (await published.get()).NotificationMessage).NotificationData:
            pass
        number = subscription.SubscriptionId
        again = ua.RepublishParameters(SubscriptionId=number, RetransmitSequenceNumber=told.SequenceNumber)
        assert session.republish(again) == session.republish(again) == told
        session.publish([ua.SubscriptionAcknowledgement(SubscriptionId=number, SequenceNumber=told.SequenceNumber)])
        for asked_of, status in ((number, "BadMessageNotAvailable"), (number + 1, "BadSubscriptionIdInvalid")):
            with refused(status):
                session.republish(ua.RepublishParameters(SubscriptionId=asked_of, RetransmitSequenceNumber=1))

    served(test)
