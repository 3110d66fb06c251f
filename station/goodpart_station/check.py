"""Check: tries, before parts do, everything that a station needs. Each finding says pass, warn or fail, and why."""

import asyncio
import contextlib
import dataclasses
import ipaddress
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from goodpart import Bundle, GoodpartError, Inspector, TrialLimits, UsageError
from goodpart.store.trial import try_bundle
from goodpart_station.clock import is_synced
from goodpart_station.line import Link
from goodpart_station.products import ProductFacts
from goodpart_station.running import Plan, Plugs, held_alone, put_together
from goodpart_station.sources.source import Compared, Look, Source

_TELEMETRY = "ORT_DISABLE_TELEMETRY"

_LEAST_FREE_BYTES = 500_000_000
"""For logs, and for a bundle that is added while the old ones are there."""

_FSYNC_LIMIT_S = 1.0
"""A disk that takes longer for a small file is failing, or is a network."""

_FRAMES = 100
"""How many inspections make the p99 of a bundle."""

_SPARE = 1.2
"""A deadline must be at least so many times the p99: a bare one would time out one part in a hundred."""


@runtime_checkable
class Checked(Protocol):
    """A sink whose receiver can be tried."""

    name: str

    def check(self) -> str:
        """What was found.

        Raises:
            GoodpartError: the receiver cannot be reached.
        """


@runtime_checkable
class Stated(Protocol):
    """A link that says what its clients would not accept."""

    name: str

    def faults(self) -> Sequence[str]:
        """What is wrong, a line each."""

    def warnings(self) -> Sequence[str]:
        """What will be wrong soon, a line each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        name: what was tried.
        passed: whether the station can run so.
        detail: what was found, or what was expected, found, and is to be done.
        warns: whether somebody should read it although it passed.
        spent_ms: how long one inspection takes (p99), if this check measured it.
    """

    name: str
    passed: bool
    detail: str
    warns: bool = False
    spent_ms: float | None = None


def check(plan: Plan) -> Iterator[Finding]:
    """Tries all that a plan needs, one after the other. Where a station runs already, its links are not tried again.

    Args:
        plan: of the station.
    """
    yield _disk(plan)
    spent_ms: dict[str, float] = {}
    for product in plan.products:
        for finding in _product(plan, product):
            if finding.spent_ms is not None:
                spent_ms[f"product {product.number}"] = finding.spent_ms
            yield finding
    try:
        with held_alone(plan.data):
            yield from _parts(plan, spent_ms, alone=True)
    except UsageError:
        detail = f"{plan.data}: a station runs on it, whose links are not tried again"
        yield Finding(name="alone", passed=True, detail=detail)
        yield from _parts(plan, spent_ms, alone=False)
    for table, host in plan.listens.items():
        yield _reach(table, host)
    yield _clock()
    yield _telemetry()


def _disk(plan: Plan) -> Finding:
    need = _LEAST_FREE_BYTES + plan.room_bytes
    try:
        plan.data.mkdir(parents=True, exist_ok=True)
        fsync_s, free = _fsync_s(plan.data), shutil.disk_usage(plan.data).free
    except OSError as error:
        detail = f"{plan.data}: expected a folder that can be written, found none ({error.strerror}); mend the disk"
        return Finding(name="disk", passed=False, detail=detail)
    found = f"{plan.data}: {free / 1e9:.1f} GB free, a small file is on the disk in {fsync_s * 1e3:.1f} ms"
    if free < need:
        detail = f"{found}; expected {need / 1e9:.1f} GB free: make room, or keep fewer images"
        return Finding(name="disk", passed=False, detail=detail)
    if fsync_s > _FSYNC_LIMIT_S:
        return Finding(
            name="disk", passed=False, detail=f"{found}; expected less than {_FSYNC_LIMIT_S:g} s: replace it"
        )
    return Finding(name="disk", passed=True, detail=found)


def _fsync_s(folder: Path) -> float:
    """How long the slowest of a few small files takes until it is on the disk."""
    spent_s = []
    for _ in range(5):
        with tempfile.NamedTemporaryFile(prefix=".check-", dir=folder) as file:
            began_s = time.monotonic()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            spent_s.append(time.monotonic() - began_s)
    return max(spent_s)


def _product(plan: Plan, product: ProductFacts) -> Iterator[Finding]:
    """Verifies every byte, tests the bundle in a child process and here, and times it; the store stays as it is."""
    name = f"product {product.number}"
    try:
        store = plan.store_of(product.number)
        bundle = store.read(store.active())
        try_bundle(bundle.folder, TrialLimits())
        with Inspector.load(
            bundle.folder, threads=plan.threads, public_key=store.public_key, minimum_serial=store.minimum_serial
        ) as inspector:
            found = f"bundle {bundle.digest[:12]}, serial {bundle.manifest.serial}, passes its self-test"
            yield Finding(name=name, passed=True, detail=f"{product.name}: {found}")
            yield _deadline(name, plan.rules.deadline_ns / 1e6, inspector)
    except (GoodpartError, MemoryError) as error:
        detail = str(error) or f"{product.name}: expected memory for its bundle, found none left"
        yield Finding(name=name, passed=False, detail=detail)


