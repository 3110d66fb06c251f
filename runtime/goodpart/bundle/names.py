"""The files of a bundle: what they are called, and which of them a format version has."""

import re
from pathlib import Path

from goodpart.errors import ContractError, ManifestError
from goodpart.facts.manifest import Manifest

MANIFEST, MANIFEST_SHA256, SIGNATURE = "manifest.json", "manifest.sha256", "manifest.sig"
BACKBONE, CALIBRATION, IGNORE = "backbone.onnx", "calibration.json", "ignore.npy"
VECTORS, DIRECTIONS, INDEX = "bank.npy", "directions.npy", "bank.hnsw"
IMAGES, ORIGINS, HEAD, RECIPE = "images.json", "origins.npy", "head.npy", "recipe.toml"

OWN_FILES = re.compile(
    r"manifest\.(json|sha256|sig)|backbone\.onnx|bank\.(npy|hnsw)|directions\.npy|calibration\.json|ignore\.npy|"
    r"golden/[0-9]{3}\.npy|images\.json|origins\.npy|atlas/[0-9]{3}\.jpg|head\.npy|recipe\.toml"
)
"""The relative names of all files that a bundle may hold, and that replacing it may therefore remove."""

_SHEET_NAME = re.compile(r"atlas/[0-9]{3}\.jpg")
_GOLDEN_NAME = re.compile(r"golden/[0-9]{3}\.npy")


def sheet_name(sheet: int) -> str:
    """The relative name of a sheet of the atlas."""
    return f"atlas/{sheet:03}.jpg"


def check_names(manifest: Manifest, folder: Path) -> None:
    """Refuses a manifest whose files are not those of its format version.

    Raises:
        ManifestError: a golden frame's name leads elsewhere.
        ContractError: files that no bundle of this version has, or one is missing that every one has.
    """
    golden = [frame.file for frame in manifest.golden]
    if odd := [name for name in golden if not _GOLDEN_NAME.fullmatch(name)]:
        raise ManifestError(f"{folder / MANIFEST}: expected golden frames as golden/NNN.npy, found {odd[0]!r}")
    # of each file, only the last part of its path is checked for being a link
    for name in ("golden", "atlas"):
        if (folder / name).is_symlink():
            raise ContractError(f"{folder / name}: expected a plain folder, found a link")
    expected, found = {BACKBONE, VECTORS, DIRECTIONS, INDEX, CALIBRATION, *golden}, set(manifest.files)
    optional = {IGNORE} if manifest.format_version == 1 else {IGNORE, IMAGES, ORIGINS, RECIPE}
    if manifest.head is not None:
        expected.add(HEAD)
    sheets = {name for name in found if _SHEET_NAME.fullmatch(name)} if manifest.atlas is not None else set()
    # at least one sheet, without gaps
    expected |= {sheet_name(number) for number in range(max(1, len(sheets)))} if manifest.atlas is not None else set()
    # the order of pictures is that of the origins, and an origin is a position in the list of images
    if manifest.atlas is not None:
        expected.add(ORIGINS)
    if ORIGINS in found | expected:
        expected.add(IMAGES)
    if expected != found - (optional - expected):
        raise ContractError(
            f"{folder / MANIFEST}: expected the files {sorted(expected)}, found missing {sorted(expected - found)} and "
            f"foreign {sorted(found - expected - optional)}"
        )
