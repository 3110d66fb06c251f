"""The tables of the file that belong to no link and no sink."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from goodpart.errors import UsageError
from goodpart_station.codes import SEQ_MOST, SLOTS
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.settings import NAME, TEXT, number, setting, whole
from goodpart_station.sources.folder import LEAST_DATED_S

_DAY_MS = 86_400_000.0

_NOTHING_MS = 1e-6
"""What sums of times in decimals may be wrong by."""

DEFAULT_AFTER_MS = 100.0
"""How long after its trigger a frame may come where the file does not say it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StationTable:
    """The table `[station]`.

    Attributes:
        name: of the station, for messages and records.
        data: the folder that it writes to.
        public_key: bundles must be signed with its private key; None if they need not be signed.
        threads: for one frame; None as tuned, or all cores.
        deadline_ms: a part without a verdict gets TIMEOUT so long after its trigger.
        late_limit: so many TIMEOUTs one after the other are a fault.
        queue_parts: so many parts may wait for their frame or their verdict.
        auto_reset: whether the station leaves FAULT by itself when the cause is gone.
        start_product: the number of the product that is prepared at the start; 0 to wait for the PLC or a person. None:
            the product, if there is one alone, else 0.
    """

    name: str = setting(NAME)
    data: Path
    public_key: Path | None = None
    threads: int | None = setting(whole(1, 1024), None)
    deadline_ms: float = setting(number(0, _DAY_MS, above=True))
    late_limit: int = setting(whole(1, 1_000_000), 3)
    queue_parts: int = setting(whole(1, SLOTS), 4)
    auto_reset: bool = False
    start_product: int | None = setting(whole(0, SEQ_MOST), None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProductTable:
    """A table `[[product]]`.

    Attributes:
        number: what a PLC calls it.
        name: what people call it.
        store: the name of its store's folder, below `stores` in the station's data.
        preload: whether it is loaded at the start, and stays in memory.
    """

    number: int = setting(whole(1, SEQ_MOST))
    name: str = setting(TEXT)
    store: str = setting(NAME)
    preload: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceTable:
    """What the table `[source]` holds for every kind of source.

    Attributes:
        trigger: who decides when a picture is taken.
        pair_before_ms: how long before its trigger the frame of a part may come; for a hardware trigger alone.
        pair_after_ms: how long after its trigger it may come.
        min_spacing_ms: a trigger that comes sooner after the last one is refused.
        resync_ms: how long nothing must come before the station trusts its counting again; None for a default.
        timeout_s: how long the source may show no life before it is lost.
    """

    trigger: TriggerKind = TriggerKind.NONE
    pair_before_ms: float | None = setting(number(0, _DAY_MS), None)
    pair_after_ms: float | None = setting(number(0, _DAY_MS, above=True), None)
    min_spacing_ms: float | None = setting(number(0, _DAY_MS, above=True), None)
    resync_ms: float | None = setting(number(0, _DAY_MS, above=True), None)
    timeout_s: float = setting(number(0, 3600, above=True), 2.0)

    TRIGGERS: ClassVar[frozenset[TriggerKind]] = frozenset(TriggerKind)
    LEAST_SPARE_MS: ClassVar[float] = 0.0
    """The source cannot date frames more exactly than this."""

    def __post_init__(self) -> None:
        """Refuses settings that would have no effect.

        Raises:
            UsageError: the trigger is none of this source's, or a setting does not belong to it, or the windows leave
                less between two parts than frames can be dated by.
        """
        if self.trigger not in self.TRIGGERS:
            known = " or ".join(f'"{each.value}"' for each in TriggerKind if each in self.TRIGGERS)
            raise UsageError(f'trigger: expected {known} for this kind of source, found "{self.trigger.value}"')
        pairing = {"pair_before_ms", "pair_after_ms", "min_spacing_ms", "resync_ms"}
        unused = {
            TriggerKind.NONE: pairing,
            TriggerKind.SOFTWARE: {"pair_before_ms"},
            TriggerKind.HARDWARE: set(),
        }[self.trigger]
        for key in sorted(unused):
            if getattr(self, key) is not None:
                raise UsageError(
                    f'{key}: expected no such key with trigger = "{self.trigger.value}", found one; take it out, or '
                    f"correct the trigger"
                )
        if self.trigger is TriggerKind.HARDWARE and self.min_spacing_ms is None:
            raise UsageError(
                'trigger: expected min_spacing_ms beside "hardware", found none; give the shortest time between parts'
            )
        # windows that leave nothing at all are refused with the rules of the pairing
        if self.trigger is TriggerKind.HARDWARE and 0 < self.spare_ms < self.LEAST_SPARE_MS - _NOTHING_MS:
            windows_ms = (self.min_spacing_ms or 0.0) - self.spare_ms
            raise UsageError(
                f"min_spacing_ms: expected {windows_ms + self.LEAST_SPARE_MS:g} or more: both windows, and the "
                f"{self.LEAST_SPARE_MS:g} ms by which frames of this source may be dated too late, found "
                f"{self.min_spacing_ms:g}; narrow the windows, or let parts come more seldom"
            )

    @property
    def spare_ms(self) -> float:
        """With a hardware trigger: what the windows leave between two parts, and a frame may be dated too late by."""
        after_ms = DEFAULT_AFTER_MS if self.pair_after_ms is None else self.pair_after_ms
        return (self.min_spacing_ms or 0.0) - (self.pair_before_ms or 0.0) - after_ms


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderTable(SourceTable):
    """The table `[source]` with `kind = "folder"`: another program writes image files.

    Attributes:
        path: the folder in which they appear.
        keep: how many judged files stay.
        max_megapixels: larger pictures are refused by their header.
    """

    KIND: ClassVar[str] = "folder"
    LEAST_SPARE_MS: ClassVar[float] = LEAST_DATED_S * 1e3

    path: Path
    keep: int = setting(whole(0, 10_000_000), 1000)
    max_megapixels: float = setting(number(0, 1e6, above=True), 50.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayTable(SourceTable):
    """The table `[source]` with `kind = "replay"`: images of a folder as a simulated camera. No part passes by them.

    Attributes:
        path: the folder with images, in sub-folders too.
        rate: frames per second; None for the next one when the last is judged.
        shuffle: whether each pass has an order of its own.
        repeat: whether it begins again at the end.
        dim: what the pixels are multiplied by.
        defocus: the standard deviation in pixels of a Gaussian that blurs them, 0 for none.
        max_megapixels: larger pictures are refused by their header.
    """

    KIND: ClassVar[str] = "replay"
    TRIGGERS: ClassVar[frozenset[TriggerKind]] = frozenset({TriggerKind.SOFTWARE, TriggerKind.NONE})

    path: Path
    rate: float | None = setting(number(0, 10_000, above=True), None)
    shuffle: bool = False
    repeat: bool = True
    dim: float = setting(number(0, 10, above=True), 1.0)
    defocus: float = setting(number(0, 100), 0.0)
    max_megapixels: float = setting(number(0, 1e6, above=True), 50.0)

    def __post_init__(self) -> None:
        """Refuses settings that would have no effect.

        Raises:
            UsageError: as in `SourceTable`, or triggers ask for each image and a rate does too.
        """
        super().__post_init__()
        if self.rate is not None and self.trigger is not TriggerKind.NONE:
            raise UsageError(
                f'rate: expected no such key with trigger = "{self.trigger.value}", found one; each trigger gets the '
                f"next image: take it out"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class JsonlTable:
    """The table `[sink.jsonl]`: one JSON line per part.

    Attributes:
        path: the newest file.
        max_bytes: a file that would become larger is set aside.
        keep: how many files that were set aside stay.
    """

    path: Path
    max_bytes: int = 100_000_000
    keep: int = setting(whole(0, 100_000), 10)

    def __post_init__(self) -> None:
        """Refuses files that hold next to nothing.

        Raises:
            UsageError: `max_bytes` is too low.
        """
        if self.max_bytes < 10_000:
            raise UsageError(f"max_bytes: expected at least 10,000 bytes, found {self.max_bytes}")
