"""Making the OPC UA server, which needs a library that a station without it does not have."""

from typing import TYPE_CHECKING

from goodpart import MissingExtraError
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.options import WHERE, OpcuaTable

if TYPE_CHECKING:
    from goodpart_station.opcua.server import OpcuaLink


def make_opcua(table: OpcuaTable, around: Around) -> "OpcuaLink":
    """The server of a station, not yet opened.

    Args:
        table: the table [plc.opcua].
        around: the station.

    Raises:
        MissingExtraError: asyncua is not installed.
        UsageError: as `OpcuaLink` says.
    """
    try:
        from goodpart_station.opcua.server import OpcuaLink
    except ImportError as error:
        raise MissingExtraError(
            f"[{WHERE}] needs asyncua, which is not installed; install the extra goodpart-station[opcua]: "
            "pip install './station[opcua]' in a clone of goodpart, or the wheelhouse with --station"
        ) from error
    return OpcuaLink(table, around)
