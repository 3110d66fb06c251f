"""The Modbus TCP server of the station, for PLCs. docs/station-modbus.md is its register map."""

import asyncio
import dataclasses
import logging

from goodpart.errors import MissingExtraError, UsageError
from goodpart_station.line import Line
from goodpart_station.links.addresses import served
from goodpart_station.links.clients import Clients
from goodpart_station.links.memory import Memory
from goodpart_station.part import Slot

log = logging.getLogger("goodpart_station.modbus")

_WHERE = "plc.modbus"

_NO_UNIT = 0x0B
"""The exception of a gateway behind which nobody has this unit number."""

_DEVICE_FAILURE = 0x04


@dataclasses.dataclass(frozen=True, slots=True)
class ModbusSettings:
    """The table `[plc.modbus]`.

    Attributes:
        host, port: where it listens. Ports below 1024 need CAP_NET_BIND_SERVICE.
        allow: the addresses of its clients; none: this PC alone, and `host` must then be one of its own.
        heartbeat_timeout_s: how long the PLC's heartbeat may stand still; the conductor watches it.
        unit: the unit number, 1 to 247. 0 and 255 are answered as well: they mean "this very device".
    """

    host: str = "127.0.0.1"
    port: int = 502
    allow: tuple[str, ...] = ()
    heartbeat_timeout_s: float = 2.0
    unit: int = 1


class ModbusLink:
    """Serves the registers. `open` and `close` belong to the event loop; any thread may call `publish`."""

    def __init__(self, line: Line, settings: ModbusSettings) -> None:
        """Checks the settings; nothing is served yet.

        Raises:
            UsageError: the addresses could let in anybody.
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
        self._settings = settings
        self._memory = Memory(line)
        self._units = {0, settings.unit, 255}
        self._clients = Clients(self._answer, served(settings.host, settings.allow, where=_WHERE))
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that it listens on; of a setting 0, the one that the system chose."""
        port: int = self._server.sockets[0].getsockname()[1] if self._server else self._settings.port
        return port

    def publish(self, slot: Slot) -> None:
        """Shows a result in its slot: one store in memory, which no client sees by halves."""
        self._memory.publish(slot)

    async def open(self) -> None:
        """Starts to serve.

        Raises:
            UsageError: the address is taken, is not this PC's, or is not permitted.
        """
        host, port = self._settings.host, self._settings.port
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._clients.connect, host, port, reuse_address=True)
        except OSError as error:
            raise UsageError(
                f"{_WHERE}.listen: expected to listen on {host}:{port}, found: {error.strerror}; is another server "
                "there, is the address this PC's, and does a port below 1024 have CAP_NET_BIND_SERVICE?"
            ) from error
        log.info("serves Modbus on %s:%d", host, self.port)

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
        except Exception:
            # the PLC is told that its write failed, and the connection stays
            log.exception("a request failed")
            return self._requests.refusal(request, _DEVICE_FAILURE)
