"""Station: what the station's file says, as a plan. Links and sinks are plugged in here, and nowhere else."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from goodpart import Store
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.cameras import AravisTable, GenicamTable
from goodpart_station.config.config import Config
from goodpart_station.config.stream import StreamTable, Transport
from goodpart_station.config.tables import FolderTable, ReplayTable
from goodpart_station.engine import Engine
from goodpart_station.line import Link, PlcLink, Sink, Watcher
from goodpart_station.links.gpio import GpioLink
from goodpart_station.links.gpio_table import consumer_of
from goodpart_station.links.modbus import ModbusLink
from goodpart_station.message import Messages, new_boot
from goodpart_station.opcua.around import Around as OpcuaAround
from goodpart_station.opcua.make import make_opcua
from goodpart_station.page.around import Around
from goodpart_station.page.live import Live
from goodpart_station.page.make import make_page
from goodpart_station.ring.ring import Ring
from goodpart_station.running import Plan, Plugs
from goodpart_station.sinks.jsonl import JsonlSink
from goodpart_station.sinks.outside import outside
from goodpart_station.sinks.ring import RingSink
from goodpart_station.sinks.secrets import read_secret
from goodpart_station.sources.aravis import aravis_source
from goodpart_station.sources.folder import FolderSource
from goodpart_station.sources.genicam import genicam_source
from goodpart_station.sources.replay import ReplaySource
from goodpart_station.sources.source import Source, Wanted
from goodpart_station.sources.stream import StreamSource
from goodpart_station.sources.stream_settings import StreamSettings, options_of

RING = "ring"
"""Where images are kept, below the station's data folder."""


def plan_of(config: Config) -> Plan:
    """The plan of a station.

    Args:
        config: its file.

    Raises:
        UsageError: settings do not fit together.
    """
    return Plan(
        data=config.station.data,
        products=config.products,
        store_of=_store_of(config),
        threads=config.station.threads,
        rules=config.rules(),
        source=source_of(config.source),
        plugs=lambda engine: plugs(config, engine),
        product=config.start_product,
        listens=_listens(config),
        room_bytes=_room_bytes(config),
        source_timeout_s=config.source.timeout_s,
    )


def simulated(config: Config, replay: ReplayTable) -> Config:
    """The same station with a replay in the place of its source.

    Args:
        config: the station's file.
        replay: what is replayed. If the file has triggers, each trigger gets the next image.
    """
    source = config.source
    if source.trigger is not TriggerKind.NONE:
        replay = dataclasses.replace(replay, trigger=TriggerKind.SOFTWARE, rate=None)
    return dataclasses.replace(config, source=replay)


def plugs(config: Config, engine: Engine) -> Plugs:
    """Everything that is plugged into the engine. A new link or sink is a line here.

    Args:
        config: the station's file.
        engine: the station, as links see it (`Line`); its `products` are for the page.

    Raises:
        MissingExtraError: the library of a link is not installed.
        UsageError: a link or sink cannot be what the file says.
    """
    boot = new_boot()
    messages = Messages(config.station.name, boot, config.ring)
    plc: list[PlcLink] = []
    if config.modbus is not None:
        plc.append(ModbusLink(engine, config.modbus))
    sinks: list[Sink] = []
    watchers: list[Watcher] = []
    if config.gpio is not None:
        # the first to start, to hear a result, and the last to be closed
        outputs = GpioLink(engine, config.gpio, consumer=consumer_of(config.station.name))
        sinks.append(outputs)
        watchers.append(outputs)
    if (jsonl := config.jsonl) is not None:
        sinks.append(JsonlSink(jsonl.path, messages, max_bytes=jsonl.max_bytes, keep=jsonl.keep))
    ring = None if config.ring is None else Ring(config.station.data / RING, config.ring, boot=boot)
    if ring is not None:
        sinks.append(RingSink(ring))
    links: list[Link] = []
    if config.opcua is not None:
        opcua = make_opcua(config.opcua, _around_opcua(config, engine, boot=boot, ring=ring))
        links.append(opcua)
        sinks.append(opcua.outbox)
        watchers.append(opcua.outbox)
    told = outside(
        engine,
        messages,
        data=config.station.data,
        others=sinks,
        mqtt=config.mqtt,
        webhook=config.webhook,
        drift=config.drift,
        prometheus=config.page is not None,
        ring_bytes=None if ring is None else lambda: ring.used_bytes,
    )
    sinks += told.sinks
    if config.page is not None:
        around = Around(
            station=config.station.name,
            boot=boot,
            data=config.station.data,
            line=engine,
            live=Live(),
            products=engine.products,
            ring=ring,
            sinks=tuple(sinks),
            drift=told.drift,
            metrics=None if told.metrics is None else told.metrics.text,
        )
        links.append(make_page(config.page, around))
        sinks.append(around.live)
    return Plugs(plc=plc, links=links, watchers=watchers, sinks=sinks)


