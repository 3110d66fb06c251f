"""What an export of labels holds, what it counts, and when it marks frames as exported."""

import json
import re
from pathlib import Path

import pytest

from goodpart_station.cli import export as command
from goodpart_station.codes import PartVerdict
from goodpart_station.ring.config import LEAST_BYTES, RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.ring.room import remove_rows
from labelled_ring import CONFIG, draw, exported, label, main
from small_answers import AT, BOOT, answer, good, near, pixels, refused, reject
from station_disk import largest_file


@pytest.fixture
def ring(tmp_path):
    made = Ring(tmp_path / "ring", CONFIG, boot=BOOT)
    made.open()
    yield made
    made.close()


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
    draw(ring, good(1))
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
    # a replay is no reason to begin later with the camera's frames
    assert main(folder, "--labels", "good", "--out", tmp_path / "real", "--product", "bracket") == 0
    assert exported(tmp_path / "real") == ((1, 1, 0, 0), {1: ("good", "random")})


def test_an_export_of_defects_moves_no_end(ring, tmp_path):
    draw(ring, good(1))
    draw(ring, reject(2))
    for seq, word in ((1, "good"), (2, "defect")):
        label(ring, seq, word)
    assert main(ring.frames.folder, "--labels", "defect", "--out", tmp_path / "a") == 0
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "b") == 0
    assert exported(tmp_path / "b") == ((2, 1, 1, 0), {1: ("good", "random")})


def test_frames_that_the_disk_did_not_take_count_as_drawn(ring, tmp_path):
    ring.config = RingConfig(random_rate=1.0, retry_s=1e-9)
    with largest_file(10_000):
        for seq in (1, 2):
            assert not ring.keep(good(seq))
        assert not ring.keep(refused(3))
    assert ring.keep(good(4))
    label(ring, 4, "good")
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "out") == 0
    assert exported(tmp_path / "out")[0] == (3, 1, 0, 2)


def test_what_is_gone_since_the_last_export_is_not_missed_by_the_next(ring, tmp_path):
    """Both lie in one hour, and the ring counts what is gone by the hour."""
    draw(ring, good(1))
    label(ring, 1, "good")
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "a", "--until", "2026-11-26T18:34") == 0
    with ring._index.writing() as connection:
        remove_rows(connection, [ring.frames.frame_of(BOOT, 1).id])
    draw(ring, good(30))
    label(ring, 30, "good")
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "b") == 0
    assert exported(tmp_path / "b") == ((1, 1, 0, 0), {30: ("good", "random")})
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "c", "--since", "2026-11-26T18:10") == 0
    assert exported(tmp_path / "c")[0] == (2, 2, 0, 0)


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
    places = {"frame": "goodpart_station.ring.export.write_flushed", "labels": "pathlib.Path.write_text",
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


def test_the_page_names_every_option(capsys):
    with pytest.raises(SystemExit):
        main("--help")
    options = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help", "--traceback"}
    page = (Path(__file__).parents[2] / "docs" / "station-images.md").read_text(encoding="utf-8")
    assert len(options) > 6
    assert {option for option in options if option not in page} == set()


def test_good_ones_that_were_exported_alone_do_not_cost_an_export_of_all_the_draw(ring, tmp_path, capsys):
    for seq in range(1, 4):
        draw(ring, good(seq))
    draw(ring, reject(4))
    for seq, word in ((1, "good"), (2, "good"), (3, "good"), (4, "defect")):
        label(ring, seq, word)
    folder = ring.frames.folder
    assert main(folder, "--labels", "good", "--out", tmp_path / "good", "--until", "2026-11-26T18:34") == 0
    assert "again" not in capsys.readouterr().out
    assert main(folder, "--labels", "all", "--out", tmp_path / "all", "--until", "2026-11-26T18:34") == 0
    sample = {1: ("good", "random"), 2: ("good", "random"), 3: ("good", "random"), 4: ("defect", "random")}
    assert exported(tmp_path / "all") == ((4, 3, 1, 0), sample)
    assert "again       3 were exported before: give only one" in capsys.readouterr().out
    # after that both go on where it ended
    draw(ring, good(30))
    label(ring, 30, "good")
    for labels in ("good", "all"):
        assert main(folder, "--labels", labels, "--out", tmp_path / "next", "--force") == 0
        assert exported(tmp_path / "next") == ((1, 1, 0, 0), {30: ("good", "random")})


def test_good_ones_that_were_exported_alone_and_are_gone_are_missed_in_an_export_of_all(ring, tmp_path, capsys):
    for seq in (1, 2):
        draw(ring, good(seq))
        label(ring, seq, "good")
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "good") == 0
    with ring._index.writing() as connection:
        remove_rows(connection, [ring.frames.frame_of(BOOT, 1).id])
    assert main(ring.frames.folder, "--labels", "all", "--out", tmp_path / "all") == 0
    assert exported(tmp_path / "all")[0] == (2, 2, 0, 0)
    assert "1 labelled random frames of that time were exported before and are gone" in capsys.readouterr().err
