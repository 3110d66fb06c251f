"""The tables of the sinks that leave the PC, in the station's file, and a station that runs with all of them."""

import json
import re
import sys

import cv2
import pytest

from goodpart import Store
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import MissingExtraError, UsageError
from goodpart_station.check import check
from goodpart_station.config.config import read_config
from goodpart_station.running import started
from goodpart_station.sinks.settings import DriftSettings, MqttSettings, WebhookSettings
from goodpart_station.station import plan_of
from small_broker import ROOT, running_broker
from station_files import LEAST

TABLES = """\
[sink.mqtt]
url = "mqtts://broker:8883"
user = "line1"
password_file = "mqtt.pw"
ca = "ca.pem"
keepalive_s = 20

[sink.webhook]
url = "https://host/hook"
secret_file = "secret"
ca = "own.pem"
timeout_s = 5

[drift]
block = 8
false_alarm_every = 50_000
"""


def test_every_key(read_text, tmp_path):
    config = read_text(f"{LEAST}\n{TABLES}")
    assert config.mqtt == MqttSettings(
        url="mqtts://broker:8883", user="line1", password_file=tmp_path / "mqtt.pw", ca=tmp_path / "ca.pem",
        keepalive_s=20,
    )  # fmt: skip
    assert config.webhook == WebhookSettings(
        url="https://host/hook", secret_file=tmp_path / "secret", ca=tmp_path / "own.pem", timeout_s=5.0
    )
    assert config.drift == DriftSettings(block=8, false_alarm_every=50_000)


def test_without_them_there_are_none(read_text):
    config = read_text(LEAST)
    assert (config.mqtt, config.webhook, config.drift) == (None, None, None)


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ('url = "mqtts://broker:8883"', 'url = "broker"', "url: expected mqtt://HOST or mqtts://HOST, found broker"),
        ('url = "mqtts://broker:8883"', "url = 3", "url: expected a text, found 3"),
        ('url = "mqtts://broker:8883"', 'url = "mqtt://broker"', "url: expected mqtts:// for a password"),
        ('user = "line1"', "user = 3", "user: expected a text, found 3"),
        ('user = "line1"', "", "password_file: expected a user beside it"),
        ('password_file = "mqtt.pw"', "password_file = 3", "password_file: expected a path, found 3"),
        ('ca = "ca.pem"', "ca = true", "ca: expected a path, found True"),
        ("keepalive_s = 20", "keepalive_s = 0", "keepalive_s: expected a whole number from 1 to 3600, found 0"),
        ('url = "https://host/hook"', 'url = "ftp://host"', "url: expected http://HOST or https://HOST, found ftp"),
        ('secret_file = "secret"', "", "secret_file"),
        ('ca = "own.pem"', "ca = 3", "ca: expected a path, found 3"),
        ("timeout_s = 5", "timeout_s = 0", "timeout_s: expected a number from 0.1 to 60, found 0"),
        ("block = 8", "block = 0", "block: expected a whole number from 1 to 4096, found 0"),
        (
            "false_alarm_every = 50_000",
            "false_alarm_every = 10",
            "false_alarm_every: expected a whole number from 1000",
        ),
    ],
)
def test_every_value_wrong_once(read_text, line, wrong, expected):
    assert line in TABLES
    text = f"{LEAST}\n{TABLES}".replace(line, wrong)
    with pytest.raises(UsageError, match=rf"line\.toml:\d+: .*{re.escape(expected)}"):
        read_text(text)


def station_file(folder, broker, *, extra=""):
    """A station that replays the golden frames of the fixture's bundle once, and tells the broker."""
    bundle = ROOT / "tests" / "fixtures" / "format_2"
    (folder / "frames").mkdir()
    read = read_bundle(bundle)
    for number, facts in enumerate(read.manifest.golden):
        cv2.imwrite(str(folder / "frames" / f"{number}.png"), read.read_golden(facts.file)[:, :, ::-1])
    store = Store(folder / "var" / "stores" / "bracket")
    store.activate(store.add(bundle).digest)
    settings = broker.settings
    file = folder / "line.toml"
    file.write_text(
        LEAST.replace('kind = "folder"', 'kind = "replay"\nrepeat = false').replace("120", "60000")
        + f'[sink.mqtt]\nurl = "{settings.url}"\nuser = "{settings.user}"\nca = "{settings.ca}"\n'
        + f'password_file = "{settings.password_file}"\n[drift]\n{extra}'
    )
    return file, len(read.manifest.golden)


def test_a_station_tells_a_broker_its_results_and_remembers_drift(tmp_path):
    with running_broker(tmp_path / "broker") as broker:
        file, images = station_file(tmp_path, broker)
        with broker.subscriber() as subscriber:
            with started(plan_of(read_config(file))) as engine:
                engine.run()
            told = subscriber.until("goodpart/line1/state", "OFFLINE")
        found = [json.loads(text) for topic, _, text in told if topic.endswith("/result")]
        assert [each["seq"] for each in found] == list(range(1, images + 1))
        assert {each["verdict"] for each in found} == {"SIMULATED"}
        assert {"GOOD", "DEFECT"} <= {each["judged"] for each in found}
        kept = json.loads((tmp_path / "var" / "drift" / "bracket.simulated.json").read_text())
        assert kept["frames"] == images
        findings = {each.name: each for each in check(plan_of(read_config(file)))}
        assert findings["mqtt"].passed and "passes messages on" in findings["mqtt"].detail


@pytest.mark.parametrize("away", ["hung", "killed"])
def test_verdicts_go_on_while_broker_and_receiver_are_away(tmp_path, away):
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef")
    secret.chmod(0o600)
    log = tmp_path / "results.jsonl"
    others = f'[sink.webhook]\nurl = "http://127.0.0.1:9/"\nsecret_file = "{secret}"\n[sink.jsonl]\npath = "{log}"\n'
    with running_broker(tmp_path / "broker") as broker:
        file, images = station_file(tmp_path, broker, extra=others)
        broker.hang() if away == "hung" else broker.kill()
        with started(plan_of(read_config(file))) as engine:
            engine.run()
        broker.kill()
    found = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(each["seq"], each["verdict"]) for each in found] == [(seq + 1, "SIMULATED") for seq in range(images)]


def test_a_station_whose_library_is_missing_does_not_start(tmp_path, monkeypatch):
    with running_broker(tmp_path / "broker") as broker:
        file, _ = station_file(tmp_path, broker)
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(MissingExtraError, match=r"'\./station\[mqtt\]'"), started(plan_of(read_config(file))):
        raise AssertionError("it has started")
