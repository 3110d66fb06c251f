"""The manifest of a bundle: what it states about itself, read and checked before any other file is looked at."""

import hashlib
from pathlib import Path

from goodpart._host import strict_json
from goodpart.bundle.files import check_folder, read_file
from goodpart.bundle.names import MANIFEST, MANIFEST_SHA256, SIGNATURE, check_names
from goodpart.bundle.signature import SIGNATURE_BYTES, check_signature
from goodpart.errors import (
    BundleMissingError,
    IntegrityError,
    RollbackError,
    SignatureError,
    VersionError,
)
from goodpart.facts.manifest import READ_VERSIONS, Manifest

_MANIFEST_LIMIT_BYTES = 1 << 20


def read_manifest(folder: Path, *, public_key: Path | None = None, minimum_serial: int = 0) -> tuple[Manifest, str]:
    """Reads and checks what a bundle states about itself, before any other file is looked at.

    Args:
        folder, public_key, minimum_serial: as in `read_bundle`.

    Returns:
        the manifest, and its sha256: the bundle's digest.

    Raises:
        UsageError, BundleError: as in `read_bundle`.
    """
    check_folder(folder)
    text = read_file(folder, MANIFEST, _MANIFEST_LIMIT_BYTES)
    digest = hashlib.sha256(text).hexdigest()
    recorded = read_file(folder, MANIFEST_SHA256, 1024).decode("ascii", "replace").strip()
    if recorded != digest:
        raise IntegrityError(
            f"{folder / MANIFEST}: expected sha256 {recorded[:64]}, found {digest}; copy the bundle again"
        )
    if public_key is not None:
        _check_signed(folder, text, public_key)
    manifest = _read_manifest(text, str(folder / MANIFEST))
    if manifest.serial < minimum_serial:
        raise RollbackError(
            f"{folder / MANIFEST}: expected serial {minimum_serial} or later, found {manifest.serial}; "
            f"a bundle as old as this is no longer accepted here"
        )
    check_names(manifest, folder)
    return manifest, digest


def _check_signed(folder: Path, text: bytes, public_key: Path) -> None:
    try:
        signature = read_file(folder, SIGNATURE, SIGNATURE_BYTES)
    except (BundleMissingError, IntegrityError) as error:
        raise SignatureError(f"{error}; only bundles signed with {public_key} are accepted here") from error
    check_signature(text, signature, public_key, where=str(folder / SIGNATURE))


def _read_manifest(text: bytes, where: str) -> Manifest:
    plain = strict_json.parse(text, where=where)
    # the version comes first: a later format may have other keys, and "unknown key" would then mislead
    version = plain.get("format_version") if isinstance(plain, dict) else None
    # True is 1, and 2.0 is 2
    if type(version) is not int or version not in READ_VERSIONS:
        raise VersionError(
            f"{where}: expected format version {' or '.join(map(str, READ_VERSIONS))}, "
            f"found {strict_json.shown(version)}; "
            f"update goodpart or rebuild"
        )
    return strict_json.from_plain(Manifest, plain, where=where)
