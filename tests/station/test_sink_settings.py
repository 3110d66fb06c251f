"""Settings of the sinks that leave the PC: every value wrong once, and files that hold secrets."""

from pathlib import Path

import pytest

from goodpart.errors import UsageError
from goodpart_station.sinks.secrets import read_secret, tls_context
from goodpart_station.sinks.settings import DriftSettings, MqttSettings, WebhookSettings

FILE = Path("file")


def test_ports_and_paths_follow_from_the_url():
    mqtt = MqttSettings(url="mqtts://broker")
    assert (mqtt.host, mqtt.port, mqtt.uses_tls) == ("broker", 8883, True)
    assert MqttSettings(url="mqtt://[::1]:1884/").port == 1884
    web = WebhookSettings(url="https://example.com/a/b?c=d", secret_file=FILE)
    assert (web.host, web.port, web.target, web.uses_tls) == ("example.com", 443, "/a/b?c=d", True)
    assert WebhookSettings(url="http://127.0.0.1:8000", secret_file=FILE).target == "/"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "broker"}, r"url: expected mqtt://HOST or mqtts://HOST"),
        ({"url": "https://broker"}, "url: expected mqtt://HOST"),
        ({"url": "mqtts://"}, "url: expected mqtt://HOST"),
        ({"url": "mqtts://broker:70000"}, "url: expected mqtt://HOST"),
        ({"url": "mqtts://broker:0"}, "url: expected mqtt://HOST"),
        ({"url": "mqtts://bro ker"}, "url: expected mqtt://HOST"),
        ({"url": "mqtts://broker/topic"}, "url: expected no path"),
        ({"url": "mqtts://me:secret@broker"}, "expected no user or password in the URL"),
        ({"url": "mqtts://broker", "password_file": FILE}, "expected a user beside it"),
        ({"url": "mqtt://broker", "user": "a", "password_file": FILE}, "expected mqtts:// for a password"),
        ({"url": "mqtt://broker", "ca": FILE}, "ca: expected mqtts:// beside it"),
        ({"url": "mqtts://broker", "keepalive_s": 0}, "keepalive_s: expected 1 to 3600"),
    ],
)
def test_settings_of_mqtt_that_cannot_work_are_refused(settings, words):
    with pytest.raises(UsageError, match=words):
        MqttSettings(**settings)


def test_a_password_without_tls_is_for_loopback_alone():
    assert not MqttSettings(url="mqtt://127.0.0.1", user="a", password_file=FILE).uses_tls


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "ftp://host"}, "url: expected http://HOST or https://HOST"),
        ({"url": "file:///etc/passwd"}, "url: expected http://HOST"),
        ({"url": "https://host/a#b"}, "url: expected http://HOST"),
        ({"url": "https://host/a\r\nX: y"}, "url: expected http://HOST"),
        ({"url": "https://me@host"}, "expected no user or password"),
        ({"url": "http://host", "ca": FILE}, "ca: expected https:// beside it"),
        ({"url": "https://host", "timeout_s": 0.0}, "timeout_s: expected 0.1 to 60"),
        ({"url": "https://host", "timeout_s": float("nan")}, "timeout_s: expected 0.1 to 60"),
    ],
)
def test_settings_of_a_webhook_that_cannot_work_are_refused(settings, words):
    with pytest.raises(UsageError, match=words):
        WebhookSettings(secret_file=FILE, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"block": 0}, "block: expected 1 to 4096"),
        ({"block": 4097}, "block: expected 1 to 4096"),
        ({"false_alarm_every": 999}, "false_alarm_every: expected 1000"),
        ({"false_alarm_every": 10**9 + 1}, "false_alarm_every: expected 1000"),
    ],
)
def test_settings_of_drift_that_cannot_work_are_refused(settings, words):
    with pytest.raises(UsageError, match=words):
        DriftSettings(**settings)


def test_a_secret_is_one_line_of_a_file_that_not_everybody_may_read(tmp_path):
    path = tmp_path / "secret"
    with pytest.raises(UsageError, match=r"where: expected a file at .*secret, found none"):
        read_secret(path, where="where")
    path.write_text("  the secret\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match=r"not everybody may read, found .*run chmod o="):
        read_secret(path, where="where")
    path.chmod(0o640)
    assert read_secret(path, where="where") == "the secret"
    with pytest.raises(UsageError, match="expected one line of 16 to 4096 bytes"):
        read_secret(path, where="where", least_bytes=16)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "one line"), (b"a\nb", "one line"), (b"a" * 5000, "one line"), (b"\xff", "UTF-8")]
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path, content, words):
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UsageError, match=words):
        read_secret(path, where="where")


def test_certificates_that_are_none_are_refused(tmp_path):
    path = tmp_path / "ca.pem"
    with pytest.raises(UsageError, match="where: expected certificates as PEM"):
        tls_context(path, where="where")
    path.write_text("no certificate")
    with pytest.raises(UsageError, match="where: expected certificates as PEM"):
        tls_context(path, where="where")
