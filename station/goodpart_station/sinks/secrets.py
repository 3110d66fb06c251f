"""Files that the sinks need beside the configuration: passwords, keys, certificates."""

import ssl
from pathlib import Path
from typing import Any

from goodpart.errors import UsageError

_MOST_SECRET_BYTES = 4096


def read_secret(path: Path, *, where: str, least_bytes: int = 1) -> str:
    """A password or key from a file, without white space around it.

    Args:
        path: a file that not everybody may read.
        where: the key of the configuration, for messages.
        least_bytes: a shorter one is refused.

    Raises:
        UsageError: there is no such file, all users may read it, or it holds no such text.
    """
    try:
        with path.open("rb") as file:
            everybody = path.stat().st_mode & 0o004
            data = file.read(_MOST_SECRET_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{where}: expected a file at {path}, found none ({error.strerror})") from error
    if everybody:
        raise UsageError(f"{where}: expected a file that not everybody may read, found {path}; run chmod o= on it")
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: expected UTF-8 text in {path}, found something else; write it again") from error
    if not least_bytes <= len(text.encode()) <= _MOST_SECRET_BYTES or not text.isprintable():
        raise UsageError(
            f"{where}: expected one line of {least_bytes} to {_MOST_SECRET_BYTES} bytes in {path}, found another "
            f"length or more lines; write it again"
        )
    return text


def tls_context(ca: Path | None, *, where: str) -> ssl.SSLContext:
    """A context that checks the other side's certificate and name.

    Args:
        ca: a PEM file, or None for the certificates of the system.
        where: the key of the configuration, for messages.

    Raises:
        UsageError: the file cannot be read, or holds no certificate.
    """
    # with this protocol the ssl module demands a certificate, and that it is for the name
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cafile=ca)
    except OSError as error:
        raise UsageError(f"{where}: expected certificates as PEM in {ca}, found none ({error}); correct it") from error
    return context


class _Context(ssl.SSLContext):
    """Shakes hands at once. paho does it later, and then forgets to close the socket if that fails."""

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(*args, **options)
        try:
            wrapped.do_handshake()
        except OSError:
            wrapped.close()
            raise
        return wrapped
