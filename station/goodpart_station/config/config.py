"""The configuration of a station, read strictly: what is wrong is one line with file and line number."""

import dataclasses
from collections import Counter
from pathlib import Path

from goodpart._host.toml_tables import Places, parsed, read_text
from goodpart.errors import UsageError, found_at
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.config.cameras import AravisTable, GenicamTable
from goodpart_station.config.reading import read_tables, table
from goodpart_station.config.stream import StreamTable
from goodpart_station.config.tables import (
    DEFAULT_AFTER_MS,
    FolderTable,
    JsonlTable,
    ProductTable,
    ReplayTable,
    StationTable,
)
from goodpart_station.links.gpio_table import GpioTable
from goodpart_station.links.modbus import ModbusTable
from goodpart_station.opcua.options import OpcuaTable
from goodpart_station.page.options import PageTable
from goodpart_station.ring.config import RingConfig
from goodpart_station.sinks.settings import DriftSettings, MqttSettings, WebhookSettings
from goodpart_station.sources.genicam import refuse_producer

_MS = 1_000_000
_DEFAULT_RESYNC_MS = 500.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The file. A new table is a dataclass and one line here.

    Attributes:
        places: the file, and where things stand in it.
        station, products, source, modbus, opcua, gpio, jsonl, ring, mqtt, webhook, drift, page: its tables.
    """

    places: Places
    station: StationTable = table("station")
    products: tuple[ProductTable, ...] = table("product")
    source: FolderTable | ReplayTable | GenicamTable | AravisTable | StreamTable = table("source")
    modbus: ModbusTable | None = table("plc.modbus")
    gpio: GpioTable | None = table("plc.gpio")
    opcua: OpcuaTable | None = table("plc.opcua")
    jsonl: JsonlTable | None = table("sink.jsonl")
    ring: RingConfig | None = table("ring")
    mqtt: MqttSettings | None = table("sink.mqtt")
    webhook: WebhookSettings | None = table("sink.webhook")
    drift: DriftSettings | None = table("drift")
    page: PageTable | None = table("page")

    @property
    def start_product(self) -> int:
        """The number of the product that is prepared at the start, 0 to wait until a PLC or a person asks."""
        if self.station.start_product is not None:
            return self.station.start_product
        return self.products[0].number if len(self.products) == 1 else 0

    def store_of(self, product: ProductTable) -> Path:
        """The folder of a product's store."""
        return self.station.data / "stores" / product.store

    def rules(self) -> Rules:
        """The settings of the conductor.

        Raises:
            UsageError: the times of the pairing do not fit together.
        """
        source, station = self.source, self.station
        before_ms, spacing_ms = source.pair_before_ms or 0.0, source.min_spacing_ms or 0.0
        after_ms = DEFAULT_AFTER_MS if source.pair_after_ms is None else source.pair_after_ms
        resync_ms = source.resync_ms
        if resync_ms is None:
            # between two parts there is time for it, and no frame of an earlier part comes after it
            hardware = source.trigger is TriggerKind.HARDWARE
            resync_ms = (before_ms + after_ms + spacing_ms) / 2 if hardware else max(_DEFAULT_RESYNC_MS, 2 * after_ms)
        try:
            return Rules(
                trigger=source.trigger,
                products=frozenset(product.number for product in self.products),
                deadline_ns=_ns(station.deadline_ms),
                late_limit=station.late_limit,
                queue_parts=station.queue_parts,
                pair_before_ns=_ns(before_ms),
                pair_after_ns=_ns(after_ms),
                min_spacing_ns=_ns(spacing_ms),
                resync_ns=_ns(resync_ms),
                plc_timeout_ns=None if self.modbus is None else _ns(self.modbus.heartbeat_timeout_s * 1000),
                auto_reset=station.auto_reset,
                simulated=isinstance(source, ReplayTable),
            )
        except UsageError as error:
            key = str(error).partition(":")[0].partition(" ")[0]
            raise UsageError(f"{self.places.of('source', key)}: {error}") from error


