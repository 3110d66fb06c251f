"""What the OPC UA server has around it: the parts of the station that it asks."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from goodpart import LiveInspector, Store
from goodpart_station.line import Line
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

    def refresh(self) -> None:
        """Has newly activated bundles loaded; the old ones judge meanwhile."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Around:
    """The parts of the station that the server asks.

    Attributes:
        station: its name.
        boot: the id of this start, as in the ring.
        data: the folder of tokens and trusted certificates.
        line: takes parts and commands, and knows the state.
        products: by number.
        store_of: opens the store of a product, by its number; it reads the disk.
        takes_jobs: whether OPC UA numbers the parts: the file has triggers, and no [plc.modbus].
        triggered: whether parts are announced at all.
        hardware: whether the camera is fired by a wire.
        ring: None if the station keeps no frames.
    """

    station: str
    boot: str
    data: Path
    line: Line
    products: Shop
    store_of: Callable[[int], Store]
    takes_jobs: bool
    triggered: bool = True
    hardware: bool = False
    ring: Ring | None = None
