"""Metrics for Prometheus. Results are counted in a thread of their own; the rest is asked for when somebody looks."""

import threading
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from goodpart.errors import UsageError
from goodpart_station.codes import Bits
from goodpart_station.line import Line, Sink
from goodpart_station.part import Result
from goodpart_station.sinks.courier import Courier
from goodpart_station.sinks.drift_watch import DriftWatch
from goodpart_station.sinks.extra import missing

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of `Metrics.text`."""

STAGES = ("grab", "queue", "embed", "search", "total")
"""What is timed of each part."""

_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
_RECENT_PARTS = 4096


class _Counted:
    """The counters of Prometheus' client, in a registry of their own, so that nothing else of the process gets in."""

    def __init__(self, look: "Callable[[], Iterable[Metric]]") -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
        except ImportError as error:
            raise missing("/metrics", "prometheus-client", "web") from error
        self.registry = CollectorRegistry()
        self.parts = Counter("goodpart_parts", "Answered parts", ["product", "verdict"], registry=self.registry)
        self.late = Counter("goodpart_late", "Verdicts that came after the deadline", registry=self.registry)
        self.seconds = Histogram(
            "goodpart_stage_seconds", "Time of each stage of a part", ["stage"], buckets=_BUCKETS_S,
            registry=self.registry,
        )  # fmt: skip
        ProcessCollector(registry=self.registry)
        self.registry.register(_Looked(look))

    def take(self, result: Result) -> None:
        for stage in STAGES:
            # the time to the answer is that of the answer in time, which was TIMEOUT
            if stage in result.ms and not (result.late and stage == "total"):
                self.seconds.labels(stage).observe(result.ms[stage] / 1e3)
        if result.late:
            self.late.inc()
        else:
            self.parts.labels(result.product, result.verdict.name).inc()


class Metrics:
    """Counts results, and gives the figures of the station: as text for Prometheus, and for the message of each minute.

    No label holds the number of a part.
    """

    name = "metrics"

    def __init__(
        self,
        line: Line,
        sinks: Sequence[Sink] = (),
        *,
        drift: DriftWatch | None = None,
        ring_bytes: Callable[[], int] | None = None,
        prometheus: bool = True,
    ) -> None:
        """Starts to count from 0.

        Args:
            line: asked for its state.
            sinks: asked for what they dropped.
            drift: asked for its state.
            ring_bytes: what the ring takes on disk.
            prometheus: whether `text` will be asked for; it needs prometheus-client.

        Raises:
            MissingExtraError: prometheus-client is not installed.
        """
        self._line, self._sinks, self._drift, self._ring_bytes = line, tuple(sinks), drift, ring_bytes
        self._courier = Courier("metrics", self._count)
        self._lock = threading.Lock()
        self._tally: Tally[str] = Tally()
        self._late_parts = 0
        self._recent_ms: deque[float] = deque(maxlen=_RECENT_PARTS)
        self._judged_by: tuple[str, int] = ("", 0)
        self._counted = _Counted(self._look) if prometheus else None

    @property
    def dropped(self) -> int:
        """How many results were not counted since the start."""
        return self._courier.dropped

    def put(self, result: Result) -> None:
        """Hands a result over without waiting."""
        self._courier.put(result)

    def start(self) -> None:
        """Starts the thread."""
        self._courier.start()

    def close(self) -> None:
        """Counts what still waits."""
        self._courier.close()

    def text(self) -> bytes:
        """All figures in Prometheus' text format, for `CONTENT_TYPE`. Any thread but the judging one may call it.

        Raises:
            UsageError: nothing is counted for Prometheus.
        """
        if self._counted is None:
            raise UsageError("/metrics: expected figures for Prometheus, found none counted; set [page]")
        from prometheus_client import generate_latest

        return generate_latest(self._counted.registry)

    def stats(self) -> dict[str, Any]:
        """Figures for the message of each minute.

        Keys: `parts` by verdict and `late` since the start; `parts_since`, how many since the last call;
        `total_ms`, the median and the 99th percentile of trigger to verdict over these, at most the last 4,096, or
        None without a part; `dropped` by sink since the start; `drift`, its phase and evidence, or None.
        """
        with self._lock:
            recent = sorted(self._recent_ms)
            self._recent_ms.clear()
            parts, late = dict(sorted(self._tally.items())), self._late_parts
        state = None if self._drift is None else self._drift.state
        return {
            "parts": parts,
            "late": late,
            "parts_since": len(recent),
            "total_ms": {"p50": _quantile(recent, 0.5), "p99": _quantile(recent, 0.99)} if recent else None,
            "dropped": {sink.name: sink.dropped for sink in self._sinks},
            "drift": None
            if state is None
            else {"phase": state.phase.value, "evidence": float(f"{state.evidence:.4g}")},
        }

    def _count(self, result: Result) -> None:
        if self._counted is not None:
            self._counted.take(result)
        with self._lock:
            if result.late:
                # the part has been counted: this is what the judge found afterwards
                self._late_parts += 1
            else:
                self._tally[result.verdict.name] += 1
                self._recent_ms.append(result.ms.get("total", 0.0))
            if result.bundle:
                self._judged_by = result.bundle, result.serial

    def _look(self) -> "Iterator[Metric]":
        """What is asked for at each look."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        status = self._line.status()
        yield GaugeMetricFamily("goodpart_state", "State of the station, as the PLC reads it", int(status.state))
        dropped = CounterMetricFamily("goodpart_sink_dropped", "Results that a sink did not take", labels=["sink"])
        for sink in self._sinks:
            dropped.add_metric([sink.name], sink.dropped)
        yield dropped
        synced = 0 if status.bits & Bits.CLOCK_UNSYNCED else 1
        yield GaugeMetricFamily("goodpart_clock_synced", "Whether the clock of the PC is set by another", synced)
        yield GaugeMetricFamily("goodpart_product", "Number of the product that is judged", status.product)
        with self._lock:
            digest, serial = self._judged_by
        info = InfoMetricFamily("goodpart_bundle", "The bundle that judged last", labels=[])
        if digest:
            info.add_metric([], {"digest": digest, "serial": str(serial)})
            yield info
        state = None if self._drift is None else self._drift.state
        if state is not None:
            yield GaugeMetricFamily("goodpart_drift_evidence", "Evidence of drift; 1 is an alarm", state.evidence)
            alarms = GaugeMetricFamily("goodpart_drift_alarm", "Alarms that nobody has ended", labels=["statistic"])
            for alarm in state.alarms:
                alarms.add_metric([alarm.statistic], 1)
            yield alarms
        if self._ring_bytes is not None:
            yield GaugeMetricFamily("goodpart_ring_bytes", "What the ring of images takes on disk", self._ring_bytes())


class _Looked:
    """A collector of the registry that asks at each look."""

    def __init__(self, look: "Callable[[], Iterable[Metric]]") -> None:
        self._look = look

    def collect(self) -> "Iterable[Metric]":
        return self._look()

    def describe(self) -> "Iterable[Metric]":
        """Nothing: the registry would ask the station for its state while it is built."""
        return ()


def _quantile(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
