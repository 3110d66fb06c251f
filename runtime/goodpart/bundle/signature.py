"""Signature: Ed25519 (RFC 8032) over a bundle's manifest, which names every other file's sha256.

Needs the runtime's extra `signing`, and only where a key is configured.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from goodpart.errors import SignatureError, UsageError, missing_extra

SIGNATURE_BYTES = 64

_KEY_LIMIT_BYTES = 1 << 16


def check_signature(text: bytes, signature: bytes, public_key: Path, *, where: str) -> None:
    """Refuses a manifest that the owner of a key has not signed.

    Args:
        text: the manifest's exact bytes.
        signature: 64 bytes.
        public_key: PEM file with an Ed25519 public key.
        where: how messages call the signature.

    Raises:
        SignatureError: it is not that key's signature of these bytes.
        UsageError: no such key.
        MissingExtraError: the library for it is not installed.
    """
    key = _load_public_key(public_key)
    try:
        key.verify(signature, text)
    except _library().exceptions.InvalidSignature as error:
        raise SignatureError(
            f"{where}: expected the signature of manifest.json by the key in {public_key}, found another; get "
            f"the bundle from its maker again, or give the maker's key"
        ) from error


def load_private_key(path: Path) -> Any:
    """The Ed25519 private key in an unencrypted PEM file (PKCS 8, as from `openssl genpkey -algorithm ed25519`).

    Returns:
        cryptography's `Ed25519PrivateKey`.

    Raises:
        UsageError: no such file, or something else in it.
        MissingExtraError: the library for it is not installed.
    """
    library = _library()

    def parse(data: bytes) -> Any:
        return library.serialization.load_pem_private_key(data, password=None)

    what = "unencrypted Ed25519 private key in PEM, as goodpart-bank keygen makes them"
    return _load_key(path, parse, library.ed25519.Ed25519PrivateKey, what)


def _load_public_key(path: Path) -> Any:
    library = _library()
    what = "Ed25519 public key in PEM, the public half of the one that bundles are signed with"
    return _load_key(path, library.serialization.load_pem_public_key, library.ed25519.Ed25519PublicKey, what)


def _load_key(path: Path, parse: Callable[[bytes], Any], kind: type, what: str) -> Any:
    """The key in a file, if it is of a kind; `what` is how messages call that."""
    try:
        if not path.is_file() or path.stat().st_size > _KEY_LIMIT_BYTES:
            raise UsageError(f"{path}: expected a key file, found none; give the path of one")
        key = parse(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: expected a readable key file, found none ({error.strerror})") from error
    except (ValueError, TypeError, _library().exceptions.UnsupportedAlgorithm) as error:
        raise UsageError(f"{path}: expected an {what}; found something else") from error
    if not isinstance(key, kind):
        raise UsageError(f"{path}: expected an {what}; found {type(key).__name__}")
    return key


class _Library:
    """What is used of cryptography."""

    def __init__(self) -> None:
        from cryptography import exceptions
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519

        self.exceptions, self.serialization, self.ed25519 = exceptions, serialization, ed25519


def _library() -> Any:
    try:
        return _Library()
    except ImportError as error:
        raise missing_extra("a signature", "cryptography", "signing") from error
