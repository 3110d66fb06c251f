"""The page of suspicious training pictures: what is shown, and that it is right."""

import html
import json
import re

import cv2
import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.frames.images import read_image
from goodpart.inspector import Inspector
from goodpart_bank_builder.cli import build as build_command
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.settings import FolderSettings
from goodpart_bank_builder.doctor.doctor import learn_and_examine
from goodpart_bank_builder.doctor.reasons import reason_in_words
from goodpart_bank_builder.report.look_closer import Closer
from small_parts import draw_blotched

BLOCK = (30, 40)
ODD = "<b>odd.png"


@pytest.fixture
def mixed(tmp_path):
    """25 good parts, one again a moment later, and one with a bright block on it."""
    (tmp_path / "good").mkdir()
    for seed in range(25):
        write(tmp_path / "good" / f"{seed:02}.png", draw_blotched(seed, levels=9.0))
    noise = np.random.default_rng(0).normal(0.0, 1.0, draw_blotched(3).shape)
    again = draw_blotched(3, levels=9.0) + noise
    write(tmp_path / "good" / "again.png", np.clip(again, 0, 255).astype(np.uint8))
    frame = draw_blotched(99, levels=9.0)
    frame[BLOCK[0] : BLOCK[0] + 14, BLOCK[1] : BLOCK[1] + 12] = (255, 0, 255)
    write(tmp_path / "good" / ODD, frame)
    return tmp_path / "good"


def write(path, frame):
    cv2.imwrite(str(path), frame[:, :, ::-1])


def closer_of(folder, backbone):
    settings = FolderSettings(good_dir=folder, backbone=backbone)
    _, learned, loaded = learn_and_examine(settings)
    return Closer(settings, loaded, learned.bank.vectors), learned.calibration, loaded


def test_the_nearest_places_are_those_of_brute_force(mixed, tiny_backbone):
    closer, calibration, backbone = closer_of(mixed, tiny_backbone)
    look = closer.look_at([ODD], calibration)[ODD]
    grid = backbone.spec.grid
    rows = {path.name: backbone.embed(read_image(path, backbone.spec.frame)) for path in mixed.iterdir()}
    expected = to_others(rows, look.patch)[:3]
    assert [name for name, _, _ in look.nearest] == [name for _, name in expected]
    np.testing.assert_allclose([distance for _, distance, _ in look.nearest], [d for d, _ in expected], atol=1e-5)
    row, column = divmod(look.patch, grid.columns)
    # patches of this network see some 20 pixels around them
    assert abs((row + 0.5) * 90 / grid.rows - (BLOCK[0] + 7)) < 20
    assert abs((column + 0.5) * 70 / grid.columns - (BLOCK[1] + 6)) < 20


def to_others(rows, place):
    """Distance of a place of the odd image to every other image, the nearest first."""
    found = [(1.0 - float((other @ rows[ODD][place]).max()), name) for name, other in rows.items() if name != ODD]
    return sorted(found)


def test_the_odd_image_passes_the_contour_though_it_carries_the_threshold(mixed, tiny_backbone):
    closer, calibration, _ = closer_of(mixed, tiny_backbone)
    look = closer.look_at([ODD], calibration)[ODD]
    assert look.peak > 1.5 * closer.pixel_threshold
    assert closer.pixel_threshold < calibration.pixel_threshold
    # its own vectors are not in the bank that it is compared with
    assert look.score > 0.8 * calibration.threshold


def test_the_doctors_page_shows_what_it_names(mixed, tiny_backbone, tmp_path, capsys):
    page = tmp_path / "page" / "index.html"
    assert main(["doctor", str(mixed), "--backbone", str(tiny_backbone), "--report", str(page.parent)]) == 1
    text = page.read_text()
    # all kinds of findings are counted
    assert "1 of 27 images wants a look; 1 pair of nearly identical images that were held out apart</h1>" in text
    assert "&lt;b&gt;odd.png" in text
    assert ODD not in text
    assert "The threshold rests on one image" in text
    pairs = text.partition('id="pairs"')[2].partition("</section>")[0]
    assert ("03.png" in pairs, "again.png" in pairs, pairs.count("<img ")) == (True, True, 2)
    # picture, heat map, the place and three others; one part that carries the threshold; the pair
    assert text.count("<img ") == 6 + 1 + 2
    assert f"report      {page}" in capsys.readouterr().err


def test_build_writes_the_page_and_replaces_an_older_one(mixed, tiny_backbone, tmp_path, capsys):
    command = ["build", str(mixed), "--backbone", str(tiny_backbone), "--out", str(tmp_path / "washer"), "--json"]
    assert main([*command, "--report", str(tmp_path / "page")]) == 0
    assert "1 of 27 images wants a look" in (tmp_path / "page" / "index.html").read_text()
    assert capsys.readouterr().out.count("\n") == 1
    assert main([*command, "--report", str(tmp_path / "page"), "--force", "--exclude", ODD]) == 0
    text = (tmp_path / "page" / "index.html").read_text()
    assert "good: 1 pair of nearly identical images that were held out apart</h1>" in text
    (mixed / "again.png").unlink()
    assert main([*command, "--report", str(tmp_path / "page"), "--force", "--exclude", ODD]) == 0
    assert "good: nothing stands out</h1>" in (tmp_path / "page" / "index.html").read_text()


