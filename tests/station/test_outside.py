"""What is told to others, put together: what the configuration names and nothing else, closed in the right order."""

import dataclasses
import json
import sys

import pytest

from goodpart.errors import MissingExtraError, UsageError
from goodpart_station.codes import Bits, State
from goodpart_station.line import Sink
from goodpart_station.message import Messages
from goodpart_station.running import Flagged
from goodpart_station.sinks.outside import outside
from goodpart_station.sinks.settings import DriftSettings, MqttSettings, WebhookSettings
from small_answers import BOOT, answer
from small_broker import await_that, running_broker
from still_line import IDLE, StillLine

MESSAGES = Messages("line1", BOOT, None)


def test_nothing_configured_is_the_reporter_alone(tmp_path):
    found = outside(StillLine(), MESSAGES, data=tmp_path)
    assert [each.name for each in found.sinks] == ["reporter"]
    assert found.drift is None and found.metrics is None


def test_everything_configured_is_there_and_drift_flags_its_bit(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef")
    secret.chmod(0o600)
    found = outside(
        StillLine(),
        MESSAGES,
        data=tmp_path,
        mqtt=MqttSettings(url="mqtt://127.0.0.1"),
        webhook=WebhookSettings(url="http://127.0.0.1:9", secret_file=secret),
        drift=DriftSettings(),
        prometheus=True,
    )
    assert [each.name for each in found.sinks] == ["mqtt", "webhook", "drift", "metrics", "reporter"]
    assert isinstance(found.drift, Flagged) and found.drift.bits == Bits(0)
    found.drift.is_alarm = True
    assert found.drift.bits == Bits.DRIFT
    assert found.metrics.stats()["dropped"] == {"mqtt": 0, "webhook": 0, "drift": 0}


def test_mqtt_alone_gets_its_figures_without_the_library_of_prometheus(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    found = outside(StillLine(), MESSAGES, data=tmp_path, mqtt=MqttSettings(url="mqtt://127.0.0.1"))
    found.metrics._count(answer(1))
    assert found.metrics.stats()["parts"] == {"GOOD": 1}
    with pytest.raises(UsageError, match=r"/metrics: expected figures for Prometheus, found none counted"):
        found.metrics.text()


@pytest.mark.parametrize(
    ("module", "options", "extra"),
    [
        ("paho.mqtt.client", {"mqtt": MqttSettings(url="mqtt://127.0.0.1")}, "mqtt"),
        ("prometheus_client", {"prometheus": True}, "web"),
    ],
)
def test_a_missing_library_is_refused_and_not_needed_when_nothing_asks_for_it(
    tmp_path, monkeypatch, module, options, extra
):
    monkeypatch.setitem(sys.modules, module, None)
    outside(StillLine(), MESSAGES, data=tmp_path)
    with pytest.raises(MissingExtraError, match=rf"'\./station\[{extra}\]'"):
        outside(StillLine(), MESSAGES, data=tmp_path, **options)


def test_a_state_goes_all_the_way_to_a_subscriber_and_offline_is_the_last_word(tmp_path):
    line = StillLine()
    with running_broker(tmp_path / "broker") as broker, broker.subscriber() as subscriber:
        found = outside(line, MESSAGES, data=tmp_path, mqtt=broker.settings, drift=DriftSettings(), prometheus=True)
        sinks: list[Sink] = list(found.sinks)
        for sink in sinks:
            sink.start()
        assert json.loads(subscriber.until("goodpart/line1/state")[-1][2])["state"] == "READY"
        line.now = dataclasses.replace(IDLE, state=State.FAULT, why="no frame for 2 s")
        alarm = json.loads(subscriber.until("goodpart/line1/alarm/fault", "true")[-1][2])
        assert (alarm["alarm"], alarm["active"], alarm["words"]) == ("FAULT", True, "no frame for 2 s")
        for sink in sinks:
            sink.put(answer(1))
        await_that(lambda: found.metrics.stats()["parts"] == {"GOOD": 1})
        for sink in reversed(sinks):
            sink.close()
        rest = subscriber.until("goodpart/line1/state", "OFFLINE")
    assert [json.loads(text)["seq"] for topic, _, text in rest if topic.endswith("result")] == [1]
