"""Running: source, judge, links and sinks as a plan says, put together and run in one process."""

import contextlib
import dataclasses
import functools
import gc
import operator
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Protocol, runtime_checkable

from goodpart import Store, UsageError
from goodpart._host.locks import hold
from goodpart_station.clock import Clock
from goodpart_station.codes import Bits, Command
from goodpart_station.conductor.rules import Rules
from goodpart_station.engine import Engine
from goodpart_station.io_loop import IoLoop
from goodpart_station.line import Link, PlcLink, Sink, Watcher
from goodpart_station.notify import notify, watchdog_s
from goodpart_station.products import ProductFacts, Products
from goodpart_station.sources.source import Source, Wanted

_LOCK = "station.lock"

_SILENCE_S = 1.0
"""The PLC's heartbeat rests while source or judge have shown no life for so long, or for two deadlines if longer."""


@runtime_checkable
class Flagged(Protocol):
    """A link or sink that has something to say in the station's bits. The event loop asks ten times a second."""

    @property
    def bits(self) -> Bits:
        """What should be known now."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plugs:
    """What is plugged into the engine.

    Attributes:
        plc: links that show results to a PLC.
        links: other servers in the event loop, such as the page. They open after those of the PLC.
        watchers: those links that want to know each step of a part.
        sinks: places that results go to.
    """

    plc: Sequence[PlcLink] = ()
    links: Sequence[Link] = ()
    watchers: Sequence[Watcher] = ()
    sinks: Sequence[Sink] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a station is made of.

    Attributes:
        data: the folder that it writes to; one station at a time holds it.
        products: in the order of the configuration.
        store_of: opens the store of a product, by its number.
        threads: for one frame, as in `Inspector.load`.
        rules: the conductor's settings.
        source: makes the source; it may ask which frames are wanted.
        plugs: makes links and sinks for an engine.
        listens: the addresses that links listen on, by the table that names them, for `check`.
        room_bytes: what sinks may write to the data folder, for `check`.
        source_timeout_s: a source that shows no life for so long is lost.
        product: the number of the product that is prepared at the start, 0 to wait until a PLC or a person asks.
    """

    data: Path
    products: Sequence[ProductFacts]
    store_of: Callable[[int], Store]
    threads: int | None
    rules: Rules
    source: Callable[[Wanted], Source]
    plugs: Callable[[Engine], Plugs]
    product: int
    listens: Mapping[str, str] = dataclasses.field(default_factory=dict)
    room_bytes: int = 0
    source_timeout_s: float = 2.0


def run(plan: Plan) -> None:
    """Runs a station until SIGTERM or SIGINT, or until its source has no more frames; SIGHUP refreshes the bundles.

    The calling thread must be the main thread; it judges.

    Raises:
        GoodpartError: as in `started`.
    """
    with started(plan) as engine, _signals(engine), _lasting():
        engine.run()


@contextlib.contextmanager
def _lasting() -> Iterator[None]:
    """Keeps Python's garbage collector away from what the start has made, for it lasts until the end.

    A full collection holds all threads. With an OPC UA server it looks at half a million objects, which takes longer
    than a part may wait.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def started(plan: Plan) -> Iterator[Engine]:
    """A station whose links, sinks and products have started; `Engine.run` judges. In the end all of it is closed.

    Raises:
        UsageError: the data folder cannot be written, another station holds it, or a link cannot be opened.
        GoodpartError: the source or a sink cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(held_alone(plan.data))
        engine, plugs = put_together(plan)
        stack.callback(engine.products.close)
        for sink in plugs.sinks:
            sink.start()
            stack.callback(sink.close)
        loop = IoLoop(
            engine,
            [*plugs.plc, *plugs.links],
            bits=functools.partial(_bits, (*plugs.plc, *plugs.links, *plugs.sinks, Clock())),
            source_timeout_s=plan.source_timeout_s,
            silence_s=_silence_s(plan.rules),
            watchdog_s=watchdog_s(),
            awaits_product=plan.product != 0,
        )
        loop.start()
        stack.callback(loop.close)
        engine.products.start()
        if plan.product:
            engine.command(Command.PREPARE, product=plan.product, who="start")
        stack.callback(notify, "STOPPING=1")
        yield engine


def put_together(plan: Plan) -> tuple[Engine, Plugs]:
    """The engine of a plan, and what is plugged into it; nothing runs yet.

    Raises:
        UsageError: the source or a link cannot be what the plan says.
        MissingExtraError: the library of a link is not installed.
    """
    engine = Engine(plan.rules, products=functools.partial(_products, plan), source=plan.source)
    plugs = plan.plugs(engine)
    engine.plc_links.extend(plugs.plc)
    engine.watchers.extend(plugs.watchers)
    engine.sinks.extend(plugs.sinks)
    return engine, plugs


def _products(plan: Plan, engine: Engine) -> Products:
    return Products(
        {product.number: product for product in plan.products},
        plan.store_of,
        threads=plan.threads,
        ready=engine.product_ready,
        failed=engine.product_failed,
    )


def _silence_s(rules: Rules) -> float:
    return max(_SILENCE_S, 2 * rules.deadline_ns / 1e9)


def _bits(plugs: Sequence[object]) -> Bits:
    return functools.reduce(operator.or_, (plug.bits for plug in plugs if isinstance(plug, Flagged)), Bits(0))


@contextlib.contextmanager
def held_alone(data: Path) -> Iterator[None]:
    """Holds the data folder's lock: two stations would write the same files, and answer the same PLC.

    Raises:
        UsageError: the folder cannot be written, or another station holds it.
    """
    path = data / _LOCK
    try:
        data.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o644)
    except OSError as error:
        raise UsageError(f"{data}: expected a folder that can be written, found none ({error.strerror})") from error
    if (handle := hold(path)) is None:
        raise UsageError(f"{data}: expected no other station on this folder, found one that runs; end it first")
    try:
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _signals(engine: Engine) -> Iterator[None]:
    """SIGTERM and SIGINT end the station after the parts in hand; SIGHUP refreshes the bundles."""

    def end(number: int, frame: FrameType | None) -> None:
        engine.stop()

    def refresh(number: int, frame: FrameType | None) -> None:
        engine.products.refresh()

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    for number in before:
        signal.signal(number, refresh if number is signal.SIGHUP else end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
