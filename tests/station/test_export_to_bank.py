"""Labels reach the bank: ring, export, `goodpart-bank update` and `compare`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from goodpart import Inspector
from goodpart.bundle.bundle import read_bundle
from goodpart.frames.images import read_image
from goodpart_bank_builder.cli.main import main as goodpart_bank
from goodpart_bank_builder.recipe.recipe import read_recipe
from goodpart_station.codes import PartVerdict
from goodpart_station.ring.ring import Ring
from labelled_ring import CONFIG, draw, exported, label, main
from small_answers import BOOT, answer
from small_frames import draw_small
from small_network import small_backbone

RECIPE = """[product]
name = "bar"
[backbone]
file = "backbone.onnx"
[[batch]]
name = "start"
images = "good"
[calibration]
false_reject_rate = 0.1
[bank]
head = "off"
"""


@pytest.fixture
def ring(tmp_path):
    made = Ring(tmp_path / "ring", CONFIG, boot=BOOT)
    made.open()
    yield made
    made.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    (folder / "good").mkdir()
    for number in range(20):
        np.save(folder / "good" / f"{number:02}.npy", draw_small(number))
    small_backbone(folder / "backbone.onnx", head=True)
    (folder / "r.toml").write_text(RECIPE)
    assert goodpart_bank(["build", str(folder / "r.toml"), "--threads", "1"]) == 0
    return folder


def test_from_the_ring_to_a_new_bank(ring, built, tmp_path, capsys):
    """Random frames that were labelled good set the threshold, others join, defects stay out and serve compare."""
    product = Path(shutil.copytree(built, tmp_path / "product"))
    before = read_bundle(product / "bundles" / "bar")
    with Inspector.load(product / "bundles" / "bar", threads=1) as inspector:
        for seq in range(1, 13):
            frame = draw_small(100 + seq, defect=seq > 9)
            found = inspector.inspect(frame)
            result = answer(seq, picture=frame, inspection=found, verdict=PartVerdict[found.verdict.value])
            if seq <= 4:
                draw(ring, result)
            else:
                assert ring.keep(result)
    for seq in range(1, 13):
        label(ring, seq, "defect" if seq > 9 else "good")
    out = product / "line1"
    assert main(ring.frames.folder, "--labels", "all", "--out", out) == 0
    assert exported(out)[0] == (4, 4, 0, 0)
    for seq in (1, 12):
        frame = ring.frames.frame_of(BOOT, seq)
        picture = read_image(out / frame.file, inspector.backbone.spec.frame)
        np.testing.assert_array_equal(picture, draw_small(100 + seq, defect=seq > 9))
    asked = ["--data", str(out), "--threads", "1", "--latency-frames", "0", "--json"]
    old = str(product / "bundles" / "bar")
    capsys.readouterr()
    assert goodpart_bank(["compare", old, old, *asked]) == 1  # no-go for its untrained weights alone
    found = json.loads(capsys.readouterr().out)
    assert (found["false_rejects"]["of"], found["escapes"]["of"]) == (9, 3)
    assert goodpart_bank(["update", str(product / "r.toml"), "--good", str(out), "--threads", "1"]) == 0
    batches = [(each.name, each.calibrates) for each in read_recipe(product / "r.toml").settings.batches]
    assert batches == [("start", True), ("line1 random", True), ("line1 selected", False)]
    after = read_bundle(product / "bundles" / "bar")
    assert len(after.calibration.scores) == len(before.calibration.scores) + 4
    assert after.manifest.provenance.images == 20 + 9