def test_an_image_that_cannot_be_read_is_listed_without_a_picture(mixed, tiny_backbone, tmp_path):
    (mixed / "torn.png").write_bytes(b"not a picture")
    assert main(["doctor", str(mixed), "--backbone", str(tiny_backbone), "--report", str(tmp_path / "page")]) == 1
    text = (tmp_path / "page" / "index.html").read_text()
    assert "torn.png" in text
    assert "No picture: the image cannot be read" in text


@pytest.mark.parametrize("command", ["build", "doctor"])
def test_a_folder_with_other_files_is_refused_before_the_work(mixed, tiny_backbone, tmp_path, capsys, command):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    out = ["--out", str(tmp_path / "washer")] if command == "build" else []
    given = [command, str(mixed), "--backbone", str(tiny_backbone), *out, "--report", str(tmp_path / "mine")]
    assert main(given) == 2
    assert "embedding" not in capsys.readouterr().err
    assert (tmp_path / "mine" / "letter.txt").exists()


def test_files_that_are_passed_over_are_told_before_the_work(mixed, tiny_backbone, tmp_path, capsys, monkeypatch):
    (mixed / "notes.txt").write_text("lot 7")

    def stop(settings):
        raise UsageError("stopped before the work")

    monkeypatch.setattr(build_command, "build_and_keep", stop)
    assert main(["build", str(mixed), "--backbone", str(tiny_backbone), "--out", str(tmp_path / "washer")]) == 2
    assert f"{mixed}: not learned: other files: 1, such as notes.txt" in capsys.readouterr().err.splitlines()


def test_they_stand_in_the_printed_report_as_well(mixed, tiny_backbone, tmp_path, capsys):
    (mixed / "notes.txt").write_text("lot 7")
    assert main(["build", str(mixed), "--backbone", str(tiny_backbone), "--out", str(tmp_path / "washer")]) == 0
    assert "passed over other files: 1, such as notes.txt" in capsys.readouterr().out.splitlines()


def test_the_doctors_page_and_the_report_of_the_bundle_give_the_same_reason(mixed, tiny_backbone, tmp_path, capsys):
    command = ["build", str(mixed), "--backbone", str(tiny_backbone), "--out", str(tmp_path / "washer"), "--json"]
    assert main([*command, "--report", str(tmp_path / "page")]) == 0
    doctors = (tmp_path / "page" / "index.html").read_text()
    odd = Inspector.load(tmp_path / "washer").bundle.manifest.provenance.examination.images[0]
    support = json.loads(capsys.readouterr().out)["diagnosis"]["threshold"]
    why = reason_in_words(odd.findings, odd.score, support["threshold"])
    assert why.startswith("unlike the other good parts")
    assert f"<b>{why[0].upper()}{why[1:]}.</b> Held-out score {odd.score:.2f}" in doctors
    # one image in 27 at a rate of 5 %: it is the threshold
    assert odd.score == pytest.approx(support["threshold"], rel=1e-5)
    assert f"Held-out score {odd.score:.2f}: it is the threshold." in doctors


@pytest.mark.parametrize(
    ("score", "remark"),
    [
        (4.5, ""),
        (4.00001, ""),
        (3.99999, ""),
        (3.9, ": below the threshold, but far above most good parts"),
        (None, ""),
    ],
)
def test_an_image_at_the_threshold_is_not_called_one_below_it(score, remark):
    assert reason_in_words(["outlier"], score, 4.0) == f"unlike the other good parts{remark}"


def test_all_images_that_the_threshold_rests_on_are_named_with_their_scores(mixed, tiny_backbone, tmp_path, capsys):
    options = ["--backbone", str(tiny_backbone), "--false-reject-rate", "0.9"]
    assert main(["doctor", str(mixed), *options, "--report", str(tmp_path / "page"), "--json"]) == 1
    support = json.loads(capsys.readouterr().out)["diagnosis"]["threshold"]
    assert len(support["parts"]) == support["count"] > 20
    text = (tmp_path / "page" / "index.html").read_text()
    section = re.sub("<[^>]*>", "", text.partition('id="threshold"')[2].partition("</section>")[0])
    for part in support["parts"]:
        assert html.escape(part["image"]) in section
        assert f"{part['score']:.2f}" in section
    assert main(["doctor", str(mixed), *options]) == 1
    assert f"  and {support['count'] - 20} more\n" in capsys.readouterr().out
