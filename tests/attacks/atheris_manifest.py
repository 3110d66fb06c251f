"""Coverage-guided fuzzing of the strict JSON reader, for whoever has installed atheris; nothing of ours needs it.

    pip install atheris
    python tests/attacks/atheris_manifest.py -max_total_time=600

Arguments are libFuzzer's. It starts from the committed bundle's documents; a finding is written to the current folder.
"""

import json
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["goodpart", "json"]):
    from goodpart._host import strict_json
    from goodpart.bundle.device import DeviceSettings
    from goodpart.errors import ManifestError
    from goodpart.facts.calibration import Calibration
    from goodpart.facts.learned import ImageList
    from goodpart.facts.manifest import Manifest
    from goodpart.facts.spec import BackboneSpec

from attacks.reference import says

KINDS = [Manifest, Calibration, DeviceSettings, BackboneSpec, ImageList]


def one_input(data: bytes) -> None:
    """The first byte says what the others are to be read as: read as they are, or refused in one line."""
    kind, text = KINDS[data[0] % len(KINDS)] if data else Manifest, data[1:]
    try:
        facts = strict_json.decode(kind, text, where="x.json")
    except ManifestError as error:
        assert str(error).isprintable()
        return
    assert strict_json.decode(kind, strict_json.encode(facts), where="x.json") == facts
    if kind is not DeviceSettings:
        assert says(json.loads(text), strict_json.to_plain(facts))


def main() -> None:
    """Runs until it finds something or the arguments say otherwise."""
    fixture = Path(__file__).resolve().parents[1] / "fixtures" / "format_2"
    manifest = (fixture / "manifest.json").read_bytes()
    backbone = json.dumps(json.loads(manifest)["backbone"]).encode()
    device = json.dumps({"bundle": "0" * 64, "threshold": 1, "pixel_threshold": 2, "threads": None, "spinning": None})
    with tempfile.TemporaryDirectory() as corpus:
        seeds = [manifest, (fixture / "calibration.json").read_bytes(), device.encode(), backbone]
        seeds.append((fixture / "images.json").read_bytes())
        for index, seed in enumerate(seeds):
            Path(corpus, str(index)).write_bytes(bytes([index]) + seed)
        atheris.Setup([*sys.argv, corpus], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
