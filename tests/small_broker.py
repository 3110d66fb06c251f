"""A real MQTT broker with TLS and a password, and a subscriber that is not ours: mosquitto, from Debian's packages."""

import contextlib
import datetime
import ipaddress
import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from goodpart_station.sinks.settings import MqttSettings

ROOT = Path(__file__).parents[1]
"""Of the working tree."""

USER, PASSWORD = "line1", "not a secret"
_PATIENCE_S = 30.0


def await_that(condition: Callable[[], object], *, within_s: float = _PATIENCE_S) -> None:
    """Waits until a condition holds; fails when it does not in time."""
    ends_at, pause = time.monotonic() + within_s, threading.Event()
    while not condition():
        assert time.monotonic() < ends_at, "waited in vain"
        pause.wait(0.005)


def peer(program: str, package: str) -> str:
    """The path of a program of a Debian package; skips the test without it."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed: apt-get install {package}")
    return found


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certify(folder: Path, *, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """A new certificate for an address and its key, as PEM files; it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "goodpart test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


class Broker:
    """mosquitto on one port of loopback; it can hang, be killed, and start again."""

    def __init__(self, folder: Path) -> None:
        self.certificate, key = certify(folder)
        self.port = free_port()
        self._passwords = folder / "passwords"
        self.password_file = folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.password_file.chmod(0o600)
        subprocess.run([peer("mosquitto_passwd", "mosquitto"), "-c", "-b", self._passwords, USER, PASSWORD], check=True)
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\ncertfile {self.certificate}\nkeyfile {key}\n"
            f"password_file {self._passwords}\nallow_anonymous false\nuser root\nmax_queued_messages 0\n"
        )
        self._process: subprocess.Popen[str] | None = None

    @property
    def settings(self) -> MqttSettings:
        """How a station connects to it."""
        return MqttSettings(
            url=f"mqtts://127.0.0.1:{self.port}", user=USER, password_file=self.password_file, ca=self.certificate,
        )  # fmt: skip

    def start(self) -> None:
        """Starts it, and waits until it serves."""
        command = [peer("mosquitto", "mosquitto"), "-c", str(self._configuration)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "running" in line:
                break
        else:
            raise AssertionError("mosquitto has ended")
        self._reader = threading.Thread(target=_drain, args=(self._process.stderr,), daemon=True)
        self._reader.start()

    def hang(self) -> None:
        """It does nothing more, while its connections stay."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It works again."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """It ends at once, without a goodbye, and forgets everything."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        assert self._process.stderr is not None
        self._process.wait(_PATIENCE_S)
        self._reader.join(_PATIENCE_S)
        self._process.stderr.close()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @contextlib.contextmanager
    def subscriber(self, topic: str = "goodpart/#") -> Iterator["Subscriber"]:
        """mosquitto_sub, subscribed."""
        command = [
            # what it prints on a pipe would wait in its buffer
            *(
                "stdbuf",
                "-oL",
                peer("mosquitto_sub", "mosquitto-clients"),
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-V",
                "mqttv5",
            ),
            *("--cafile", str(self.certificate), "-u", USER, "-P", PASSWORD, "-q", "1", "-d", "-t", topic),
            *("-F", "message %t %r %p"),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield Subscriber(process)
            finally:
                process.kill()
                process.wait(_PATIENCE_S)


class Subscriber:
    """The messages that have arrived, in their order."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        subscribed = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("Subscribed"):
                    subscribed.set()
                if line.startswith("message "):
                    self._lines.put(line.removesuffix("\n"))
            self._lines.put(None)

        self._thread = threading.Thread(target=read, daemon=True)
        self._thread.start()
        assert subscribed.wait(_PATIENCE_S), "mosquitto_sub could not subscribe"

    def next(self) -> tuple[str, bool, str]:
        """Topic, whether the broker had retained it, and text of the next message."""
        line = self._lines.get(timeout=_PATIENCE_S)
        assert line is not None, "mosquitto_sub has ended"
        _, topic, retained, *text = line.split(" ", 3)
        return topic, retained == "1", text[0] if text else ""

    def until(self, topic: str, text: str = "") -> list[tuple[str, bool, str]]:
        """All messages up to the first one of this topic that holds this text."""
        found = [self.next()]
        while found[-1][0] != topic or text not in found[-1][2]:
            found.append(self.next())
        return found


def _drain(pipe: Iterator[str]) -> None:
    with contextlib.suppress(ValueError):
        for _ in pipe:
            pass


@contextlib.contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """A broker that ends with the block, also if it hangs."""
    broker = Broker(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
