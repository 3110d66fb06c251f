"""`goodpart-bank try`: from two folders to a first result."""

import json
import shutil

import cv2
import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart_bank_builder.cli.main import main
from small_parts import draw_good


@pytest.fixture
def attempt(good_dir, tiny_backbone, tmp_path, monkeypatch):
    """Tries with a given backbone, in an own folder; returns the exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, rate: str = "0.1") -> int:
        return main(["try", str(good_dir), *arguments, "--backbone", str(tiny_backbone), "--false-reject-rate", rate])

    return run


def test_two_folders_give_a_verdict_a_report_and_a_bundle(attempt, bad_dir, tmp_path, capsys):
    assert attempt(str(bad_dir), "--out", "out", "--name", "washer") == 0
    captured = capsys.readouterr()
    assert "\nverdict     finds them: 10 of 10 defective images found (escapes: 95 %" in captured.out
    assert "\nreport      out/report/index.html\n" in captured.out
    assert "image AUROC 1.0000" in captured.out
    assert "pixel AUROC" in captured.out
    assert "n/a" not in captured.out
    assert "note        the good images are those of the build" in captured.out
    assert [line for line in captured.err.splitlines() if line.startswith("step")] == [
        "step 1 of 3: building",
        "step 2 of 3: evaluating",
        "step 3 of 3: writing the report",
    ]
    assert read_bundle(tmp_path / "out" / "bundle").manifest.name == "washer"
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {"backbone.onnx", "bundle", "report", "doctor", "findings.json", "goodpart-try.txt"}
    assert "\ndoctor      out/doctor/index.html: " in captured.out
    assert "What the threshold rests on" in (tmp_path / "out" / "doctor" / "index.html").read_text()
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "slight underestimate" in page
    assert 'href="../doctor/index.html"' in page
    assert ".partial" not in page


def test_json_is_one_object_with_the_held_out_scores(attempt, bad_dir, tmp_path, capsys):
    assert attempt(str(bad_dir), "--out", "out", "--json") == 0
    output = capsys.readouterr().out
    assert output.count("\n") == 1
    plain = json.loads(output)
    assert plain["conclusion"]["kind"] == "finds them"
    assert plain["bundle"] == plain["build"]["bundle"] == "out/bundle"
    assert plain["export"] is None
    evaluation = plain["evaluation"]
    assert evaluation["held_out_images"] == evaluation["good_images"] == 24
    assert evaluation["false_rejects"]["of"] == 24
    # the scores are those that the threshold was made from, and not those of a bank that has learned the images
    scores = sorted(image["score"] for image in evaluation["images"] if image["kind"] == "good")
    assert scores == pytest.approx(plain["build"]["calibration"]["scores"], abs=1e-4)
    assert evaluation["kinds"]["dent"]["pixel_auroc"] is not None
    assert evaluation["kinds"]["block"]["pixel_auroc"] is None


def test_pictures_of_good_parts_in_the_report_are_held_out_ones(attempt, bad_dir, tmp_path, monkeypatch):
    from goodpart.scoring.inspection import Inspection

    drawn = []
    real = Inspection.overlay
    monkeypatch.setattr(
        Inspection, "overlay", lambda self, *args, **kwargs: drawn.append(self) or real(self, *args, **kwargs)
    )
    assert attempt(str(bad_dir), "--out", "out") == 0
    calibration = read_bundle(tmp_path / "out" / "bundle").calibration
    good = [found for found in drawn if found.score <= max(calibration.scores) + 1e-9]
    assert good
    assert all(np.isclose(found.score, calibration.scores, atol=1e-6).any() for found in good)


def test_good_against_good_cannot_be_told(attempt, tmp_path, capsys):
    same = tmp_path / "same"
    same.mkdir()
    for index in range(10):
        cv2.imwrite(str(same / f"{index:02}.png"), draw_good(300 + index)[:, :, ::-1])
    assert attempt(str(same), "--out", "out") == 0
    output = capsys.readouterr().out
    assert "\nverdict     cannot tell these from good parts: too few to tell: test more" in output
    assert "next        read docs/when-it-works.md" in output


def test_without_bad_parts_it_says_what_it_cannot_know(attempt, tmp_path, capsys):
    assert attempt("--out", "out") == 0
    output = capsys.readouterr().out
    assert "\nverdict     no defective images: what it finds is not known\n" in output
    assert " of 24 good images, held out of the build, are rejected" in output
    assert "photograph some bad parts" in output
    assert (tmp_path / "out" / "report" / "index.html").is_file()


def test_the_default_folder_is_named_like_the_product_and_is_not_replaced_unasked(
    good_dir, tiny_backbone, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    good = tmp_path / "bracket" / "train" / "good"
    good.parent.mkdir(parents=True)
    shutil.copytree(good_dir, good)
    command = ["try", str(good), "--backbone", str(tiny_backbone), "--false-reject-rate", "0.1"]
    assert main(command) == 0
    assert (tmp_path / "bracket-try" / "bundle" / "manifest.json").is_file()
    before = (tmp_path / "bracket-try" / "report" / "index.html").stat().st_ino
    capsys.readouterr()
    assert main(command) == 2
    assert "bracket-try: expected a new folder, found an existing one" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0
    assert (tmp_path / "bracket-try" / "report" / "index.html").stat().st_ino != before
    (tmp_path / "bracket-try" / "mine.txt").write_text("keep me")
    assert main([*command, "--force"]) == 2
    assert (tmp_path / "bracket-try" / "mine.txt").read_text() == "keep me"


def test_an_image_in_both_folders_is_refused_before_the_work(attempt, good_dir, tmp_path, capsys):
    bad = tmp_path / "bad"
    bad.mkdir()
    shutil.copy(good_dir / "05.png", bad / "renamed.png")
    assert attempt(str(bad), "--out", "out") == 2
    error = capsys.readouterr().err
    assert "found 1 that lie in both, such as renamed.png" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_inside_the_other_is_refused(attempt, good_dir, capsys):
    assert attempt(str(good_dir), "--out", "out") == 2
    assert "found one inside the other" in capsys.readouterr().err
    assert attempt(str(good_dir.parent), "--out", "out") == 2
    assert "found one inside the other" in capsys.readouterr().err


def test_a_bad_picture_that_cannot_be_read_is_named_before_the_build(attempt, bad_dir, tmp_path, capsys):
    (bad_dir / "dent" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    assert attempt(str(bad_dir), "--out", "out") == 4
    captured = capsys.readouterr()
    assert "broken.png" in captured.err
    assert "embedding" not in captured.err
    assert not (tmp_path / "out").exists()
    assert attempt(str(bad_dir), "--out", "out", "--skip-unreadable") == 0
    captured = capsys.readouterr()
    assert "bad images that cannot be read: 1, such as broken.png" in captured.out
    assert "10 of 10 defective images" in captured.out


def test_a_group_that_fits_only_the_good_names_is_said(attempt, bad_dir, capsys):
    (bad_dir / "dent" / "x.png").write_bytes((bad_dir / "dent" / "02.png").read_bytes())
    assert attempt(str(bad_dir), "--out", "out", "--group", r"(\d\d)\.png$") == 0
    assert "every image in ng/ counts as a part of its own" in capsys.readouterr().out


def test_a_test_folder_of_mvtec_ad_is_taken_with_its_good_parts_and_masks(attempt, category, capsys):
    assert attempt(str(category / "test"), "--out", "out", "--json") == 0
    evaluation = json.loads(capsys.readouterr().out)["evaluation"]
    assert (evaluation["good_images"], evaluation["held_out_images"]) == (30, 24)
    assert evaluation["kinds"]["block"]["pixel_auroc"] is not None


@pytest.mark.parametrize("option", [["--smallest-defect-px", "20"], ["--roi", "0,0,40,40"]])
def test_a_given_backbone_has_its_own_input(attempt, option, capsys):
    assert attempt("--out", "out", *option) == 2
    assert f"{option[0]}: expected no --backbone beside it" in capsys.readouterr().err


def test_too_few_good_parts_are_refused_before_the_export(attempt, capsys):
    assert attempt("--out", "out", rate="0.001") == 2
    assert "embedding" not in capsys.readouterr().err


def test_pictures_of_one_part_that_count_as_two_are_a_warning(attempt, good_dir, tiny_backbone, tmp_path, capsys):
    own = tmp_path / "own"
    own.mkdir()
    for index in range(24):
        picture = draw_good(index)
        cv2.imwrite(str(own / f"{index:02}.png"), picture[:, :, ::-1])
        if index < 6:
            picture[0, 0] = 255 - picture[0, 0]
            cv2.imwrite(str(own / f"{index:02}b.png"), picture[:, :, ::-1])
    command = ["try", str(own), "--backbone", str(tiny_backbone), "--out", "out", "--false-reject-rate", "0.1"]
    assert main(command) == 0
    assert "of near-identical images" in capsys.readouterr().out
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    # in the steps, and beside the link to the doctor's page
    assert page.count("near-identical pairs: the threshold is too low if they show one part") == 2
    assert "pairs of nearly identical images" in (tmp_path / "out" / "doctor" / "index.html").read_text()
