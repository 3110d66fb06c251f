"""The bundle, as it is read; `goodpart.bundle.write` writes one. `docs/bundle-format.md` states the format.

Reading checks the manifest's sha256, its strict JSON, and every file's size and sha256, before any native library sees
a byte.
"""

import contextlib
import dataclasses
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host import strict_json
from goodpart.bundle.files import check_file_facts, read_checked, read_file
from goodpart.bundle.signature import SIGNATURE_BYTES, check_signature
from goodpart.errors import (
    BundleMissingError,
    ContractError,
    FrameError,
    IntegrityError,
    ManifestError,
    RollbackError,
    SignatureError,
    VersionError,
    found_at,
)
from goodpart.facts.calibration import Calibration
from goodpart.facts.manifest import FORMAT_VERSION, FileFacts, Manifest
from goodpart.frames.images import load_npy

MANIFEST, MANIFEST_SHA256, SIGNATURE = "manifest.json", "manifest.sha256", "manifest.sig"
BACKBONE, CALIBRATION, IGNORE = "backbone.onnx", "calibration.json", "ignore.npy"
VECTORS, DIRECTIONS, INDEX = "bank.npy", "directions.npy", "bank.hnsw"

_MANIFEST_LIMIT_BYTES = 1 << 20
OWN_FILES = re.compile(
    r"manifest\.(json|sha256|sig)|backbone\.onnx|bank\.(npy|hnsw)|directions\.npy|calibration\.json|ignore\.npy|"
    r"golden/[0-9]{3}\.npy"
)
"""The relative names of all files that a bundle may hold, and that replacing it may therefore remove."""

