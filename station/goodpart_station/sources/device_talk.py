"""How the station and the process of a camera talk: a message is its length, plain JSON, and the bytes that follow."""

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")

_MOST = 1 << 20
"""The longest JSON of a message, in bytes: more is no message of ours."""


def send(to: socket.socket, plain: dict[str, Any], data: memoryview | None = None) -> None:
    """Sends a message.

    Args:
        to: the socket.
        plain: the message.
        data: bytes that follow it; `plain` says how many.

    Raises:
        OSError: the other side is gone, or takes nothing in the socket's time.
    """
    text = json.dumps(plain).encode()
    to.sendall(_LENGTH.pack(len(text)) + text)
    if data is not None:
        to.sendall(data)


def receive(of: socket.socket) -> dict[str, Any] | None:
    """The next message, or None if the other side has ended.

    Raises:
        OSError: nothing came in the socket's time (TimeoutError), or no message of ours.
    """
    head = bytearray(_LENGTH.size)
    if not fill(of, memoryview(head)):
        return None
    (length,) = _LENGTH.unpack(head)
    if length > _MOST:
        raise OSError(f"expected a message of at most {_MOST} bytes, found {length}")
    text = bytearray(length)
    if not fill(of, memoryview(text)):
        return None
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise OSError("expected JSON, found something else") from error
    if not isinstance(plain, dict):
        raise OSError("expected a JSON object, found something else")
    return plain


def fill(of: socket.socket, into: memoryview) -> bool:
    """Reads so many bytes as there is room for; whether they all came before the other side ended.

    Raises:
        OSError: as in `receive`.
    """
    while into.nbytes:
        count = of.recv_into(into)
        if count == 0:
            return False
        into = into[count:]
    return True
