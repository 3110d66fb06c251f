"""Ways to break a bundle and to repair its hashes, so that the checks behind them are reached."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from goodpart.errors import BundleError
from goodpart.inspector import Inspector


def repair(bundle: Path) -> None:
    """Makes sizes and sha256 in the manifest, and the manifest's own sha256, fit the files again."""

    def refresh(manifest: dict[str, Any]) -> None:
        for name, facts in manifest["files"].items():
            data = (bundle / name).read_bytes()
            facts.update(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    change_json(bundle / "manifest.json", refresh)


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Applies a change to a JSON file of a bundle; a manifest's own sha256 is repaired."""
    facts = json.loads(path.read_text())
    change(facts)
    write_manifest_aware(path, json.dumps(facts).encode())


def write_manifest_aware(path: Path, data: bytes) -> None:
    """Writes a file; if it is the manifest, its sha256 is repaired, else the manifest is."""
    path.write_bytes(data)
    if path.name == "manifest.json":
        path.with_name("manifest.sha256").write_text(hashlib.sha256(data).hexdigest() + "\n")
    else:
        repair(path.parent)


def off_by_far(bundle: Path, out: Path) -> Path:
    """A whole bundle whose golden score is another one, so that its self-test fails."""
    copy = Path(shutil.copytree(bundle, out))
    change_json(copy / "manifest.json", lambda facts: facts["golden"][0].update(score=99.0))
    return copy


def refused(bundle: Path, error: type[BundleError], *words: str) -> None:
    """The bundle is refused with exactly this error, in one line that has these words."""
    with pytest.raises(BundleError) as caught:
        Inspector.load(bundle)
    assert type(caught.value) is error, repr(caught.value)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