def read_config(file: Path, text: str | None = None, *, with_source: bool = True) -> Config:
    """Reads the file of a station. Paths in it are relative to its folder.

    Args:
        file: the file.
        text: what counts in place of what the file holds.
        with_source: whether the source's folder must be there. A service manager may make it with the service.

    Raises:
        UsageError: no such file, no TOML, an unknown, missing or wrong table or key, or settings that do not fit
            together.
    """
    places = Places(file=file, text=read_text(file, what="a station's file") if text is None else text)
    config = Config(places=places, **read_tables(Config, parsed(places), places))
    _check_products(config)
    _check_paths(config, with_source=with_source)
    _check_pulse(config)
    if config.source.trigger is TriggerKind.NONE and config.modbus is not None:
        raise UsageError(
            f'{places.of("source", "trigger")}: trigger: expected "software" or "hardware" beside [plc.modbus], found '
            f'"none"; a PLC numbers its parts by triggers: set one, or take [plc.modbus] out'
        )
    config.rules()
    return config


def _check_products(config: Config) -> None:
    """Refuses products that could be taken for each other."""
    places = config.places
    for key in ("number", "name", "store"):
        values = [getattr(product, key) for product in config.products]
        for number, value in enumerate(values):
            if Counter(values[: number + 1])[value] > 1:
                raise UsageError(
                    f"{places.of('product', key, number)}: {key}: expected one of its own for each product, found "
                    f"{value!r} again; give another one"
                )
    start = config.station.start_product
    numbers = [product.number for product in config.products]
    if start and start not in numbers:
        shown = ", ".join(map(str, numbers))
        raise UsageError(
            f"{places.of('station', 'start_product')}: start_product: expected the number of a product ({shown}) or 0, "
            f"found {start}; correct it"
        )


def _check_paths(config: Config, *, with_source: bool) -> None:
    """Refuses paths that lead to nothing. What the station makes itself need not be there."""
    places, key = config.places, config.station.public_key
    if key is not None and not key.is_file():
        raise UsageError(
            f"{places.of('station', 'public_key')}: public_key: expected a file at {key}, found {found_at(key)}; "
            f"correct the path"
        )
    if with_source and isinstance(config.source, GenicamTable):
        try:
            refuse_producer(config.source.producer)
        except UsageError as error:
            raise UsageError(f"{places.of('source', 'producer')}: {error}") from error
    path = getattr(config.source, "path", None)
    if with_source and path is not None and not path.is_dir():
        raise UsageError(
            f"{places.of('source', 'path')}: path: expected a folder at {path}, found {found_at(path)}; make it, or "
            f"correct the path"
        )


def _check_pulse(config: Config) -> None:
    """Refuses pulses that could be another part's, and those that the next part would always cut short."""
    source, gpio = config.source, config.gpio
    spacing_ms = source.min_spacing_ms
    if gpio is not None and source.trigger is TriggerKind.NONE and isinstance(source, FolderTable | StreamTable):
        raise UsageError(
            f"{config.places.of('source', 'kind')}: kind: expected a camera, or triggers, beside [plc.gpio], found "
            f'"{source.KIND}" without triggers; its pictures may have waited for any time, and a pulse would be '
            f"another part's: set a trigger, or take [plc.gpio] out"
        )
    if gpio is not None and spacing_ms is not None and gpio.pulse_ms + gpio.gap_ms >= spacing_ms:
        raise UsageError(
            f"{config.places.of('plc.gpio', 'pulse_ms')}: pulse_ms: expected less than min_spacing_ms ({spacing_ms:g}) "
            f"together with gap_ms ({gpio.gap_ms:g}), found {gpio.pulse_ms:g}; the next part would cut each pulse "
            f"short: make it shorter"
        )


def _ns(time_ms: float) -> int:
    return round(time_ms * _MS)
