"""What the page has around it: the parts of the station that it asks."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from goodpart import LiveInspector
from goodpart.drift import DriftState
from goodpart_station.line import Line, Sink
from goodpart_station.page.live import Live
from goodpart_station.ring.ring import Ring


class Shop(Protocol):
    """The products of the station. Any thread may ask, and every answer comes at once."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all products."""

    def name(self, number: int) -> str:
        """The name of a product, "" if there is none of this number."""

    def get(self, number: int) -> LiveInspector | None:
        """What judges a product, None while it is not loaded."""


class DriftSeen(Protocol):
    """The drift of the station. Any thread may ask."""

    @property
    def state(self) -> DriftState | None:
        """Where it stands; None before the first part."""

    def acknowledge(self) -> None:
        """Ends all alarms; they come again if the change stays."""

    def new_reference(self) -> None:
        """Learns anew: what is now is how it shall be."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Around:
    """The parts of the station that the page asks.

    Attributes:
        station: its name.
        boot: the id of this start, as in the ring.
        data: the folder of tokens and trend.
        line: takes commands and knows the state.
        live: the newest parts; the station gives it every result.
        products: by number.
        ring: None if the station keeps no frames.
        sinks: whose drops are shown.
        drift: None if the station does not watch for it.
        metrics: what `GET /metrics` answers, in Prometheus' text format; None if there are none.
    """

    station: str
    boot: str
    data: Path
    line: Line
    live: Live
    products: Shop
    ring: Ring | None = None
    sinks: Sequence[Sink] = ()
    drift: DriftSeen | None = None
    metrics: Callable[[], bytes] | None = None

    def judging(self) -> LiveInspector | None:
        """What judges now; None while no product is ready."""
        return self.products.get(self.line.status().product)
