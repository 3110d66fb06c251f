"""Workspace: embeddings and coresets of earlier builds, so that a build with a few more images costs little.

What is kept hangs on everything that decides its bits. A build with a workspace and one without make the same bytes.
"""

import dataclasses
import hashlib
import importlib.metadata
import io
import json
import platform
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from goodpart._host.atomic import write_file
from goodpart._host.machine import CPUINFO
from goodpart._host.strict_json import decode, encode
from goodpart.errors import ManifestError, UsageError
from goodpart.printable import printable
from goodpart_bank_builder.learn.coreset import Coreset
from goodpart_bank_builder.learn.frame_facts import FrameFacts

_VERSION = 1
"""To be raised whenever embeddings, frame facts, sketches or coresets of the same images become other ones."""

_PACKAGES = ("goodpart", "goodpart-bank-builder", "numpy", "onnxruntime", "opencv-python-headless")
_COMPUTING = ("flags", "Features", "model name")

_CORESETS_BYTES = 1 << 30
"""What coresets may take on disk."""

_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, ManifestError)
T = TypeVar("T")
Arrays = dict[str, npt.NDArray[Any]]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class KeptImage:
    """What an image gave in an earlier build.

    Attributes:
        embeddings: `(P, D) float32` of the patches that count.
        facts: what it is like as a picture.
        sketch: `(d,) float32`, see `Lookalikes`.
        hottest: `(P,) float32`, None if the profile has no excess.
    """

    embeddings: npt.NDArray[np.float32]
    facts: FrameFacts
    sketch: npt.NDArray[np.float32]
    hottest: npt.NDArray[np.float32] | None


class Workspace:
    """A folder with what earlier builds of a product computed; several threads may use it at a time.

    A file that is damaged is named on stderr and made again. Every file appears complete or not at all.

    Attributes:
        found, made: how many images and coresets were taken from it, and how many were computed.
    """

    def __init__(self, folder: Path, *, decides: Sequence[object], embeddings_bytes: int) -> None:
        """Opens a workspace; a missing folder is made when something is kept.

        Args:
            folder: of the product.
            decides: what decides every embedding besides the image: digests of backbone and mask, the limit of pixels.
            embeddings_bytes: what embeddings may take on disk; 0 keeps none.
        """
        self.folder = folder
        self._common = [_VERSION, *decides, *_machine()]
        self._embeddings_bytes = embeddings_bytes
        self._used: set[Path] = set()
        self._taken = _size(folder / "embeddings")
        self.found = {"embeddings": 0, "coresets": 0}
        self.made = {"embeddings": 0, "coresets": 0}

    def image(self, sha256: str) -> KeptImage | None:
        """What the image with this content gave, or None."""
        return self._read("embeddings", self._key("image", sha256), _kept_image)

    def keep_image(self, sha256: str, image: KeptImage) -> None:
        """Keeps what an image gave, if there is room."""
        self.made["embeddings"] += 1
        if self._taken + image.embeddings.nbytes > self._embeddings_bytes:
            return
        self._taken += image.embeddings.nbytes
        arrays: Arrays = {
            "embeddings": image.embeddings,
            "sketch": image.sketch,
            "facts": np.frombuffer(encode(image.facts), np.uint8),
        }
        if image.hottest is not None:
            arrays["hottest"] = image.hottest
        self._write("embeddings", self._key("image", sha256), arrays)

    def coreset(
        self, decides: Sequence[object], origins: npt.NDArray[np.int64], choose: Callable[[], Coreset]
    ) -> Coreset:
        """The coreset that was chosen before of the same, or a new one, which is kept.

        Args:
            decides: what decides the choice besides backbone and mask: method, size, seed, place, and the sha256 of
                the images in order.
            origins: `(N,) int64` numbers of the embeddings that it is chosen of.
            choose: chooses it; the result has these numbers.
        """
        key = self._key("coreset", *decides)
        kept = self._read("coresets", key, lambda arrays: _coreset(arrays, origins))
        if kept is not None:
            return kept
        self.made["coresets"] += 1
        made = choose()
        order = np.argsort(origins)
        arrays: Arrays = {
            "vectors": made.vectors,
            "keys": made.keys,
            "duplicates": np.array(made.duplicates, np.int64),
            "rows": order[np.searchsorted(origins, made.origins, sorter=order)],
        }
        self._write("coresets", key, arrays)
        return made

    def tidy(self) -> int:
        """Removes the oldest files that this build did not use, where there are too many; returns the size in bytes."""
        for name, most in (("embeddings", self._embeddings_bytes), ("coresets", _CORESETS_BYTES)):
            files = sorted((self.folder / name).glob("*.npz"), key=lambda path: path.stat().st_mtime)
            size = sum(path.stat().st_size for path in files)
            for path in files:
                if size <= most:
                    break
                if path not in self._used:
                    size -= path.stat().st_size
                    path.unlink(missing_ok=True)
        return _size(self.folder)

    def _key(self, *decides: object) -> str:
        return hashlib.sha256(json.dumps([*self._common, *decides]).encode()).hexdigest()

    def _read(self, kind: str, key: str, take: Callable[[Arrays], T]) -> T | None:
        path = self.folder / kind / f"{key}.npz"
        if not path.is_file():
            return None
        try:
            # a file that numpy refuses would stay open
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                taken = take({name: file[name] for name in file.files})
        except _DAMAGE as error:
            text = f"workspace: {path}: expected a whole file, found damage ({error}); it is made again"
            print(printable(text), file=sys.stderr)
            return None
        self._used.add(path)
        self.found[kind] += 1
        return taken

    def _write(self, kind: str, key: str, arrays: Arrays) -> None:
        path = self.folder / kind / f"{key}.npz"
        data = io.BytesIO()
        np.savez(data, **arrays)  # type: ignore[arg-type]
        try:
            write_file(path, data.getvalue())
        except UsageError as error:
            # a full disk costs the next build time, and this one nothing
            print(printable(f"workspace: {error}"), file=sys.stderr)
        self._used.add(path)


def _kept_image(arrays: Arrays) -> KeptImage:
    return KeptImage(
        embeddings=arrays["embeddings"],
        facts=decode(FrameFacts, arrays["facts"].tobytes(), where="facts"),
        sketch=arrays["sketch"],
        hottest=arrays.get("hottest"),
    )


def _coreset(arrays: Arrays, origins: npt.NDArray[np.int64]) -> Coreset:
    return Coreset(
        vectors=arrays["vectors"],
        keys=arrays["keys"],
        duplicates=int(arrays["duplicates"]),
        origins=origins[arrays["rows"]],
    )


def _machine() -> list[str]:
    """What decides the last bits of a computation besides its inputs."""
    return [platform.machine(), cpu_digest(), *(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)]


def cpu_digest(cpuinfo: Path = CPUINFO) -> str:
    """12 hex digits that are the same on CPUs of one kind, by the kernel's listing of name and features.

    Args:
        cpuinfo: the listing.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = [platform.processor()]
    telling = sorted({" ".join(line.split()) for line in lines if line.startswith(_COMPUTING)})
    return hashlib.sha256("\n".join(telling).encode()).hexdigest()[:12]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.npz")) if folder.is_dir() else 0