def _store_of(config: Config) -> Callable[[int], Store]:
    products = {product.number: product for product in config.products}
    return lambda number: Store(config.store_of(products[number]), public_key=config.station.public_key)


def _around_opcua(config: Config, engine: Engine, *, boot: str, ring: Ring | None) -> OpcuaAround:
    return OpcuaAround(
        station=config.station.name,
        boot=boot,
        data=config.station.data,
        line=engine,
        products=engine.products,
        store_of=_store_of(config),
        # with Modbus beside it, the PLC's numbers come from there
        takes_jobs=config.source.trigger is not TriggerKind.NONE and config.modbus is None,
        triggered=config.source.trigger is not TriggerKind.NONE,
        hardware=config.source.trigger is TriggerKind.HARDWARE,
        ring=ring,
    )


def source_of(
    table: FolderTable | ReplayTable | GenicamTable | AravisTable | StreamTable,
) -> Callable[[Wanted], Source]:
    """What opens the source of a table."""
    if isinstance(table, StreamTable):
        return lambda wanted: StreamSource(_stream(table), wanted=wanted)
    if isinstance(table, AravisTable):
        return lambda wanted: aravis_source(table.device, table.setup)
    if isinstance(table, ReplayTable):
        return lambda wanted: ReplaySource(
            table.path,
            wanted=wanted,
            triggered=table.trigger is TriggerKind.SOFTWARE,
            rate=table.rate,
            shuffle=table.shuffle,
            repeat=table.repeat,
            dim=table.dim,
            defocus=table.defocus,
            max_megapixels=table.max_megapixels,
        )
    if isinstance(table, GenicamTable):
        return lambda wanted: genicam_source(table.producer, table.device, table.setup)
    return lambda wanted: FolderSource(
        table.path,
        wanted=wanted,
        trigger=table.trigger,
        keep=table.keep,
        max_megapixels=table.max_megapixels,
        dated_within_s=table.spare_ms / 1e3,
    )


def _stream(table: StreamTable) -> StreamSettings:
    """The settings of a stream.

    Raises:
        UsageError: its password cannot be read.
    """
    file = table.password_file
    return StreamSettings(
        address=table.address,
        user=table.user,
        password=None if file is None else read_secret(file, where="source: password_file"),
        options=options_of(
            table.address,
            transport=(table.transport or Transport.TCP).value,
            input_format=table.input_format,
            size=table.size,
            fps=table.fps,
        ),
        timeout_s=table.timeout_s,
        triggered=table.trigger is TriggerKind.SOFTWARE,
        latency_ns=round((table.latency_ms or 0.0) * 1e6),
        give_up_ns=round(table.after_ms * 1e6),
        rate=table.rate,
        repeat=table.repeat is not False,
    )


def _listens(config: Config) -> dict[str, str]:
    tables = {"plc.modbus": config.modbus, "plc.opcua": config.opcua, "page": config.page}
    return {name: table.listen.host for name, table in tables.items() if table is not None}


def _room_bytes(config: Config) -> int:
    """What the station may still write to its data folder, at most."""
    kept = 0 if config.ring is None else config.ring.max_bytes
    if kept:
        folder = config.station.data / RING
        kept -= sum(map(_size, folder.rglob("*"))) if folder.is_dir() else 0
    return max(kept, 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        # a station that runs has removed it meanwhile
        return 0
