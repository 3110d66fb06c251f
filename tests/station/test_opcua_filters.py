"""Filters of clients that asyncua would accept, and that end its server or keep it busy at the next event."""

import asyncio
from types import SimpleNamespace

import pytest
from asyncua import ua
from asyncua.common.events import Event
from asyncua.common.utils import ServiceError

from goodpart_station.opcua.events import Events, Kind
from goodpart_station.opcua.filters import SELECTED_MOST, check_filter

NODE = ua.NodeId("it", 1)
VALUE = ua.AttributeIds.Value
LITERAL = ua.LiteralOperand(Value=ua.Variant(1, ua.VariantType.Int32))


def clause(*names, attribute=VALUE):
    """One field of an event."""
    path = [ua.QualifiedName(name, 0) for name in names]
    return ua.SimpleAttributeOperand(BrowsePath=path, AttributeId=attribute)


def element(operator, *operands):
    """One element of a where clause; a number stands for another element."""
    made = [ua.ElementOperand(Index=each) if isinstance(each, int) else each for each in operands]
    return ua.ContentFilterElement(FilterOperator=operator, FilterOperands=made)


def asked(*clauses, where=()):
    """A filter of events."""
    return ua.EventFilter(SelectClauses=list(clauses), WhereClause=ua.ContentFilter(Elements=list(where)))


OR, OF_TYPE, IS_NULL = ua.FilterOperator.Or, ua.FilterOperator.OfType, ua.FilterOperator.IsNull


@pytest.mark.parametrize(
    "found",
    [
        asked(clause("Message"), clause("FromState", "Id"), clause(attribute=ua.AttributeIds.NodeId)),
        asked(clause("Message"), where=[element(OF_TYPE, LITERAL)]),
        asked(
            where=[element(OR, 1, 2), element(OF_TYPE, LITERAL), element(OR, 3, 4), *[element(OF_TYPE, LITERAL)] * 2]
        ),
        ua.EventFilter(SelectClauses=None, WhereClause=ua.ContentFilter(Elements=None)),
    ],
)
def test_what_clients_need_is_taken(found):
    check_filter(found, is_event=True)
    assert found.SelectClauses is not None
    check_filter(ua.DataChangeFilter(), is_event=False)
    for nothing in (None, ua.ExtensionObject()):
        check_filter(nothing, is_event=False)


@pytest.mark.parametrize(
    ("found", "is_event", "name"),
    [
        (None, True, "BadEventFilterInvalid"),
        (ua.DataChangeFilter(), True, "BadEventFilterInvalid"),
        (ua.EventFilter(), False, "BadMonitoredItemFilterUnsupported"),
        (asked(clause(attribute=250)), True, "BadEventFilterInvalid"),
        (asked(clause(None)), True, "BadEventFilterInvalid"),
        (asked(clause("FromState", None)), True, "BadEventFilterInvalid"),
        (asked(*[clause("Message")] * (SELECTED_MOST + 1)), True, "BadEventFilterInvalid"),
        # each doubles the work: 2^30 steps for each event
        (asked(where=[*[element(OR, at + 1, at + 1) for at in range(30)], element(IS_NULL, LITERAL)]), True,
         "BadContentFilterInvalid"),
        (asked(where=[element(OR, 0, LITERAL)]), True, "BadContentFilterInvalid"),
        (asked(where=[element(OR, 7, LITERAL)]), True, "BadContentFilterInvalid"),
        (asked(where=[element(ua.FilterOperator.InList, *[LITERAL] * 300)]), True, "BadContentFilterInvalid"),
        (asked(where=[element(OF_TYPE, LITERAL)] * 65), True, "BadContentFilterInvalid"),
    ],
)  # fmt: skip
def test_what_would_end_the_server_or_keep_it_busy_is_refused(found, is_event, name):
    with pytest.raises(ServiceError) as caught:
        check_filter(found, is_event=is_event)
    assert ua.StatusCode(caught.value.code).name == name


def test_an_event_that_one_client_cannot_get_reaches_the_others():
    sent = []

    async def fail(event):
        raise KeyError("data_types")

    async def take(event):
        sent.append(event.emitting_node)

    services = [SimpleNamespace(monitored_item_srv=SimpleNamespace(trigger_event=each)) for each in (fail, take)]
    iserver = SimpleNamespace(subscription_service=SimpleNamespace(subscriptions=dict(enumerate(services))))
    events = Events(SimpleNamespace(server=SimpleNamespace(iserver=iserver), system=SimpleNamespace(nodeid=NODE)))
    events._blank[Kind.READY], events._names[NODE] = Event(), "line1"
    events._blank[Kind.READY].EventType = ua.NodeId(ua.ObjectIds.BaseEventType)
    asyncio.run(events.send(Kind.READY, SimpleNamespace(nodeid=NODE), "ready", {}))
    assert sent == [NODE, NODE, ua.NodeId(ua.ObjectIds.Server)]
