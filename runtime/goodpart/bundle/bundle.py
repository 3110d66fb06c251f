"""The bundle, as it is read; `goodpart.bundle.write` writes one. `docs/bundle-format.md` states the format.

Reading checks the manifest's sha256, its strict JSON, and every file's size and sha256, before any native library sees
a byte.
"""

import contextlib
import dataclasses
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host import strict_json
from goodpart.bundle.arrays import parse_array, parse_ignored, parse_origins
from goodpart.bundle.files import check_file_facts, read_checked, read_file
from goodpart.bundle.names import (
    BACKBONE,
    CALIBRATION,
    DIRECTIONS,
    IGNORE,
    IMAGES,
    INDEX,
    MANIFEST,
    MANIFEST_SHA256,
    ORIGINS,
    SIGNATURE,
    VECTORS,
    check_names,
)
from goodpart.bundle.signature import SIGNATURE_BYTES, check_signature
from goodpart.errors import (
    BundleMissingError,
    ContractError,
    FrameError,
    IntegrityError,
    RollbackError,
    SignatureError,
    VersionError,
    found_at,
)
from goodpart.facts.calibration import Calibration
from goodpart.facts.learned import ImageList
from goodpart.facts.manifest import READ_VERSIONS, Manifest
from goodpart.frames.plain_files import load_npy

_MANIFEST_LIMIT_BYTES = 1 << 20
_IMAGES_LIMIT_BYTES = 64 << 20