def _deadline(name: str, deadline_ms: float, inspector: Inspector) -> Finding:
    frame = inspector.bundle.read_golden(inspector.bundle.manifest.golden[0].file)
    spent_ms = []
    for _ in range(_FRAMES):
        began = time.perf_counter()
        inspector.inspect(frame)
        spent_ms.append((time.perf_counter() - began) * 1e3)
    p99_ms = float(np.percentile(spent_ms, 99))
    found = f"deadline_ms {deadline_ms:g}, one inspection takes {p99_ms:.1f} ms (p99 of {_FRAMES}, without the camera)"
    passed = deadline_ms >= _SPARE * p99_ms
    if not passed:
        found += f"; expected at least {_SPARE * p99_ms:.0f}: allow more time, or take other threads or another bundle"
    return Finding(name=f"deadline of {name}", passed=passed, detail=found, spent_ms=p99_ms)


def _parts(plan: Plan, spent_ms: Mapping[str, float], *, alone: bool) -> Iterator[Finding]:
    """Source and links; constructing them finds what the file says wrongly."""
    try:
        engine, plugs = put_together(plan)
    except GoodpartError as error:
        yield Finding(name="links", passed=False, detail=str(error))
        return
    yield from _source(plan, engine.source, spent_ms, alone=alone)
    yield from _receivers(plugs)
    if alone:
        yield from _links(plugs)
    for link in (*plugs.plc, *plugs.links):
        if isinstance(link, Stated):
            yield from (Finding(name=link.name, passed=False, detail=each) for each in link.faults())
            yield from (Finding(name=link.name, passed=True, detail=each, warns=True) for each in link.warnings())


def _source(plan: Plan, source: Source, spent_ms: Mapping[str, float], *, alone: bool) -> Iterator[Finding]:
    try:
        if not isinstance(source, Compared):
            yield Finding(name="source", passed=True, detail=source.check())
        elif not alone:
            yield Finding(name="source", passed=True, detail="not tried: the station that runs has it")
        else:
            look = source.look(_bundles(plan))
            yield Finding(name="source", passed=True, detail=look.words)
            if look.warning is not None:
                yield Finding(name="window of the source", passed=True, warns=True, detail=look.warning)
            yield from _pace(look, spent_ms)
    except GoodpartError as error:
        yield Finding(name="source", passed=False, detail=str(error))


def _pace(look: Look, spent_ms: Mapping[str, float]) -> Iterator[Finding]:
    """Warns if frames come faster than the slowest bundle judges them."""
    if look.per_second is None or not spent_ms:
        return
    product, slowest_ms = max(spent_ms.items(), key=lambda each: each[1])
    if look.per_second * slowest_ms <= 1e3:
        return
    most = 1e3 / (_SPARE * slowest_ms)
    shown = f"{most:.0f}" if most >= 10 else f"{most:.2g}"
    detail = (
        f"expected frames no faster than {product} judges them, {slowest_ms:.1f} ms (p99) each, found "
        f"{look.per_second:.1f} per second, and each is a part: set {look.slower.format(shown)}, or less"
    )
    yield Finding(name="pace of the source", passed=True, warns=True, detail=detail)


def _bundles(plan: Plan) -> dict[str, Bundle]:
    """The bundle of each product that has one; what is wrong with the others is told elsewhere."""
    found = {}
    for product in plan.products:
        with contextlib.suppress(GoodpartError):
            store = plan.store_of(product.number)
            found[f"product {product.number} ({product.name})"] = store.read(store.active())
    return found


def _receivers(plugs: Plugs) -> Iterator[Finding]:
    """Brokers and other receivers of results."""
    for sink in plugs.sinks:
        if isinstance(sink, Checked):
            try:
                yield Finding(name=sink.name, passed=True, detail=sink.check())
            except GoodpartError as error:
                yield Finding(name=sink.name, passed=False, detail=str(error))


def _links(plugs: Plugs) -> Iterator[Finding]:
    for link in (*plugs.plc, *plugs.links):
        name = getattr(link, "name", type(link).__name__)
        try:
            asyncio.run(_open_once(link))
        except GoodpartError as error:
            yield Finding(name=name, passed=False, detail=str(error))
        else:
            yield Finding(name=name, passed=True, detail="opens, and closes again")


async def _open_once(link: Link) -> None:
    await link.open()
    await link.close()


def _reach(table: str, host: str) -> Finding:
    """Whether an address is one that the whole world knows. That of all interfaces is refused with the file."""
    address = ipaddress.ip_address(host)
    detail = f"[{table}] listens on {host}"
    if address.is_global:
        detail += "; expected an address of this plant, found one of the internet: take the interface to the PLC"
    return Finding(name=f"reach of [{table}]", passed=not address.is_global, detail=detail)


def _clock() -> Finding:
    synced = is_synced()
    if synced is None:
        return Finding(name="clock", passed=True, detail="this system does not say whether its clock is kept right")
    if synced:
        return Finding(name="clock", passed=True, detail="kept right by a time service")
    # a PC without a network has none, and judges as well without
    detail = "no time service keeps it right: records may bear wrong times, verdicts do not depend on it. See chrony"
    return Finding(name="clock", passed=True, warns=True, detail=detail)


def _telemetry() -> Finding:
    found = os.environ.get(_TELEMETRY)
    if found in (None, "1"):
        return Finding(name="telemetry", passed=True, detail="onnxruntime reports nothing")
    detail = f"{_TELEMETRY}: expected 1 or nothing, found {found!r}: onnxruntime would report to Microsoft"
    return Finding(name="telemetry", passed=False, detail=detail)
