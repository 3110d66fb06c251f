"""The good bundles that mutations start from: committed ones, one with an ignore mask, one that searches exactly."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from attacks.reference import image_score, patch_scores, read_stated
from small_frames import draw_small
from small_thermal import draw_thermal

FIXTURES = Path(__file__).parents[1] / "fixtures"
PROBES = [draw_small(100 + seed, defect=seed % 2 == 1) for seed in range(6)]
"""Frames that no bundle has seen, every second with a defect."""

WARM_PROBES = [draw_thermal(100 + seed, hot=3800 + 700 * seed if seed % 2 == 1 else None) for seed in range(6)]
"""The same for thermograms."""


@dataclasses.dataclass(frozen=True)
class Base:
    """A good bundle.

    Attributes:
        name: plain, masked, exact, listed (of format 2), or warm (of format 2, for thermograms).
        folder: where it lies.
        files: their bytes by relative name.
        signed: whether `manifest.sig` is its signature.
    """

    name: str
    folder: Path
    files: dict[str, bytes] = dataclasses.field(repr=False)
    signed: bool


def make_bases(work: Path) -> None:
    """Lays the bases below `work/bases`, and beside them what links and names may try to reach."""
    for name in ("plain", "masked", "exact"):
        shutil.copytree(FIXTURES / "format_1", work / "bases" / name)
    shutil.copytree(FIXTURES / "format_2", work / "bases" / "listed")
    shutil.copytree(FIXTURES / "format_2_thermal", work / "bases" / "warm")
    masked, exact = work / "bases" / "masked", work / "bases" / "exact"
    ignored = np.zeros((8, 8), np.bool_)
    ignored[5:] = True
    np.save(masked / "ignore.npy", ignored)
    text = json.loads((masked / "manifest.json").read_text())
    data = (masked / "ignore.npy").read_bytes()
    text["files"]["ignore.npy"] = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    _write_manifest(masked, text)
    stated = read_stated(masked)
    for golden in text["golden"]:
        golden["score"] = image_score(stated, patch_scores(stated, np.load(masked / golden["file"])))
    _write_manifest(masked, text)
    text = json.loads((exact / "manifest.json").read_text())
    text["bank"]["search"] = "exact"
    _write_manifest(exact, text)


def read_bases(work: Path) -> dict[str, Base]:
    """The bases by name."""
    return {
        folder.name: Base(
            name=folder.name,
            folder=folder,
            files={
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            },
            signed=folder.name == "plain",
        )
        for folder in (work / "bases").iterdir()
    }


def _write_manifest(folder: Path, text: object) -> None:
    data = json.dumps(text, indent=2).encode() + b"\n"
    (folder / "manifest.json").write_bytes(data)
    (folder / "manifest.sha256").write_text(hashlib.sha256(data).hexdigest() + "\n")
