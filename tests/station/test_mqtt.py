"""MQTT against mosquitto with TLS: order, a broker that hangs or dies, drops that are told, the last will."""

import dataclasses
import gc
import json
import signal
import subprocess
import sys
import weakref

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from goodpart.errors import MissingExtraError, UsageError
from goodpart_station.message import Messages
from goodpart_station.ring.config import RingConfig
from goodpart_station.sinks.courier import MAILBOX_RESULTS
from goodpart_station.sinks.mqtt import MqttSink
from goodpart_station.sinks.mqtt_probe import probe
from goodpart_station.sinks.settings import MqttSettings
from small_answers import BOOT, answer, near, refused, reject
from small_broker import await_that, certify, free_port, running_broker
from still_line import PlainMessages

RESULT, STATE, DRIFT = "goodpart/line1/result", "goodpart/line1/state", "goodpart/line1/alarm/drift"


@pytest.fixture
def broker(tmp_path):
    with running_broker(tmp_path / "broker") as made:
        yield made


@pytest.fixture
def sink(broker):
    # a broker that hangs is not given up, however slow this machine is
    made = MqttSink(dataclasses.replace(broker.settings, keepalive_s=600), PlainMessages(), station="line1")
    made.start()
    # what it says after each connection has arrived
    await_that(lambda: made.is_connected and made._sent and not made._in_flight)
    yield made
    made.close()


def alarm(active, kind="DRIFT"):
    return {"alarm": kind, "active": active, "words": "darker"}


def results(messages):
    return [json.loads(text) for topic, _, text in messages if topic == RESULT]


def test_results_arrive_in_their_order(broker, sink):
    with broker.subscriber() as subscriber:
        for seq in range(1, 301):
            sink.put(answer(seq))
        found = results(subscriber.until(RESULT, '"seq": 300,'))
    assert [each["seq"] for each in found] == list(range(1, 301))
    assert all(each["dropped"] == 0 for each in found)


def test_a_result_arrives_with_every_field(broker):
    messages = Messages("line1", BOOT, RingConfig(near_sigmas=2.0))
    sink = MqttSink(broker.settings, messages, station="line1")
    sent = [near(1), reject(2), refused(3), answer(4, late=True)]
    with broker.subscriber(RESULT) as subscriber:
        sink.start()
        for result in sent:
            sink.put(result)
        found = results(subscriber.until(RESULT, '"seq":4,'))
    sink.close()
    assert found == [messages.plain(result) for result in sent]
    # the ring keeps the first three, which takes their pixels to know
    assert [each["image"] is not None for each in found[:3]] == [True] * 3


def test_no_more_is_in_flight_than_the_broker_allows(broker, sink):
    # mosquitto's own limit, which it says when it lets a station in
    assert sink.window == 20


def test_a_broker_that_hangs_costs_the_oldest_results_and_no_memory(broker, sink):
    total = 1500
    with broker.subscriber() as subscriber:
        broker.hang()
        pixels, window = [], sink.window
        for seq in range(1, total + 1):
            made = answer(seq)
            pixels.append(weakref.ref(made.frame.pixels))
            sink.put(made)
            if seq == window + 1:
                # its thread must not be slower than this loop: what it could not take would be dropped too
                await_that(lambda: sink._in_flight == window and not sink._courier.waiting)
        del made
        gc.collect()
        assert all(each() is None for each in pixels), "the mailbox keeps pixels"
        # in flight, one in hand, and the mailbox
        assert sink.dropped == total - window - 1 - MAILBOX_RESULTS
        broker.go_on()
        found = results(subscriber.until(RESULT, f'"seq": {total},'))
    first = total - MAILBOX_RESULTS + 1
    assert [each["seq"] for each in found] == [*range(1, window + 2), *range(first, total + 1)]
    assert {each["seq"]: each["dropped"] for each in found if each["dropped"]} == {first: sink.dropped}


def test_after_a_broker_was_killed_the_station_connects_again_and_tells_its_state(broker, sink):
    sink.tell_state({"state": "READY"})
    broker.kill()
    await_that(lambda: not sink.is_connected)
    for seq in range(1, 201):
        sink.put(answer(seq))
    sink.tell_alarm(alarm(True))
    broker.start()
    with broker.subscriber() as subscriber:
        # it has forgotten what it retained
        told = subscriber.until(RESULT, '"seq": 200,')
    assert [each["seq"] for each in results(told)] == list(range(1, 201))
    assert (STATE, '{"state":"READY"}') in [(topic, text) for topic, _, text in told]
    assert [json.loads(text)["active"] for topic, _, text in told if topic == DRIFT] == [True]


def test_what_was_in_flight_when_the_connection_ended_comes_first(broker, sink):
    broker.hang()
    for seq in range(1, 101):
        sink.put(answer(seq))
    await_that(lambda: sink._in_flight == sink.window)
    broker.kill()
    await_that(lambda: not sink.is_connected)
    broker.start()
    with broker.subscriber() as subscriber:
        found = [each["seq"] for each in results(subscriber.until(RESULT, '"seq": 100,'))]
    assert found == sorted(found)


def test_state_and_alarms_are_retained_and_an_alarm_that_has_gone_is_not(broker, sink):
    with broker.subscriber() as live:
        sink.tell_state({"state": "FAULT"})
        sink.tell_alarm(alarm(True, "FAULT"))
        sink.tell_alarm(alarm(True))
        live.until(DRIFT, "true")
        sink.tell_alarm(alarm(False))
        gone = live.until(DRIFT, "false")
        assert live.until(DRIFT)[-1] == (DRIFT, False, "")
        assert json.loads(gone[-1][2])["words"] == "darker"
    sink.put(answer(1))
    with broker.subscriber() as late:
        sink.put(answer(2))
        found = late.until(RESULT, '"seq": 2,')
    retained = {topic: text for topic, is_retained, text in found if is_retained}
    assert set(retained) == {STATE, "goodpart/line1/alarm/fault"}
    assert retained[STATE] == '{"state":"FAULT"}'


