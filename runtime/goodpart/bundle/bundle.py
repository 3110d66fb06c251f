"""The bundle, as it is read; `goodpart.bundle.write` writes one. `docs/bundle-format.md` states the format.

Reading checks the manifest's sha256, its strict JSON, and every file's size and sha256, before any native library sees
a byte.
"""

import collections
import contextlib
import dataclasses
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
from goodpart.bundle.files import check_file_facts, read_checked
from goodpart.bundle.manifest_file import read_manifest
from goodpart.bundle.names import (
    BACKBONE,
    CALIBRATION,
    DIRECTIONS,
    HEAD,
    IGNORE,
    IMAGES,
    INDEX,
    ORIGINS,
    RECIPE,
    VECTORS,
)
from goodpart.errors import (
    ContractError,
    FrameError,
    IntegrityError,
    ManifestError,
    UnreadableError,
)
from goodpart.facts.calibration import Calibration
from goodpart.facts.head import head_values
from goodpart.facts.learned import ImageList
from goodpart.facts.manifest import Manifest
from goodpart.frames.plain_files import load_npy

_IMAGES_LIMIT_BYTES = 64 << 20
_RECIPE_LIMIT_BYTES = 1 << 20

_WHEN_ASKED = frozenset({IMAGES, ORIGINS, RECIPE})
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

    def read_head(self) -> npt.NDArray[np.float32] | None:
        """`(n,) float32` weights of the head, None without a head.

        Raises:
            IntegrityError: the file has changed since the bundle was read.
            ContractError: they are not what the manifest says.
        """
        if self.manifest.head is None:
            return None
        dimension = self.manifest.backbone.grid.dimension
        return self._read_floats(HEAD, (head_values(self.manifest.head.hidden, dimension),))

    @contextlib.contextmanager
    def open_index(self) -> Iterator[Path]:
        """A path under which hnswlib, which reads only from paths, finds the checked bytes of the index.

        They lie in memory (on Linux) or in a private temporary file, so that nothing can exchange them on the way.

        Raises:
            IntegrityError: the file has changed since the bundle was read.
            UnreadableError: the system has no memory left to hold it.
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
            ContractError: not as many images, or images of a batch, as the manifest says.
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
        counts = collections.Counter(image.batch for image in found.images)
        stated: dict[str | None, int] = {batch.name: batch.images for batch in origin.batches or ()}
        stated = stated or {None: origin.images}
        if counts != collections.Counter(stated):
            raise ContractError(
                f"{where}: expected as many images of each batch as in manifest.json, found other batches or counts; "
                f"rebuild the bundle"
            )
        return found

    def read_recipe(self) -> str | None:
        """The recipe that the bundle was built from, as TOML; None if it holds none, as in format version 1.

        Raises:
            IntegrityError: the file is too large, or has changed since the bundle was read.
            ContractError: no text in UTF-8, or one with characters that command a terminal.
        """
        if RECIPE not in self.manifest.files:
            return None
        where, size_bytes = self.folder / RECIPE, self.manifest.files[RECIPE].size_bytes
        if size_bytes > _RECIPE_LIMIT_BYTES:
            raise IntegrityError(f"{where}: expected at most {_RECIPE_LIMIT_BYTES} bytes, found {size_bytes}; rebuild")
        text = self._read(RECIPE).decode("utf-8", "replace")
        if not text.replace("\n", "").replace("\t", "").isprintable() or "\ufffd" in text:
            raise ContractError(f"{where}: expected printable text in UTF-8, found something else; rebuild the bundle")
        return text

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

    def _read_floats(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
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
            raise UnreadableError(
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
        UnreadableError: the system does not give a file.
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
    calibration = _calibration(kept.pop(CALIBRATION), manifest, str(folder / CALIBRATION))
    return Bundle(
        folder=folder,
        digest=digest,
        manifest=manifest,
        calibration=calibration,
        ignored=parse_ignored(kept.pop(IGNORE, None), manifest, str(folder / IGNORE)),
        _kept=kept,
    )


def _calibration(data: bytes, manifest: Manifest, where: str) -> Calibration:
    """The calibration, which names its unit from format version 2 on."""
    found = strict_json.decode(Calibration, data, where=where)
    version = manifest.format_version
    if (version == 1) != (found.unit is None):
        expected, told = ("no unit", "one") if version == 1 else ("a unit", "none")
        raise ManifestError(
            f"{where}: expected {expected} in format version {version}, found {told}; build the bundle again"
        )
    if (allowed := manifest.threshold_range) is not None and found.threshold not in allowed:
        raise ContractError(
            f"{where}: expected a threshold of {allowed} as in manifest.json, found {found.threshold:g}; rebuild the "
            f"bundle"
        )
    return found
