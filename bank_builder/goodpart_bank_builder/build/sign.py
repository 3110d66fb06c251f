"""Signing: makes an Ed25519 key pair and signs a bundle's manifest with it."""

import hashlib
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goodpart._host.atomic import check_file, write_file
from goodpart.bundle.bundle import Bundle, read_bundle
from goodpart.bundle.names import MANIFEST, SIGNATURE
from goodpart.bundle.signature import load_private_key
from goodpart.errors import IntegrityError, UsageError


def make_keys(path: Path) -> Path:
    """Makes a key pair: a private key that only its owner may read, and the public key beside it.

    Args:
        path: the private key's file. An existing file is never replaced, because a lost key cannot be made again.

    Returns:
        the public key's file: `path` with `.pub` added.

    Raises:
        UsageError: one of the files exists, or a file cannot be written.
    """
    public = path.with_name(path.name + ".pub")
    for file in (path, public):
        check_file(file)
        if file.exists():
            raise UsageError(f"{file}: expected no key yet, found a file; name another, keys are never replaced")
    key = Ed25519PrivateKey.generate()
    write_file(
        public,
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_file(path, secret, mode=0o600)
    return public


def _check_private(key: Path) -> None:
    """Refuses a private key that anybody but its owner may read; Windows has no such modes."""
    if os.name == "posix" and key.is_file() and (mode := stat.S_IMODE(key.stat().st_mode)) & 0o077:
        raise UsageError(
            f"{key}: expected a key that its owner alone may read, found mode {mode:04o}; run chmod 600, and make a "
            f"new key if others may have read it"
        )


def sign_bundle(folder: Path, key: Path) -> Bundle:
    """Signs a bundle. It replaces an older signature and leaves every other file unchanged.

    Args:
        folder: the bundle. Every byte is checked first, because a signature vouches for the whole bundle.
        key: PEM file with the unencrypted Ed25519 private key.

    Returns:
        the bundle.

    Raises:
        BundleError: the bundle is refused.
        UsageError: the key cannot be read, others may read it, or the signature cannot be written.
    """
    _check_private(key)
    private = load_private_key(key)
    bundle = read_bundle(folder)
    text = (folder / MANIFEST).read_bytes()
    if hashlib.sha256(text).hexdigest() != bundle.digest:
        raise IntegrityError(f"{folder / MANIFEST}: expected the manifest that was checked, found another; sign again")
    write_file(folder / SIGNATURE, private.sign(text))
    return bundle
