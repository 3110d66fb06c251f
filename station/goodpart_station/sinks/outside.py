"""What a station tells others: puts MQTT, webhook, drift, metrics and the reporter together."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from goodpart_station.line import Line, Sink
from goodpart_station.message import Messages
from goodpart_station.sinks.drift_watch import DriftWatch
from goodpart_station.sinks.metrics import Metrics
from goodpart_station.sinks.mqtt import MqttSink
from goodpart_station.sinks.reporter import Reporter
from goodpart_station.sinks.settings import DriftSettings, MqttSettings, WebhookSettings
from goodpart_station.sinks.webhook import WebhookSink

DRIFT_FOLDER = "drift"
"""Where drift is remembered, below the station's data folder."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outside:
    """What was put together.

    Attributes:
        sinks: in the order in which they are started; they are closed in the opposite one.
        drift: for the page's panel and its commands, or None.
        metrics: for `/metrics` and the figures that MQTT gets each minute, or None if nobody wants them.
    """

    sinks: Sequence[Sink]
    drift: DriftWatch | None
    metrics: Metrics | None


def outside(
    line: Line,
    messages: Messages,
    *,
    data: Path,
    others: Sequence[Sink] = (),
    mqtt: MqttSettings | None = None,
    webhook: WebhookSettings | None = None,
    drift: DriftSettings | None = None,
    prometheus: bool = False,
    ring_bytes: Callable[[], int] | None = None,
) -> Outside:
    """Puts together what the configuration names; nothing is started.

    Args:
        line: the station.
        messages: makes the message of a result.
        data: the station's data folder.
        others: sinks that are asked for what they dropped: the log, the ring.
        mqtt, webhook, drift: as configured, None for none.
        prometheus: whether the page serves `/metrics`.
        ring_bytes: what the ring takes on disk, or None without a ring.

    Raises:
        MissingExtraError: a library is not installed; the message names the extra.
        UsageError: a file of the settings cannot be used.
    """
    told: list[MqttSink | WebhookSink] = []
    if mqtt is not None:
        told.append(MqttSink(mqtt, messages, station=messages.station))
    if webhook is not None:
        told.append(WebhookSink(webhook, messages, boot=messages.boot))
    watch = None if drift is None else DriftWatch(drift, data / DRIFT_FOLDER)
    counted = [*others, *told, *([] if watch is None else [watch])]
    figures = None
    if prometheus or mqtt is not None:
        figures = Metrics(line, counted, drift=watch, ring_bytes=ring_bytes, prometheus=prometheus)
    reporter = Reporter(
        line,
        told,
        sinks=counted,
        station=messages.station,
        boot=messages.boot,
        drift=watch,
        stats=None if figures is None else figures.stats,
    )
    own: list[Sink] = [*told]
    if watch is not None:
        own.append(watch)
    if figures is not None:
        own.append(figures)
    # last, so that it is closed first: MQTT says OFFLINE after all else
    return Outside(sinks=(*own, reporter), drift=watch, metrics=figures)