_WHEN_ASKED = frozenset({IMAGES, ORIGINS})
"""Files that no frame needs: their bytes are checked at load, and read when somebody asks."""


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Bundle:
    """A bundle whose every byte has been checked.

    The `read_...` methods and `open_index` return the contents of its large files. After `read_bundle(keep=True)`, the
    first call for a file uses the bytes that were checked, and releases them. Later calls read and check the file.

    Attributes:
        folder: path of the bundle.
        digest: sha256 of the manifest, which names every other file's sha256: the bundle's identity.
        manifest, calibration: what it states.
        ignored: `(rows, columns) bool` patches that never count, read-only, or None if all do.
    """

    folder: Path
    digest: str
    manifest: Manifest
    calibration: Calibration
    ignored: npt.NDArray[np.bool_] | None
    _kept: dict[str, bytes] = dataclasses.field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"Bundle({self.manifest.name}, serial {self.manifest.serial}, digest {self.digest[:12]})"

    def read_backbone(self) -> bytes:
        """The bytes of the ONNX file.

        Raises:
            IntegrityError: the file has changed since the bundle was read.
        """
        return self._read(BACKBONE)

    def read_bank(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """`(N, D) float32` bank vectors and their `(D, M) float32` projection.

        Raises:
            IntegrityError: a file has changed since the bundle was read.
            ContractError: they are not what the manifest says.
        """
        bank, dimension = self.manifest.bank, self.manifest.backbone.grid.dimension
        vectors = self._read_floats(VECTORS, (bank.vectors, dimension))
        return vectors, self._read_floats(DIRECTIONS, (dimension, bank.directions))

    @contextlib.contextmanager
    def open_index(self) -> Iterator[Path]:
        """A path under which hnswlib, which reads only from paths, finds the checked bytes of the index.

        They lie in memory (on Linux) or in a private temporary file, so that nothing can exchange them on the way.

        Raises:
            IntegrityError: the file has changed since the bundle was read.
            BundleMissingError: the system has no memory left to hold it.
        """
        if hasattr(os, "memfd_create"):
            with os.fdopen(os.memfd_create(INDEX), "wb", buffering=0) as file:
                path = Path(f"/proc/self/fd/{file.fileno()}")
                # a hardened service may see no /proc
                if path.exists():
                    self._copy_index(file)
                    yield path
                    return
        with tempfile.TemporaryDirectory() as private:
            path = Path(private, INDEX)
            path.write_bytes(self._read(INDEX))
            yield path

    def read_golden(self, file: str) -> npt.NDArray[Any]:
        """One golden frame.

        Raises:
            IntegrityError: the file has changed since the bundle was read.
            ContractError: it is not a frame as the manifest declares them.
        """
        data = self._read(file)
        try:
            return self.manifest.backbone.frame.check(load_npy(io.BytesIO(data), where="array"))
        except FrameError as error:
            raise ContractError(f"{self.folder / file}: golden {error}") from error

    def read_images(self) -> ImageList | None:
        """The images that the bundle has learned; None if it does not list them, as in format version 1.

        Raises:
            IntegrityError: the file is too large, or has changed since the bundle was read.
            ManifestError: malformed or impossible facts.
            ContractError: not as many images as the manifest says.
        """
        if IMAGES not in self.manifest.files:
            return None
        where, size_bytes = str(self.folder / IMAGES), self.manifest.files[IMAGES].size_bytes
        if size_bytes > _IMAGES_LIMIT_BYTES:
            raise IntegrityError(f"{where}: expected at most {_IMAGES_LIMIT_BYTES} bytes, found {size_bytes}; rebuild")
        found = strict_json.decode(ImageList, self._read(IMAGES), where=where)
        origin = self.manifest.provenance
        if (len(found.images), len(found.excluded)) != (origin.images, origin.excluded_images or 0):
            raise ContractError(
                f"{where}: expected {origin.images} images and {origin.excluded_images or 0} excluded ones as in "
                f"manifest.json, found {len(found.images)} and {len(found.excluded)}; rebuild the bundle"
            )
        return found

    def read_origins(self) -> npt.NDArray[np.int32] | None:
        """`(N, 3) int32` where each bank vector comes from, read-only; None if the bundle does not say.

        The columns are the position of the image in `read_images`, and the row and column of its patch in the grid.

        Raises:
            IntegrityError, ManifestError: as in `read_images`.
            ContractError: as in `read_images`, or an origin that cannot be.
        """
        images = self.read_images()
        if images is None or ORIGINS not in self.manifest.files:
            return None
        data, where = self._read(ORIGINS), str(self.folder / ORIGINS)
        return parse_origins(data, self.manifest, ignored=self.ignored, images=len(images.images), where=where)

    def _read(self, name: str) -> bytes:
        """The checked bytes of a file: the kept bytes, which are released, or bytes read and checked again."""
        kept = self._kept.pop(name, None)
        return read_checked(self.folder, name, self.manifest.files[name]) if kept is None else kept

    def _read_floats(self, name: str, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
        found = parse_array(self._read(name), str(self.folder / name))
        if found.dtype != np.float32 or found.shape != shape or not np.isfinite(found).all():
            raise ContractError(
                f"{self.folder / name}: expected finite float32 {shape} as in manifest.json, found {found.dtype} "
                f"{found.shape}; rebuild the bundle"
            )
        return found

    def _copy_index(self, file: io.RawIOBase) -> None:
        data = memoryview(self._read(INDEX))
        size_bytes = len(data)
        try:
            while data:
                data = data[file.write(data) or 0 :]  # one write may take only a part, 2 GB on Linux
        except OSError as error:
            raise BundleMissingError(
                f"{self.folder / INDEX}: expected {size_bytes} bytes of memory to hold it, found none "
                f"({error.strerror}); end other programs"
            ) from error


def read_bundle(folder: Path, *, public_key: Path | None = None, minimum_serial: int = 0, keep: bool = False) -> Bundle:
    """Reads a bundle and checks every byte of it, in one pass.

    Args:
        folder: the bundle.
        public_key: PEM file with the Ed25519 public key that must have signed the bundle; None to take unsigned ones.
        minimum_serial: the lowest serial that is accepted.
        keep: whether the bytes of the large files stay in memory until they are asked for. For who loads them all; for
            who does not, they would stay as long as the bundle.

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
    kept: dict[str, bytes] = {}
    for name, facts in sorted(manifest.files.items()):
        asked = name in _WHEN_ASKED or name.startswith("atlas/")
        if (keep and not asked) or name in (CALIBRATION, IGNORE):
            kept[name] = read_checked(folder, name, facts)
        else:
            check_file_facts(folder, name, facts)
    return Bundle(
        folder=folder,
        digest=digest,
        manifest=manifest,
        calibration=strict_json.decode(Calibration, kept.pop(CALIBRATION), where=str(folder / CALIBRATION)),
        ignored=parse_ignored(kept.pop(IGNORE, None), manifest, str(folder / IGNORE)),
        _kept=kept,
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
