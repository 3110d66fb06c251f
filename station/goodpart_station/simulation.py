"""Simulation: a station without a camera, a PLC and a configuration, to see what a bundle says about a folder."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

from goodpart import Store
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.running import Plan, Plugs
from goodpart_station.sinks.rows import Rows
from goodpart_station.sources.replay import ReplaySource
from goodpart_station.sources.source import Source, Wanted

_DEADLINE_NS = 10_000_000_000
"""Nobody waits for a simulated part: a slow PC shows its time, not TIMEOUT."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replay:
    """How a folder is replayed: see `ReplaySource`."""

    folder: Path
    rate: float | None = None
    shuffle: bool = False
    repeat: bool = True
    dim: float = 1.0
    defocus: float = 0.0

    def source(self, wanted: Wanted, *, triggered: bool) -> Source:
        """Opens it."""
        return ReplaySource(
            self.folder,
            wanted=wanted,
            triggered=triggered,
            rate=self.rate,
            shuffle=self.shuffle,
            repeat=self.repeat,
            dim=self.dim,
            defocus=self.defocus,
        )


@dataclasses.dataclass(frozen=True)
class _OneProduct:
    number: int
    name: str
    preload: bool = False


@contextlib.contextmanager
def simulation(bundle: Path, replay: Replay, *, threads: int | None) -> Iterator[Plan]:
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
            products=(_OneProduct(1, chosen.manifest.name),),
            store_of=lambda _: store,
            threads=threads,
            rules=Rules(trigger=TriggerKind.NONE, products=frozenset({1}), deadline_ns=_DEADLINE_NS, simulated=True),
            source=lambda wanted: replay.source(wanted, triggered=False),
            plugs=lambda engine: Plugs(sinks=(Rows(when_closed=engine.stop),)),
            product=1,
        )
