"""The bundle, as it is written. `docs/bundle-format.md` states the format."""

import dataclasses
import hashlib
from pathlib import Path

from goodpart._host import strict_json
from goodpart.bundle.files import file_facts
from goodpart.bundle.names import (
    BACKBONE,
    CALIBRATION,
    DIRECTIONS,
    HEAD,
    IGNORE,
    IMAGES,
    INDEX,
    MANIFEST,
    MANIFEST_SHA256,
    ORIGINS,
    RECIPE,
    VECTORS,
)
from goodpart.facts.calibration import Calibration
from goodpart.facts.learned import ImageList
from goodpart.facts.manifest import Manifest


def write_bundle(
    folder: Path,
    manifest: Manifest,
    *,
    backbone: bytes,
    calibration: Calibration,
    images: ImageList,
    recipe: bytes | None = None,
) -> str:
    """Writes what is missing into a folder that already holds the bank and the golden frames.

    Args:
        folder: an existing, unpublished folder (see `atomic.staged_folder`) with `bank.npy`,
            `directions.npy`, `bank.hnsw`, `golden/*.npy`, `origins.npy`, `atlas/*.jpg`, where some patches never
            count `ignore.npy`, and `head.npy` if the bundle has a head.
        manifest: complete but for `files`, which is filled in here.
        backbone: the ONNX file.
        calibration: scale and thresholds.
        images: those that were learned.
        recipe: what the bundle was built from, as TOML; None to write none.

    Returns:
        the bundle's digest.
    """
    (folder / BACKBONE).write_bytes(backbone)
    (folder / CALIBRATION).write_bytes(strict_json.encode(calibration))
    (folder / IMAGES).write_bytes(strict_json.encode(images))
    if recipe is not None:
        (folder / RECIPE).write_bytes(recipe)
    names = [BACKBONE, VECTORS, DIRECTIONS, INDEX, CALIBRATION, IMAGES, *(golden.file for golden in manifest.golden)]
    names += [name for name in (IGNORE, ORIGINS, HEAD, RECIPE) if (folder / name).exists()]
    names += sorted(path.relative_to(folder).as_posix() for path in folder.glob("atlas/*.jpg"))
    files = {name: file_facts(folder / name) for name in names}
    text = strict_json.encode(dataclasses.replace(manifest, files=files))
    digest = hashlib.sha256(text).hexdigest()
    (folder / MANIFEST).write_bytes(text)
    (folder / MANIFEST_SHA256).write_text(digest + "\n", encoding="ascii")
    return digest
