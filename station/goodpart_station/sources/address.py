"""Where a stream comes from, and how messages call it: without a password."""

import dataclasses
import enum
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from goodpart.errors import UsageError

_PORTS = range(1, 65536)
_MAYBE_SECRET = re.compile(r"(?i)[=&:@]|%(?:3d|26|3a|40)")
"""Signs behind which a password may stand in a path, as in /admin:PASSWORD/1, and their codes."""

_SECRET_WORDS = re.compile(r"(?i)(pass|pwd|secret|token|credential)\w*=")


class StreamKind(enum.Enum):
    """What a stream is: frames of an RTSP server or a TCP connection, a V4L2 device, or a recorded file."""

    RTSP = "rtsp"
    TCP = "tcp"
    DEVICE = "device"
    FILE = "file"


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a stream comes from.

    Attributes:
        kind: what it is.
        place: what FFmpeg opens, without user and password.
        shown: how messages call it. What stands in an address after a "?", or from a "=", "&", ":" or
            "@" in its path on, may be a password.
    """

    kind: StreamKind
    place: str
    shown: str

    @property
    def live(self) -> bool:
        """Whether its frames show what is there now."""
        return self.kind is not StreamKind.FILE

    @property
    def on_network(self) -> bool:
        """Whether it is reached by the network."""
        return self.kind in (StreamKind.RTSP, StreamKind.TCP)

    def opened_as(self, user: str | None, password: str | None) -> str:
        """What FFmpeg opens. With a password in it, it must not come into a message.

        Args:
            user: the name of the account, or None.
            password: its password, or None.
        """
        if user is None:
            return self.place
        scheme, _, rest = self.place.partition("://")
        word = "" if password is None else f":{quote(password, safe='')}"
        return f"{scheme}://{quote(user, safe='')}{word}@{rest}"


def address_of(url: str | Path) -> Address:
    """The address of a stream.

    Args:
        url: "rtsp://HOST[:PORT]/PATH", "tcp://HOST:PORT", or the path of a device below /dev or of a file.

    Raises:
        UsageError: it is none of these, or holds a user, a password or what looks like one. The message shows none of
            it.
    """
    if isinstance(url, Path):
        device = url.is_relative_to("/dev") and not url.is_file()
        return Address(StreamKind.DEVICE if device else StreamKind.FILE, str(url), str(url))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = None, None, None
    if parts is None or parts.scheme not in ("rtsp", "tcp") or not host or (port is not None and port not in _PORTS):
        raise UsageError(
            "url: expected rtsp://HOST/PATH, tcp://HOST:PORT, a device such as /dev/video0 or a video file, found "
            "something else; correct it"
        )
    if "@" in parts.netloc or _SECRET_WORDS.search(url):
        raise UsageError(
            "url: expected no user and no password in it, found one; give them as user and password_file: this file "
            "is read by many"
        )
    kind = StreamKind(parts.scheme)
    if kind is StreamKind.TCP and (port is None or parts.path.strip("/") or parts.query):
        raise UsageError("url: expected tcp://HOST:PORT and nothing else, found another form; correct it")
    path = _MAYBE_SECRET.split(parts.path)[0]
    hidden = bool(parts.query) or path != parts.path
    shown = f"{parts.scheme}://{parts.netloc}{path}{'…' if hidden else ''}"
    return Address(kind, url, shown)
