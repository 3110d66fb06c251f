"""Filters: what a monitored item may ask for. asyncua 2.1 takes any filter, and works through it at each event."""

from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError

SELECTED_MOST = 256
"""Fields of an event that an item asks for: those of all types together are fewer than 100."""

_ELEMENTS_MOST = 64

_OPERANDS_MOST = 256

_NAMES_MOST = 8
"""Names in the path of one field."""


def check_filter(asked: Any, *, is_event: bool) -> None:
    """Refuses a filter that the server cannot work through, or not within some milliseconds.

    Args:
        asked: the filter of a request; None for none.
        is_event: whether the item waits for events.

    Raises:
        ServiceError: it is of another kind, names nothing, or is too long or too deep.
    """
    if not is_event:
        # no filter may come as an empty structure
        if asked and not isinstance(asked, ua.DataChangeFilter):
            raise ServiceError(ua.StatusCodes.BadMonitoredItemFilterUnsupported)
        return
    if not isinstance(asked, ua.EventFilter) or len(asked.SelectClauses or ()) > SELECTED_MOST:
        raise ServiceError(ua.StatusCodes.BadEventFilterInvalid)
    asked.SelectClauses = asked.SelectClauses or []
    if not all(map(_names_a_field, asked.SelectClauses)):
        raise ServiceError(ua.StatusCodes.BadEventFilterInvalid)
    if not _is_a_tree(asked.WhereClause.Elements or ()):
        raise ServiceError(ua.StatusCodes.BadContentFilterInvalid)


def _names_a_field(clause: Any) -> bool:
    clause.BrowsePath = clause.BrowsePath or []
    names = [each.Name for each in clause.BrowsePath]
    return len(names) <= _NAMES_MOST and all(names) and (bool(names) or clause.AttributeId in iter(ua.AttributeIds))


def _is_a_tree(elements: Any) -> bool:
    """Whether each element is evaluated once at most: two elements that share one below double the work each time."""
    operands = [(index, each) for index, element in enumerate(elements) for each in element.FilterOperands or ()]
    below = [(index, each.Index) for index, each in operands if isinstance(each, ua.ElementOperand)]
    return (
        len(elements) <= _ELEMENTS_MOST
        and len(operands) <= _OPERANDS_MOST
        and all(index < other < len(elements) for index, other in below)
        and len({other for _, other in below}) == len(below)
    )
