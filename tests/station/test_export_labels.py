"""Labels leave the station: ring, export, `goodpart-bank update` and `compare`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from goodpart import Inspector
from goodpart.bundle.bundle import read_bundle
from goodpart.cli.common import OneLineParser, add_commands, run, run_command
from goodpart.frames.images import read_image
from goodpart_bank_builder.cli.main import main as goodpart_bank
from goodpart_bank_builder.data.labelled_export import read_labels
from goodpart_bank_builder.recipe.recipe import read_recipe
from goodpart_station.cli import export as command
from goodpart_station.codes import PartVerdict
from goodpart_station.ring.config import LEAST_BYTES, RingConfig
from goodpart_station.ring.ring import Ring
from small_answers import AT, BOOT, answer, good, near, pixels, reject
from small_frames import draw_small
from small_network import small_backbone

CONFIG = RingConfig(random_rate=0.0, rejects_per_minute=1000, near_sigmas=100.0)
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


def main(*arguments):
    """The command line, as `goodpart-station export` runs it."""
    parser = OneLineParser(prog="goodpart-station")
    add_commands(parser, {"export": command})
    return run(run_command, parser, ["export", *map(str, arguments)])


@pytest.fixture
def ring(tmp_path):
    made = Ring(tmp_path / "ring", CONFIG, boot=BOOT)
    made.open()
    yield made
    made.close()


def draw(ring, result):
    """Keeps a frame because the draw fell on it."""
    ring.config = RingConfig(random_rate=1.0)
    assert ring.keep(result)
    ring.config = CONFIG


def label(ring, seq, word, *, who="anna", at=AT + 5000):
    return ring.label(ring.frames.frame_of(BOOT, seq).id, word, who=who, at=at)


def exported(out):
    """The first line, and what each file is called and kept for."""
    found = read_labels(out)
    first = found.drawn
    numbers = (first.drawn, first.good, first.defect, first.unlabelled)
    return numbers, {int(frame.file[-13:-4]): (frame.label.value, frame.kept_for) for _, frame in found.frames}


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


def test_the_first_line_counts_the_draw_and_the_labels_choose(ring, tmp_path):
    for seq in range(1, 6):
        draw(ring, good(seq))
    draw(ring, reject(6))
    for seq, make in enumerate((reject, reject, near), start=7):
        assert ring.keep(make(seq))
    for seq, word in ((1, "good"), (2, "good"), (6, "defect"), (7, "good"), (8, "defect")):
        label(ring, seq, word)
    for labels, names in (
        ("all", {1: ("good", "random"), 2: ("good", "random"), 6: ("defect", "random"), 7: ("good", "reject"),
                 8: ("defect", "reject")}),
        ("good", {1: ("good", "random"), 2: ("good", "random"), 7: ("good", "reject")}),
        ("defect", {6: ("defect", "random"), 8: ("defect", "reject")}),
    ):  # fmt: skip
        assert main(ring.frames.folder, "--labels", labels, "--out", tmp_path / labels, "--since", "2026-11-01") == 0
        assert exported(tmp_path / labels) == ((6, 2, 1, 3), names)
    first = json.loads((tmp_path / "all" / "labels.jsonl").read_text().splitlines()[1])
    assert (first["by"], first["at"]) == ("anna", "2026-11-26T19:56:57.123Z")


def test_an_export_goes_on_where_the_last_one_ended(ring, tmp_path):
    for seq in range(1, 4):
        draw(ring, good(seq))
    ring.keep(reject(4))
    label(ring, 1, "good")
    out = tmp_path / "out"
    assert main(ring.frames.folder, "--labels", "good", "--out", out, "--until", "2026-11-26T18:34") == 0
    assert exported(out) == ((3, 1, 0, 2), {1: ("good", "random")})
    assert ring.frames.frame_of(BOOT, 1).exported is not None
    # part 2 was drawn in a span that is exported, part 30 is new; part 1 keeps its label and is not exported again
    draw(ring, good(30))
    draw(ring, good(31))
    for seq in (2, 4, 30):
        label(ring, seq, "good")
    assert main(ring.frames.folder, "--labels", "good", "--out", out, "--force") == 0
    assert exported(out) == ((2, 1, 0, 1), {2: ("good", "late"), 4: ("good", "reject"), 30: ("good", "random")})
    # the whole time, asked for: everything again
    assert main(ring.frames.folder, "--labels", "good", "--out", out, "--force", "--since", "2026-11-26") == 0
    assert exported(out)[0] == (5, 3, 0, 2)
    # another word for an exported frame makes it new
    label(ring, 1, "defect")
    assert ring.frames.frame_of(BOOT, 1).exported is None


def test_frames_that_the_ring_removed_count_as_drawn(ring, tmp_path, capsys):
    ring.close()
    ring = Ring(ring.frames.folder, RingConfig(random_rate=1.0, max_bytes=LEAST_BYTES), boot=BOOT)
    ring.open()
    big = pixels(1, 180, 200)
    for seq in range(1, 41):
        ring.keep(good(seq, picture=big))
    newest = ring.frames.newest()[0]
    ring.label(newest.id, "good", who="anna", at=AT)
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "one") == 0
    assert exported(tmp_path / "one")[0] == (40, 1, 0, 39)
    # an exported frame may go; whoever asks for its time is told
    for seq in range(41, 81):
        ring.keep(good(seq, picture=big))
    assert ring.frames.frame(newest.id) is None
    ring.label(ring.frames.newest()[0].id, "good", who="anna", at=AT)
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "two", "--since", "2026-11-01") == 0
    assert exported(tmp_path / "two")[0] == (80, 2, 0, 78)
    assert "1 labelled random frames of that time were exported before and are gone" in capsys.readouterr().err
    ring.close()


def test_an_unknown_frame_of_the_draw_sets_no_threshold(ring, tmp_path):
    draw(ring, good(1))
    unknown = answer(2)
    object.__setattr__(unknown.inspection, "verdict", type(unknown.inspection.verdict)("UNKNOWN"))
    draw(ring, unknown)
    for seq in (1, 2):
        label(ring, seq, "good")
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "out") == 0
    assert exported(tmp_path / "out") == ((1, 1, 0, 0), {1: ("good", "random"), 2: ("good", "unknown")})


def test_one_product_and_no_replay(ring, tmp_path, capsys):
    ring.keep(reject(1))
    ring.keep(reject(2, product="nut"))
    ring.keep(reject(3, simulated=True, verdict=PartVerdict.SIMULATED))
    for seq in (1, 2, 3):
        label(ring, seq, "good")
    folder, out = ring.frames.folder, tmp_path / "out"
    assert main(folder, "--labels", "good", "--out", out) == 2
    assert "--product: expected one of bracket, nut, found none" in capsys.readouterr().err
    assert main(folder, "--labels", "good", "--out", out, "--product", "bolt") == 2
    assert "expected a product with labelled frames (bracket, nut), found 'bolt'" in capsys.readouterr().err
    assert not out.exists()
    assert main(folder, "--labels", "good", "--out", out, "--product", "nut") == 0
    assert set(exported(out)[1]) == {2}
    assert main(folder, "--labels", "good", "--out", tmp_path / "replay", "--simulated") == 0
    assert set(exported(tmp_path / "replay")[1]) == {3}


def test_what_cannot_be_exported_is_said_in_one_line(ring, tmp_path, capsys):
    folder, out = ring.frames.folder, tmp_path / "out"
    ring.keep(reject(1))
    for arguments, says in (
        ((folder, "--labels", "good", "--out", out), "expected labelled frames, found none; label some"),
        ((tmp_path / "no", "--labels", "good", "--out", out), "expected a ring with index.db, found none"),
        ((folder, "--labels", "good", "--out", folder), "expected a new folder, found an existing one"),
    ):
        assert main(*arguments) == 2
        assert says in capsys.readouterr().err
    label(ring, 1, "good")
    assert main(folder, "--labels", "defect", "--out", out) == 2
    assert "expected frames of bracket labelled defect in that time, found none" in capsys.readouterr().err
    span = ["--since", "2026-11-27", "--until", "2026-11-26"]
    assert main(folder, "--labels", "good", "--out", out, *span) == 2
    assert "--until: expected a time after 2026-11-27T00:00:00.000Z, found" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(folder, "--labels", "good", "--out", out, "--since", "yesterday")
    assert "expected a time such as 2026-11-26T18:30, found 'yesterday'" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("moment", ["frame", "labels", "mark"])
def test_an_interrupted_export_leaves_nothing_and_may_run_again(ring, tmp_path, monkeypatch, moment):
    for seq in range(1, 4):
        ring.keep(reject(seq))
        label(ring, seq, "good")
    places = {"frame": "goodpart_station.ring.export.shutil.copyfile", "labels": "pathlib.Path.write_text",
              "mark": "goodpart_station.ring.export._mark"}  # fmt: skip

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as broken:
        broken.setattr(places[moment], interrupted)
        assert main(ring.frames.folder, "--labels", "good", "--out", out) == 130
    # it is whole before its frames are marked
    assert out.exists() == (moment == "mark")
    assert [frame.exported for frame in ring.frames.newest()] == [None] * 3
    assert main(ring.frames.folder, "--labels", "good", "--out", out, "--force") == 0
    assert len(exported(out)[1]) == 3
    assert None not in [frame.exported for frame in ring.frames.newest()]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "ring"]


def test_a_frame_that_is_labelled_anew_meanwhile_stays_new(ring, tmp_path, monkeypatch):
    ring.keep(reject(1))
    label(ring, 1, "good")
    marked = command.write_export

    def relabelled(*arguments, **options):
        label(ring, 1, "defect", at=AT + 6000)
        marked(*arguments, **options)

    monkeypatch.setattr(command, "write_export", relabelled)
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "out") == 0
    assert ring.frames.frame_of(BOOT, 1).exported is None


def test_json_and_words_say_the_same(ring, tmp_path, capsys):
    draw(ring, good(1))
    ring.keep(reject(2))
    for seq in (1, 2):
        label(ring, seq, "good")
    assert main(ring.frames.folder, "--labels", "all", "--out", tmp_path / "a", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: found[name] for name in ("product", "frames", "late", "drawn", "good", "defect", "unlabelled")} == {
        "product": "bracket", "frames": 2, "late": 0, "drawn": 1, "good": 1, "defect": 0, "unlabelled": 0,
    }  # fmt: skip
    assert main(ring.frames.folder, "--labels", "all", "--out", tmp_path / "b", "--since", "2026-11-01") == 0
    said = capsys.readouterr().out
    assert "exported    2 frames of bracket" in said
    assert "1 were drawn: 1 labelled good, 0 labelled defect, 0 not labelled" in said


def test_a_long_export_tells_the_time_left(capsys, monkeypatch):
    now = iter([0.0, 1.0, 6.0, 7.0])
    monkeypatch.setattr(command.time, "monotonic", lambda: next(now))
    progress = command._Progress(10)
    for _ in range(3):
        progress.take(None)
    assert capsys.readouterr().err == "goodpart-station export: 2 of 10 frames, about 24 s to go\n"
