"""The command line of the embedded PC: outputs, exit codes, one-line errors."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from broken_bundles import change_json
from goodpart.cli.main import main
from goodpart.inspector import Inspector
from small_frames import draw_defect, draw_good


@pytest.fixture
def frames(tmp_path):
    """A folder with one frame of every outcome."""
    folder = tmp_path / "frames"
    folder.mkdir()
    np.save(folder / "defect.npy", draw_defect(900))
    np.save(folder / "good.npy", draw_good(900))
    np.save(folder / "refused.npy", draw_good(900).astype(np.float32))
    np.save(folder / "unknown.npy", np.zeros((50, 40, 3), np.uint8))
    return folder


def score(bundle, *paths, options=()):
    return main(["score", str(bundle), *map(str, paths), *options])


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["good"], 0),
        (["defect"], 1),
        (["good", "defect"], 1),
        (["unknown"], 5),
        (["defect", "unknown"], 5),
        (["refused"], 4),
        (["refused", "unknown", "defect", "good"], 4),
    ],
)
def test_the_worst_outcome_is_the_exit_code(built_bundle, frames, names, code, capsys):
    assert score(built_bundle, *(frames / f"{name}.npy" for name in names)) == code
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["file"] for line in lines] == [str(frames / f"{name}.npy") for name in names]


def test_a_json_line_per_frame_of_a_folder(built_bundle, frames, capsys):
    assert score(built_bundle, frames) == 4
    captured = capsys.readouterr()
    defect, good, refused, unknown = (json.loads(line) for line in captured.out.splitlines())
    assert [line["verdict"] for line in (defect, good, refused, unknown)] == ["DEFECT", "GOOD", "REFUSED", "UNKNOWN"]
    assert defect["margin"] == pytest.approx(defect["score"] - defect["threshold"])
    assert set(defect["timings_ms"]) == {"embed", "search", "score"}
    boxes = {"y_px", "x_px", "height_px", "width_px", "area_share", "peak", "peak_y_px", "peak_x_px"}
    assert defect["regions"]
    assert all(set(region) == boxes for region in defect["regions"])
    assert "regions" not in refused
    assert 0 < defect["p_value"] <= 1
    assert defect["untrained"]
    assert "float32" in refused["error"]
    assert "score" not in refused
    assert "no signal" in unknown["reason"]
    assert "4 frames: 1 REFUSED, 1 UNKNOWN, 1 DEFECT, 1 GOOD" in captured.err
    assert "UNTRAINED" in captured.err


def test_json_is_what_the_inspection_says_of_itself(built_bundle, frames, capsys):
    score(built_bundle, frames / "defect.npy")
    line = json.loads(capsys.readouterr().out)
    inspection = Inspector.load(built_bundle, threads=1).inspect(np.load(frames / "defect.npy"))
    expected = json.loads(json.dumps(inspection.to_dict()))
    del line["timings_ms"], expected["timings_ms"]
    assert line == {"file": str(frames / "defect.npy"), **expected, "untrained": True}
    assert line["score"] == pytest.approx(inspection.score, abs=5e-5)
    assert len(str(line["score"])) < len(str(inspection.score))


def test_a_table_never_shows_a_defect_that_scores_its_threshold(bundle, frames, capsys, monkeypatch):
    found = Inspector.load(bundle).inspect(np.load(frames / "defect.npy")).score
    threshold = found - 2e-5
    assert f"{threshold:.3f}" == f"{found:.3f}"
    assert main(["threshold", str(bundle), "--value", repr(threshold)]) == 0
    capsys.readouterr()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert score(bundle, frames / "defect.npy") == 1
    shown = re.fullmatch(r"DEFECT +([\d.]+) of ([\d.]+) .*", capsys.readouterr().out.splitlines()[1])
    assert shown is not None
    assert float(shown[1]) > float(shown[2])


def test_a_table_on_a_terminal_unless_json_is_asked_for(built_bundle, frames, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    score(built_bundle, frames)
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["DEFECT", "GOOD", "REFUSED", "UNKNOWN"]
    score(built_bundle, frames, options=["--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[0])["verdict"] == "DEFECT"


def test_overlays_lie_as_the_images_do(built_bundle, tmp_path, capsys):
    cv2 = pytest.importorskip("cv2")
    for kind, frame in (("good", draw_good(1)), ("block", draw_defect(1))):
        (tmp_path / "test" / kind).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "test" / kind / "000.png"), frame[:, :, ::-1])
    score(built_bundle, tmp_path / "test", options=["--maps", str(tmp_path / "maps")])
    found = sorted(path.relative_to(tmp_path / "maps").as_posix() for path in (tmp_path / "maps").rglob("*.png"))
    assert found == ["block/000.png.overlay.png", "good/000.png.overlay.png"]
    assert json.loads(capsys.readouterr().out.splitlines()[0])["map"] == str(tmp_path / "maps" / found[0])


@pytest.mark.parametrize("maps", ["a_file", "a_file/maps", "/proc/maps", "maps"])
def test_a_place_for_overlays_is_tried_before_any_frame_is_scored(built_bundle, frames, maps, tmp_path, capsys):
    pytest.importorskip("cv2")
    (tmp_path / "a_file").write_bytes(b"mine")
    (tmp_path / "maps" / "good.npy.overlay.png").mkdir(parents=True)  # a folder where an overlay belongs
    assert score(built_bundle, frames / "good.npy", options=["--maps", str(tmp_path / maps)]) == 2
    printed = capsys.readouterr()
    assert re.fullmatch(r"goodpart: /.*: expected a (place that can be written|file to write), found .*\n", printed.err)
    assert printed.out == ""
    assert (tmp_path / "a_file").read_bytes() == b"mine"


def test_a_place_for_overlays_is_tried_before_the_bundle_is_loaded(tmp_path, frames, capsys):
    pytest.importorskip("cv2")
    (tmp_path / "a_file").write_bytes(b"mine")
    assert score(tmp_path / "no_bundle", frames / "good.npy", options=["--maps", str(tmp_path / "a_file")]) == 2
    assert "expected a place that can be written" in capsys.readouterr().err


def test_a_place_for_overlays_is_left_empty_when_the_bundle_is_refused(tmp_path, frames, capsys):
    pytest.importorskip("cv2")
    assert score(tmp_path / "no_bundle", frames, options=["--maps", str(tmp_path / "new" / "maps")]) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames"]


def test_overlays_never_lie_outside_their_folder(built_bundle, tmp_path, monkeypatch, capsys):
    pytest.importorskip("cv2")
    for folder in ("line", "archive"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "0.npy", draw_good(1))
    monkeypatch.chdir(tmp_path / "line")
    main(["score", str(built_bundle), "0.npy", "../archive/0.npy", "--maps", "maps"])
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert found == ["line/maps/archive/0.npy.overlay.png", "line/maps/line/0.npy.overlay.png"]


def test_an_overlay_of_a_good_part_is_calm_and_that_of_a_defect_is_not(built_bundle, tmp_path):
    cv2 = pytest.importorskip("cv2")
    changed = {}
    for kind, frame in (("good", draw_good(5)), ("defect", draw_defect(5))):
        np.save(tmp_path / f"{kind}.npy", frame)
        score(built_bundle, tmp_path / f"{kind}.npy", options=["--maps", str(tmp_path / "maps")])
        picture = cv2.imread(str(tmp_path / "maps" / f"{kind}.npy.overlay.png"))[:24, :18, ::-1]
        changed[kind] = np.abs(picture.astype(int) - frame).max(axis=2)
    assert (changed["good"] > 30).mean() < 0.02
    assert changed["defect"][9:15, 6:12].max() > 30


def test_info_says_what_the_bundle_is(built_bundle, capsys):
    assert main(["info", str(built_bundle)]) == 0
    text = capsys.readouterr().out
    for words in (
        "bar",
        "uint8 RGB (H, W, 3)",
        "300 x 8",
        "UNTRAINED",
        "false-reject rate 0.1 (target: ",
        "cross-conformal, from 16 held-out good parts",
        "16 images of 16 parts",
        "top-k = 4",
        "small",
    ):
        assert words in text
    assert main(["info", str(built_bundle), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["backbone"]["grid"] == {"rows": 8, "columns": 8, "dimension": 8}
    assert facts["calibration"]["false_reject_rate"] == 0.1


def test_verify_and_selftest(built_bundle, capsys):
    assert main(["verify", str(built_bundle)]) == 0
    assert "whole" in capsys.readouterr().out
    assert main(["verify", str(built_bundle), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["digest"]) == 64
    assert main(["selftest", str(built_bundle)]) == 0
    assert "3 golden frames" in capsys.readouterr().out
    assert main(["selftest", str(built_bundle), "--json"]) == 0
    assert max(json.loads(capsys.readouterr().out)["errors_sigmas"].values()) < 1e-6


def test_a_failing_selftest_is_a_refused_bundle(bundle, capsys):
    change_json(bundle / "manifest.json", lambda facts: facts["golden"][0].update(score=99.0))
    assert main(["selftest", str(bundle)]) == 3
    assert "expected score 99.0000" in capsys.readouterr().err


def test_bench_prints_percentiles_per_stage(built_bundle, capsys):
    assert (
        main(["bench", str(built_bundle), "--frames", "3", "--threads", "1", "--frame-size", "200x300", "--json"]) == 0
    )
    figures = json.loads(capsys.readouterr().out)
    assert (figures["frame"], figures["frames"], figures["threads"]) == ("200x300", 3, 1)
    assert list(figures["stages_ms"]) == ["embed", "search", "score", "total"]
    for spent in figures["stages_ms"].values():
        assert 0 < spent["p50"] <= spent["p95"] <= spent["p99"]
    assert main(["bench", str(built_bundle), "--frames", "2"]) == 0
    assert "p99" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["verify", "BUNDLE/none"], 3, "expected a bundle folder"),
        (
            ["score", "BUNDLE", "BUNDLE/none.npy"],
            2,
            "none.npy: expected an image file or a folder of them, found nothing",
        ),
        (["score", "BUNDLE", "BUNDLE/golden", "--threads", "0"], 2, "threads: expected 1 to 256"),
        (["score", "BUNDLE", "BUNDLE/nowhere"], 2, "nowhere"),
        (["bench", "BUNDLE", "--frames", "0"], 2, "--frames"),
        (["info", "x" * 300], 3, "File name too long"),
        (["score", "BUNDLE", "x" * 300 + ".png"], 2, "File name too long"),
    ],
)
def test_errors_are_one_line_and_no_traceback(built_bundle, arguments, code, words, capsys):
    assert main([argument.replace("BUNDLE", str(built_bundle)) for argument in arguments]) == code
    told = capsys.readouterr().err.splitlines()
    lines = [line for line in told if line.startswith("goodpart") and " frames: " not in line]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in lines[0]


@pytest.mark.parametrize(
    "arguments", [["dance"], ["store", "dance"], ["score", "x"], ["bench", "x", "--frame-size", "big"], ["info"]]
)
def test_a_wrong_command_line_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_a_traceback_only_when_asked_for(tmp_path, capsys):
    assert main(["info", str(tmp_path / "none"), "--traceback"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_an_unexpected_exception_never_reads_as_a_defect(built_bundle, monkeypatch, capsys):
    def fail(*_, **__):
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr("goodpart.cli.info.read_bundle", fail)
    assert main(["info", str(built_bundle)]) == 2
    assert "unexpected ZeroDivisionError: surprise" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_crash(built_bundle, frames):
    command = f"{sys.executable} -m goodpart.cli.main score {built_bundle} {frames} {frames} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["verdict"] == "DEFECT"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_a_closed_stream_changes_no_exit_code(built_bundle, frames, closed):
    command = f"{sys.executable} -m goodpart.cli.main score {built_bundle} {frames / 'defect.npy'} {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "unexpected" not in done.stderr
