"""Settings of the sinks that leave the PC: the tables `[sink.mqtt]`, `[sink.webhook]` and `[drift]`."""

import dataclasses
import re
import urllib.parse
from pathlib import Path

from goodpart.errors import UsageError
from goodpart_station.settings import number, setting, whole

_MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_WEB_PORTS = {"http": 80, "https": 443}
_LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+|localhost|::1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MqttSettings:
    """The table `[sink.mqtt]`.

    Attributes:
        url: `mqtts://HOST[:PORT]` with TLS, or `mqtt://HOST[:PORT]` without.
        user: the name for the broker, or None.
        password_file: the file that holds the password and nothing else, or None. With TLS or on loopback alone.
        ca: the certificates that the broker's may be signed by, as PEM; None for those of the system.
        keepalive_s: a broker that hangs is noticed after 1 to 2 times as many seconds, 1 to 3600.
    """

    url: str
    user: str | None = None
    password_file: Path | None = None
    ca: Path | None = None
    keepalive_s: int = setting(whole(1, 3600), 10)

    def __post_init__(self) -> None:
        parts = _split(self.url, where="url", ports=_MQTT_PORTS)
        if parts.path not in ("", "/") or parts.query:
            raise UsageError(f"url: expected no path, found {self.url}; the topics follow from the station")
        if self.password_file is not None and self.user is None:
            raise UsageError("password_file: expected a user beside it, found none; name the user")
        if self.password_file is not None and not self.uses_tls and not _LOOPBACK.fullmatch(self.host):
            raise UsageError(
                f"url: expected mqtts:// for a password, found {self.url}; anyone on the way could read it"
            )
        if self.ca is not None and not self.uses_tls:
            raise UsageError(f"ca: expected mqtts:// beside it, found {self.url}; write mqtts://")
        if not 1 <= self.keepalive_s <= 3600:
            raise UsageError(f"keepalive_s: expected 1 to 3600, found {self.keepalive_s}")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted and the broker's certificate checked."""
        return urllib.parse.urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urllib.parse.urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port, 1 to 65535."""
        parts = urllib.parse.urlsplit(self.url)
        return parts.port or _MQTT_PORTS[parts.scheme]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """The table `[sink.webhook]`.

    Attributes:
        url: where each result is posted to, `https://` or `http://`.
        secret_file: the file that holds the key of the signatures: 16 bytes or more, without what is around them.
        ca: the certificates that the receiver's may be signed by, as PEM; None for those of the system.
        timeout_s: a receiver that takes longer for one step of an answer has not answered, 0.1 to 60.
    """

    url: str
    secret_file: Path
    ca: Path | None = None
    timeout_s: float = setting(number(0.1, 60), 10.0)

    def __post_init__(self) -> None:
        _split(self.url, where="url", ports=_WEB_PORTS)
        if self.ca is not None and not self.uses_tls:
            raise UsageError(f"ca: expected https:// beside it, found {self.url}; write https://")
        if not 0.1 <= self.timeout_s <= 60.0:
            raise UsageError(f"timeout_s: expected 0.1 to 60, found {self.timeout_s}")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted and the receiver's certificate checked."""
        return urllib.parse.urlsplit(self.url).scheme == "https"

    @property
    def host(self) -> str:
        """The receiver's name or address."""
        return urllib.parse.urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The receiver's port, 1 to 65535."""
        parts = urllib.parse.urlsplit(self.url)
        return parts.port or _WEB_PORTS[parts.scheme]

    @property
    def target(self) -> str:
        """Path and query of the request."""
        parts = urllib.parse.urlsplit(self.url)
        return urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftSettings:
    """The table `[drift]`.

    Attributes:
        block: frames of a block, 1 to 4096. Parts in long runs need longer blocks.
        false_alarm_every: the least mean number of frames to a false alarm of one detector, 1,000 to
            1,000,000,000.
    """

    block: int = setting(whole(1, 4096), 16)
    false_alarm_every: int = setting(whole(1000, 10**9), 100_000)

    def __post_init__(self) -> None:
        if not 1 <= self.block <= 4096:
            raise UsageError(f"block: expected 1 to 4096 frames, found {self.block}")
        if not 1000 <= self.false_alarm_every <= 10**9:
            raise UsageError(f"false_alarm_every: expected 1000 to 10^9, found {self.false_alarm_every}")


def _split(url: str, *, where: str, ports: dict[str, int]) -> urllib.parse.SplitResult:
    """The parts of a URL that can be used.

    Raises:
        UsageError: it cannot.
    """
    schemes = " or ".join(f"{scheme}://HOST" for scheme in ports)
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{where}: expected {schemes}, found {url} ({error}); correct it") from error
    # http.client would send a space or a line break as it is
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ports or not parts.hostname or port == 0 or parts.fragment or not plain:
        raise UsageError(f"{where}: expected {schemes}, found {url}; correct it")
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"{where}: expected no user or password in the URL, found some; they have keys or files")
    return parts
