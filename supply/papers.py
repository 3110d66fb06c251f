"""Papers of a wheelhouse: a CycloneDX SBOM, and the licences of the wheels with their texts."""

import dataclasses
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from goodpart.errors import UsageError

CONCLUDED = {"hnswlib": "Apache-2.0"}
"""Licences (SPDX) of packages whose metadata names none, read from the licence file in their wheel."""

_TEXT = re.compile(
    r"(^|/)(licen[cs]e|copying|notice|thirdpartynotices)[^/]*$|(^|/)licen[cs]es/[^/]+$|\.dist-info/licenses/",
    re.IGNORECASE,
)
_UNKNOWN = "UNKNOWN"

_HEAD = """\
# Licences

pip-licenses lists the metadata of each wheel. The texts are in `licenses/`. Binary wheels contain further libraries,
for example OpenBLAS in numpy, OpenSSL in cryptography and FFmpeg in opencv-python-headless. Their licences are among
the texts if the makers of the wheels included them.

| package | version | licence | texts |
|---|---|---|---|
"""


@dataclasses.dataclass(frozen=True)
class Wheel:
    """One wheel: name and version from its metadata, its file, and the file's sha256."""

    name: str
    version: str
    path: Path
    sha256: str


def write_licences(folder: Path, wheels: Sequence[Wheel], listed: str, *, apache: Path) -> dict[str, str]:
    """Writes LICENSES.md and the folder of texts.

    Args:
        folder: the wheelhouse.
        wheels: all of them.
        listed: output of pip-licenses, as JSON.
        apache: the text of the Apache License 2.0, for wheels under this licence without a text.

    Returns:
        every package's licence.

    Raises:
        UsageError: a licence or its text is unknown.
    """
    found = {entry["Name"]: entry["License"] for entry in json.loads(listed)}
    licences, rows = {}, []
    for wheel in wheels:
        licence = found.get(wheel.name, _UNKNOWN)
        remark = ""
        if licence == _UNKNOWN:
            if wheel.name not in CONCLUDED:
                raise UsageError(f"{wheel.path.name}: expected a licence, found none; add it to CONCLUDED in papers.py")
            licence, remark = CONCLUDED[wheel.name], " (not in the metadata; read from the text)"
        texts = _texts(wheel.path)
        if not texts and licence.startswith("Apache"):
            texts, remark = {"LICENSE": apache.read_bytes()}, " (text not in the wheel; added)"
        if not texts:
            raise UsageError(f"{wheel.path.name}: expected the text of the licence {licence}, found none in the wheel")
        place = folder / "licenses" / wheel.name
        place.mkdir(parents=True)
        for name, text in texts.items():
            (place / name).write_bytes(text)
        licences[wheel.name] = licence
        rows.append(f"| {wheel.name} | {wheel.version} | {licence}{remark} | {len(texts)} |\n")
    (folder / "LICENSES.md").write_text(_HEAD + "".join(rows), encoding="utf-8")
    return licences


def _texts(wheel: Path) -> dict[str, bytes]:
    """The licence files of a wheel by name without folders; identical contents appear once."""
    texts: dict[bytes, str] = {}
    with zipfile.ZipFile(wheel) as archive:
        for path in sorted(archive.namelist()):
            if _TEXT.search(path) and not path.endswith((".py", "/")):
                name = path.rpartition(".dist-info/")[2].removeprefix("licenses/").replace("/", "_")
                texts.setdefault(archive.read(path), name)
    return {name: text for text, name in texts.items()}


def write_sbom(out: Path, wheels: Sequence[Wheel], listed: str, licences: Mapping[str, str]) -> None:
    """Writes the SBOM, and adds each wheel's sha256 and the licences that cyclonedx-py did not find.

    Args:
        out: the file.
        wheels: all of them.
        listed: output of cyclonedx-py, as CycloneDX JSON.
        licences: licence by package.
    """
    sbom = json.loads(listed)
    sha256 = {wheel.name: wheel.sha256 for wheel in wheels}
    for component in [sbom["metadata"]["component"], *sbom["components"]]:
        name = component["name"]
        component["hashes"] = [{"alg": "SHA-256", "content": sha256[name]}]
        if "licenses" not in component and name in CONCLUDED:
            component["licenses"] = [{"license": {"id": CONCLUDED[name], "acknowledgement": "concluded"}}]
        elif "licenses" not in component:
            component["licenses"] = [{"license": {"name": licences[name], "acknowledgement": "declared"}}]
    out.write_text(json.dumps(sbom, indent=2) + "\n", encoding="utf-8")