_GOLDEN_NAME = re.compile(r"golden/[0-9]{3}\.npy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle whose every byte has been checked.

    Attributes:
        folder: where it lies.
        digest: sha256 of the manifest, which names every other file's sha256: the bundle's identity.
        manifest, calibration: what it states.
        backbone: the ONNX file's bytes, the very ones that were checked.
        ignored: `(rows, columns) bool` patches that never count, read-only, or None if all do.
    """

    folder: Path
    digest: str
    manifest: Manifest
    calibration: Calibration
    backbone: bytes
    ignored: npt.NDArray[np.bool_] | None

    @contextlib.contextmanager
    def open_index(self) -> Iterator[Path]:
        """A path under which hnswlib, which reads only from paths, finds the index: the very bytes that were checked.

        They lie in memory (on Linux) or in a private temporary file, so that nothing can exchange them on the way.

        Raises:
            IntegrityError: the file has changed since it was checked.
            BundleMissingError: the system has no memory left to hold it.
        """
        data = read_checked(self.folder, INDEX, self.manifest.files[INDEX])
        if hasattr(os, "memfd_create"):
            with os.fdopen(os.memfd_create(INDEX), "wb", buffering=0) as file:
                try:
                    _write_all(file, data)
                except OSError as error:
                    raise BundleMissingError(
                        f"{self.folder / INDEX}: expected {len(data)} bytes of memory to hold it, found none "
                        f"({error.strerror}); end other programs"
                    ) from error
                yield Path(f"/proc/self/fd/{file.fileno()}")
        else:
            with tempfile.TemporaryDirectory() as private:
                path = Path(private, INDEX)
                path.write_bytes(data)
                yield path

    def read_bank(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """`(N, D) float32` bank vectors and `(D, M) float32` directions, the very bytes that were checked.

        Raises:
            IntegrityError: a file has changed since it was checked.
            ContractError: they are not what the manifest says.
        """
        bank, dimension = self.manifest.bank, self.manifest.backbone.grid.dimension
        vectors = self._read_floats(VECTORS, (bank.vectors, dimension))
        return vectors, self._read_floats(DIRECTIONS, (dimension, bank.directions))

    def read_golden(self, file: str) -> npt.NDArray[Any]:
        """One golden frame, checked again.

        Raises:
            IntegrityError: it has changed since it was checked.
            ContractError: it is not a frame as the manifest declares them.
        """
        data = read_checked(self.folder, file, self.manifest.files[file])
        try:
            return self.manifest.backbone.frame.check(load_npy(io.BytesIO(data), where="array"))
        except FrameError as error:
            raise ContractError(f"{self.folder / file}: golden {error}") from error

    def _read_floats(self, name: str, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
        found = _read_array(self.folder, name, self.manifest.files[name])
        if found.dtype != np.float32 or found.shape != shape or not np.isfinite(found).all():
            raise ContractError(
                f"{self.folder / name}: expected finite float32 {shape} as in manifest.json, found {found.dtype} "
                f"{found.shape}; rebuild the bundle"
            )
        return found


def read_bundle(folder: Path, *, public_key: Path | None = None, minimum_serial: int = 0) -> Bundle:
    """Reads a bundle and checks every byte of it.

    Args:
        folder: the bundle.
        public_key: PEM file with the Ed25519 public key that must have signed the bundle; None to take unsigned ones.
        minimum_serial: the lowest serial that is accepted.

    Raises:
        UsageError: the key cannot be read.
        SignatureError: a key is given, and the bundle is unsigned or was signed by another one.
        RollbackError: its serial is too low.
        BundleMissingError: no folder, or a file is missing.
        IntegrityError: a size or sha256 is not the recorded one.
        VersionError: a format version that this runtime does not read.
        ManifestError: malformed or impossible facts.
        ContractError: the manifest names files that no bundle has, or lacks one that every bundle has.
    """
    manifest, digest = read_manifest(folder, public_key=public_key, minimum_serial=minimum_serial)
    whole = {name: read_checked(folder, name, manifest.files[name]) for name in (BACKBONE, CALIBRATION)}
    for name in sorted(set(manifest.files) - set(whole)):
        check_file_facts(folder, name, manifest.files[name])
    calibration = strict_json.decode(Calibration, whole[CALIBRATION], where=str(folder / CALIBRATION))
    return Bundle(
        folder=folder,
        digest=digest,
        manifest=manifest,
        calibration=calibration,
        backbone=whole[BACKBONE],
        ignored=_read_ignored(folder, manifest),
    )


def read_manifest(folder: Path, *, public_key: Path | None = None, minimum_serial: int = 0) -> tuple[Manifest, str]:
    """Reads and checks what a bundle states about itself, before any other file is looked at.

    Args:
        folder, public_key, minimum_serial: as in `read_bundle`.

    Returns:
        the manifest, and its sha256: the bundle's digest.

    Raises:
        UsageError, BundleError: as in `read_bundle`.
    """
    if (found := found_at(folder)) != "a folder":
        raise BundleMissingError(f"{folder}: expected a bundle folder, found {found}; build one with goodpart-bank")
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
    _check_names(manifest, folder)
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
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise VersionError(
            f"{where}: expected format version {FORMAT_VERSION}, found {strict_json.shown(version)}; "
            f"update goodpart or rebuild"
        )
    return strict_json.decode(Manifest, text, where=where)


def _check_names(manifest: Manifest, folder: Path) -> None:
    golden = [frame.file for frame in manifest.golden]
    if odd := [name for name in golden if not _GOLDEN_NAME.fullmatch(name)]:
        raise ManifestError(f"{folder / MANIFEST}: expected golden frames as golden/NNN.npy, found {odd[0]!r}")
    # of the files, only the last part of their path is kept from being a link
    if (folder / "golden").is_symlink():
        raise ContractError(f"{folder / 'golden'}: expected a plain folder, found a link")
    expected, found = {BACKBONE, VECTORS, DIRECTIONS, INDEX, CALIBRATION, *golden}, set(manifest.files)
    if expected != found - {IGNORE}:
        raise ContractError(
            f"{folder / MANIFEST}: expected the files {sorted(expected)}, found missing {sorted(expected - found)} and "
            f"foreign {sorted(found - expected - {IGNORE})}"
        )


def _read_ignored(folder: Path, manifest: Manifest) -> npt.NDArray[np.bool_] | None:
    if IGNORE not in manifest.files:
        return None
    where, grid = str(folder / IGNORE), manifest.backbone.grid
    ignored = _read_array(folder, IGNORE, manifest.files[IGNORE])
    if ignored.dtype != np.bool_ or ignored.shape != (grid.rows, grid.columns) or ignored.all():
        raise ContractError(
            f"{where}: expected a bool array ({grid.rows}, {grid.columns}) that leaves some patches, found "
            f"{ignored.dtype} {ignored.shape} with {np.count_nonzero(ignored)} set"
        )
    ignored.flags.writeable = False
    return ignored


def _read_array(folder: Path, name: str, facts: FileFacts) -> npt.NDArray[Any]:
    try:
        return load_npy(io.BytesIO(read_checked(folder, name, facts)), where=str(folder / name))
    except FrameError as error:
        raise ContractError(str(error)) from error


def _write_all(file: io.RawIOBase, data: bytes) -> None:
    """One write may take only a part (2 GB on Linux)."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]
