"""Simulation: a station without a camera, a PLC and a file, to see what a bundle says about a folder."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from goodpart import Store
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.config.tables import ProductTable, ReplayTable
from goodpart_station.running import Plan, Plugs
from goodpart_station.sinks.rows import Rows
from goodpart_station.station import source_of

_DEADLINE_NS = 10_000_000_000
"""Nobody waits for a simulated part: a slow PC shows its time, not TIMEOUT."""


@contextlib.contextmanager
def simulation(bundle: Path, replay: ReplayTable, *, threads: int | None) -> Iterator[Plan]:
    """The plan of a station that judges a folder with one bundle and prints a row for each image.

    Its data folder, with a store of this bundle, is removed in the end.

    Args:
        bundle: the bundle's folder.
        replay: what is judged.
        threads: for one frame, None for as many as are tuned.

    Raises:
        BundleError, UsageError: as `Store.add` and `Store.activate`.
    """
    with tempfile.TemporaryDirectory(prefix="goodpart-station-") as folder:
        store = Store(Path(folder) / "store")
        chosen = store.activate(store.add(bundle).digest)
        yield Plan(
            data=Path(folder),
            products=(ProductTable(number=1, name=chosen.manifest.name, store="store"),),
            store_of=lambda _: store,
            threads=threads,
            rules=Rules(trigger=TriggerKind.NONE, products=frozenset({1}), deadline_ns=_DEADLINE_NS, simulated=True),
            source=source_of(replay),
            plugs=lambda engine: Plugs(sinks=(Rows(when_closed=engine.stop),)),
            product=1,
        )
