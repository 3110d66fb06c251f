"""Peers of a station for its benchmarks, each in a process of its own: a PLC, a webhook's receiver, an MQTT broker."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from goodpart.errors import UsageError
from goodpart_station.sinks.mqtt_client import make_client, stop
from goodpart_station.sinks.settings import MqttSettings, WebhookSettings

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

_HOUR_S = 3600

_PLC = """
import itertools, sys, time
from pymodbus.client import ModbusTcpClient

client = ModbusTcpClient("127.0.0.1", port=int(sys.argv[1]), timeout=60)
assert client.connect()
print("ready", flush=True)
# READY, and no bit that says that the PLC is lost
for beat in itertools.count(1):
    client.write_register(0, beat & 0xFFFF)
    state, bits = client.read_input_registers(3, count=2).registers
    if state == 2 and not bits & 2:
        break
    time.sleep(0.05)
for beat in itertools.count(beat + 1):
    seq = beat % 65535 + 1
    if client.write_registers(0, [beat & 0xFFFF, seq, (beat - 1) % 65535 + 1, 0, beat >> 16, beat & 0xFFFF]).isError():
        break
    while True:
        slot = client.read_input_registers(16 + 8 * (seq % 16), count=8)
        if slot.isError():
            sys.exit()
        found = slot.registers
        # the PLC's rule: only a slot with this number at both ends is this part's
        if found[0] == seq == found[7] and found[1]:
            break
        time.sleep(0.001)
"""

_RECEIVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("ready", flush=True)
server.serve_forever()
"""

_VIEWER = """
import itertools, sys, time, urllib.request

def get(path):
    return urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}{path}", timeout=600)

print("ready", flush=True)
with get("/events") as events:
    for number, line in enumerate(events):
        if number % 100 == 0:
            for path in ("/", "/metrics", "/parts"):
                with get(path) as answer:
                    answer.read()
"""


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def receiver(folder: Path) -> Iterator[WebhookSettings]:
    """A receiver that takes every message; gives the settings for it."""
    port, secret = free_port(), folder / "secret"
    secret.write_text("0123456789abcdef")
    secret.chmod(0o600)
    with _child([sys.executable, "-c", _RECEIVER, str(port)]):
        yield WebhookSettings(url=f"http://127.0.0.1:{port}/", secret_file=secret)


@contextlib.contextmanager
def plc(port: int) -> Iterator[None]:
    """A PLC that waits for READY, and announces a part as soon as the last one is answered."""
    with _child([sys.executable, "-c", _PLC, str(port)]):
        yield


@contextlib.contextmanager
def viewer(port: int) -> Iterator[None]:
    """A browser that follows the page's states, and asks for page, parts and metrics every now and then."""
    with _child([sys.executable, "-c", _VIEWER, str(port)]):
        yield


class Broker:
    """mosquitto with TLS, which can be hung, killed and started again. A context; it runs within.

    It remembers subscriptions on the disk. After a kill, results would otherwise be lost until the subscriber is back.
    """

    def __init__(self, folder: Path) -> None:
        """Makes its certificate and its settings.

        Args:
            folder: for its files.

        Raises:
            UsageError: mosquitto or openssl is not installed.
        """
        mosquitto, openssl = shutil.which("mosquitto", path="/usr/sbin:/usr/bin"), shutil.which("openssl")
        if mosquitto is None or openssl is None:
            raise UsageError("expected mosquitto and openssl, found one of them or none; apt-get install both")
        port, certificate, key = free_port(), folder / "certificate.pem", folder / "key.pem"
        make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        name = ["-subj", "/CN=goodpart", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([openssl, *make, *name, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        settings = folder / "mosquitto.conf"
        settings.write_text(
            f"listener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\nallow_anonymous true\nuser root\n"
            "log_dest stdout\nlog_type notice\nlog_type information\nmax_queued_messages 0\n"
            f"persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1\n"
        )
        self.settings = MqttSettings(url=f"mqtts://127.0.0.1:{port}", ca=certificate)
        self._command = ["stdbuf", "-oL", mosquitto, "-c", str(settings)]
        self._running = contextlib.ExitStack()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def start(self) -> None:
        """Starts it, after a kill too."""
        self._running.close()
        self._process = self._running.enter_context(_child(self._command, ready="running"))

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        if self._process is not None:
            self._process.send_signal(number)


class Listener:
    """A subscriber that notes which results have arrived. A context; it listens within, and connects again itself."""

    def __init__(self, settings: MqttSettings, topic: str) -> None:
        """Connects to nothing yet."""
        self.seqs: list[int] = []
        self.dropped = 0
        self._settings, self._topic = settings, topic
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = make_client(settings, client_id="listener")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take

    def __enter__(self) -> "Listener":
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        lasting.SessionExpiryInterval = _HOUR_S
        address = self._settings.host, self._settings.port
        self._client.connect_async(*address, keepalive=60, clean_start=False, properties=lasting)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        stop(self._client)

    def await_connection(self, within_s: float) -> None:
        """Waits until it listens.

        Raises:
            UsageError: it does not in time.
        """
        if not self._subscribed.wait(within_s):
            raise UsageError(f"{self._settings.url}: expected a subscription in {within_s:g} s, found none")

    def await_seq(self, seq: int, within_s: float) -> float:
        """Waits for a part's result; returns the time of CLOCK_MONOTONIC, in seconds.

        Raises:
            UsageError: it does not arrive in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: max(self.seqs, default=0) >= seq, within_s):
                last = max(self.seqs, default=0)
                raise UsageError(f"expected part {seq} in {within_s:g} s, found {last} as the last one")
        return time.monotonic()

    def _take(self, _client: object, _data: object, message: "MQTTMessage") -> None:
        found = json.loads(message.payload)
        with self._changed:
            self.seqs.append(found["seq"])
            self.dropped += found["dropped"]
            self._changed.notify_all()


@contextlib.contextmanager
def _child(command: list[str], *, ready: str = "ready") -> Iterator["subprocess.Popen[str]"]:
    """A process that has said that it is ready; it is killed in the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or not any(ready in line for line in process.stdout):
                raise UsageError(f"{command[0]}: expected that it starts, found that it has ended")
            yield process
        finally:
            process.kill()
            process.wait()