def test_figures_are_told_and_not_retained(broker, sink):
    with broker.subscriber() as subscriber:
        sink.tell_stats({"parts": {"GOOD": 3}})
        assert subscriber.until("goodpart/line1/stats")[-1][1:] == (False, '{"parts":{"GOOD":3}}')


def test_a_station_that_ends_delivers_the_rest_and_says_offline(broker):
    sink = MqttSink(broker.settings, PlainMessages(), station="line1")
    with broker.subscriber() as subscriber:
        sink.start()
        await_that(lambda: sink.is_connected)
        for seq in range(1, 101):
            sink.put(answer(seq))
        sink.close()
        found = subscriber.until(STATE, "OFFLINE")
        assert [each["seq"] for each in results(found)] == list(range(1, 101))
    with broker.subscriber() as late:
        assert late.until(STATE)[-1] == (STATE, True, '{"state":"OFFLINE"}')


_KILLED = """
import sys
from pathlib import Path
from goodpart_station.sinks.mqtt import MqttSink
from goodpart_station.sinks.settings import MqttSettings
from goodpart_station.sinks.settings import MqttSettings
from still_line import PlainMessages

url, user, password, ca = sys.argv[1:]
settings = MqttSettings(url=url, user=user, password_file=Path(password), ca=Path(ca))
sink = MqttSink(settings, PlainMessages(), station="line1")
sink.start()
sink.tell_state({"state": "READY"})
sys.stdin.read()
"""


def test_the_broker_tells_the_last_will_of_a_station_that_was_killed(broker):
    settings = broker.settings
    command = [sys.executable, "-c", _KILLED, settings.url, settings.user, settings.password_file, settings.ca]
    with broker.subscriber() as subscriber:
        with subprocess.Popen(command, stdin=subprocess.PIPE, env={"PYTHONPATH": ":".join(sys.path)}) as station:
            subscriber.until(STATE, "READY")
            station.send_signal(signal.SIGKILL)
        assert subscriber.until(STATE, "OFFLINE")[-1] == (STATE, False, '{"state":"OFFLINE"}')
    with broker.subscriber() as late:
        assert late.until(STATE)[-1] == (STATE, True, '{"state":"OFFLINE"}')


def test_alarms_that_a_killed_station_has_left_are_taken_away(broker, sink):
    sink.tell_alarm(alarm(True))
    with broker.subscriber(DRIFT) as subscriber:
        subscriber.until(DRIFT, "true")
    sink.close()
    again = MqttSink(broker.settings, PlainMessages(), station="line1")
    again.start()
    with broker.subscriber() as late:
        again.put(answer(1))
        late.until(RESULT)
    with broker.subscriber() as later:
        again.put(answer(2))
        assert DRIFT not in {topic for topic, *_ in later.until(RESULT)}
    again.close()


def test_a_new_connection_waits_for_the_receipts_of_the_last_one(broker):
    sink = MqttSink(broker.settings, PlainMessages(), station="line1")
    sink._sent, sink._received = 5, 3
    sink._on_connect(sink._client, None, None, ReasonCode(PacketTypes.CONNACK, "Success"), None)
    assert not sink._publish("result", b"{}", retain=False)
    sink._received = 5
    assert sink._publish("result", b"{}", retain=False)


def test_a_wrong_password_is_told_once(broker, caplog, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    wrong.chmod(0o600)
    sink = MqttSink(dataclasses.replace(broker.settings, password_file=wrong), PlainMessages(), station="line1")
    sink.start()
    await_that(lambda: "does not let this station in: Not authorized" in caplog.text)
    sink.close()
    assert not sink.is_connected


def test_a_broker_with_another_certificate_gets_nothing(broker, caplog, tmp_path):
    other, _ = certify(tmp_path / "other")
    sink = MqttSink(dataclasses.replace(broker.settings, ca=other), PlainMessages(), station="line1")
    sink.start()
    sink.put(answer(1))
    await_that(lambda: "expected a broker" in caplog.text)
    sink.close()
    assert not sink.is_connected


@pytest.mark.parametrize("name", ["", "a/b", "a+", "#", "a\n"])
def test_a_name_that_cannot_be_part_of_a_topic_is_refused(name):
    with pytest.raises(UsageError, match=r"\[station\] name: expected one without"):
        MqttSink(MqttSettings(url="mqtt://localhost"), PlainMessages(), station=name)


def test_without_the_library_the_sink_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(MissingExtraError, match=r"\[sink\.mqtt\] needs paho-mqtt.*'\./station\[mqtt\]'"):
        MqttSink(MqttSettings(url="mqtt://localhost"), PlainMessages(), station="line1")


def test_check_finds_a_broker_that_passes_messages_on(broker, sink):
    assert "passes messages on" in sink.check()


@pytest.mark.parametrize("password", ["wrong", None])
def test_check_says_how_far_it_got(broker, tmp_path, password):
    settings = broker.settings
    if password is None:
        settings = dataclasses.replace(settings, url=f"mqtts://127.0.0.1:{free_port()}")
    else:
        wrong = tmp_path / "wrong"
        wrong.write_text(password)
        wrong.chmod(0o600)
        settings = dataclasses.replace(settings, password_file=wrong)
    found = "no connection" if password is None else "Not authorized"
    with pytest.raises(UsageError, match=rf"\[sink\.mqtt\] mqtts://127.*found {found}"):
        probe(settings, station="line1", within_s=0.5 if password is None else 30.0)
