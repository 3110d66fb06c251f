"""The Modbus TCP server of the station, for PLCs. docs/station-modbus.md is its register map."""

import asyncio
import dataclasses
import logging

from goodpart.errors import MissingExtraError, UsageError
from goodpart_station.line import Line
from goodpart_station.links.addresses import address_of
from goodpart_station.links.clients import Clients
from goodpart_station.links.memory import Memory
from goodpart_station.part import Slot
from goodpart_station.settings import ADDRESSES, ENDPOINT, Endpoint, number, setting, whole

log = logging.getLogger("goodpart_station.modbus")

_WHERE = "plc.modbus"

_NO_UNIT = 0x0B
"""The exception of a gateway behind which nobody has this unit number."""

_DEVICE_FAILURE = 0x04


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModbusTable:
    """The table `[plc.modbus]`.

    Attributes:
        listen: where the server listens. Ports below 1024 need CAP_NET_BIND_SERVICE.
        allow: addresses of its clients; none: this PC alone, and `listen` must then be one of its own.
        heartbeat_timeout_s: how long the PLC's heartbeat may rest.
        unit: the unit number. 0 and 255 are served as well: they mean "this very device".
    """

    listen: Endpoint = setting(ENDPOINT, Endpoint("127.0.0.1", 502))
    allow: tuple[str, ...] = setting(ADDRESSES, ())
    heartbeat_timeout_s: float = setting(number(0, 3600, above=True), 2.0)
    unit: int = setting(whole(1, 247), 1)

    def __post_init__(self) -> None:
        """Refuses a server that anybody could write to.

        Raises:
            UsageError: others can reach it, and no client is named.
        """
        if not self.allow and not self.listen.loopback:
            raise UsageError(
                f"listen: expected the key allow beside {self.listen}, which others can reach, found none; Modbus has "
                f"no passwords: name the address of the PLC"
            )


class ModbusLink:
    """Serves the registers. `open` and `close` belong to the event loop; any thread may call `publish`."""

    name = f"[{_WHERE}]"
    """What `check` calls it."""

    def __init__(self, line: Line, table: ModbusTable) -> None:
        """Nothing is served yet.

        Raises:
            MissingExtraError: pymodbus is not installed.
        """
        try:
            from goodpart_station.links import requests
        except ImportError as error:
            raise MissingExtraError(
                f"[{_WHERE}] needs pymodbus, which is not installed; install the extra goodpart-station[modbus]: "
                "pip install './station[modbus]' in a clone of goodpart, or the wheelhouse with --station"
            ) from error
        self._requests = requests
        self._listen = table.listen
        self._memory = Memory(line)
        self._units = {0, table.unit, 255}
        self._clients = Clients(self._answer, [address_of(text) for text in table.allow])
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that it listens on; of a setting 0, the one that the system chose."""
        port: int = self._server.sockets[0].getsockname()[1] if self._server else self._listen.port
        return port

    def publish(self, slot: Slot) -> None:
        """Shows a result in its slot: one store in memory, which no client sees by halves."""
        self._memory.publish(slot)

    async def open(self) -> None:
        """Starts to serve.

        Raises:
            UsageError: the address is taken, is not this PC's, or is not permitted.
        """
        loop, listen = asyncio.get_running_loop(), self._listen
        try:
            self._server = await loop.create_server(self._clients.connect, listen.host, listen.port, reuse_address=True)
        except OSError as error:
            raise UsageError(
                f"{_WHERE}.listen: expected to listen on {listen}, found: {error.strerror}; is another server "
                "there, is the address this PC's, and does a port below 1024 have CAP_NET_BIND_SERVICE?"
            ) from error
        log.info("serves Modbus on %s", dataclasses.replace(listen, port=self.port))

    async def close(self) -> None:
        """Ends all connections at once."""
        if self._server is not None:
            self._server.close()
            self._clients.end()
            await self._server.wait_closed()
            self._server = None

    def _answer(self, unit: int, request: bytes) -> bytes:
        if unit not in self._units:
            return self._requests.refusal(request, _NO_UNIT)
        try:
            return self._requests.answer(self._memory, request)
        except Exception:  # noqa: BLE001 - whatever it is, the log has it whole
            # the PLC is told that its write failed, and the connection stays
            self._clients.journal.say(logging.ERROR, "a request failed", with_traceback=True)
            return self._requests.refusal(request, _DEVICE_FAILURE)
