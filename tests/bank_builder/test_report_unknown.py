"""UNKNOWN images: counted once, on one base, in every place; shown with frame, reason and range; named in the steps."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.conclusion import conclude
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.evaluation_log import category_lines, figure_lines
from goodpart_bank_builder.evaluate.figures import CategoryResult
from goodpart_bank_builder.evaluate.summary import plain_category
from goodpart_bank_builder.report.choice import choose_images
from goodpart_bank_builder.report.outside import outside_of
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.thresholds import gap_step
from small_parts import draw_defect, draw_good


@pytest.fixture(scope="module")
def inspector(built_bundle):
    with Inspector.load(built_bundle, threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def unknown(inspector, tmp_path_factory):
    """Six good parts, and 14 defective ones: 12 as usual, one black, one all too red."""
    root = tmp_path_factory.mktemp("data") / "washer"
    frames = {f"good/{seed:03}": draw_good(900 + seed) for seed in range(6)}
    frames |= {f"block/{seed:03}": draw_defect(300 + seed) for seed in range(12)}
    red = draw_defect(500).astype(np.int16) + np.array([70, -70, -70], np.int16)
    frames |= {"block/black": np.zeros_like(draw_good(0)), "block/red": np.clip(red, 0, 255).astype(np.uint8)}
    for name, frame in frames.items():
        (root / "test" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / "test" / f"{name}.png"), frame[:, :, ::-1])
    inspector.threshold = inspector.calibration.threshold
    return evaluate_category(inspector, read_categories(root)[0])


def page(inspector, result, out) -> str:
    return write_report(out, {"washer": (inspector, result)}, []).read_text(encoding="utf-8")


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))


def test_all_places_count_on_one_base(inspector, unknown, tmp_path):
    figures = unknown.figures
    assert [figures.unknown_good, figures.unknown_defective, figures.kinds["block"].unknown] == [0, 2, 2]
    passed = figures.escapes.events
    counts = f"{12 - passed} DEFECT, 2 UNKNOWN, {passed} passed, of 14 defective images"
    said = conclude(unknown)
    assert counts in said.title
    assert f"escapes: 95 % interval {figures.escapes.interval}" in said.title
    text = plain(page(inspector, unknown, tmp_path / "report"))
    assert f"{passed} of 14" in text
    assert f"{12 - passed} DEFECT, 2 UNKNOWN" in text[text.index("Escapes") :]
    assert f"block {12 - passed} DEFECT, 2 UNKNOWN, {passed} passed, of 14 images" in text
    assert "of 12 defective" not in text.replace(f"lowest of the {12} defective", "")


def test_log_and_json_have_the_number(unknown, tmp_path):
    line = "2 of 14 defective and 0 of 6 good images cannot be judged: rejected, and their defects not found"
    assert f"  UNKNOWN: {line}" in category_lines("washer", unknown.figures)
    assert f"UNKNOWN     {line}" in figure_lines(unknown.figures)
    root = Path(unknown.images[0].path).parents[2]
    as_json = json.loads(json.dumps(plain_category(unknown, root)))
    assert as_json["unknown_defective"] == as_json["kinds"]["block"]["unknown"] == 2
    without = CategoryResult(figures=dataclasses.replace(unknown.figures, unknown_defective=0), images=unknown.images)
    assert not any("UNKNOWN:" in each for each in category_lines("washer", without.figures))


def test_each_is_shown_once_with_frame_reason_and_range(inspector, unknown, tmp_path):
    choice = choose_images(unknown.images)
    assert [image.path.name for image in choice.unknown.shown] == ["black.png", "red.png"]
    shown = choice.shown()
    assert len({image.path for image in shown}) == len(shown)
    text = page(inspector, unknown, tmp_path / "report")
    section = text[text.index('<section id="unknown">') : text.index('<section id="training">')]
    assert section.count('alt="Photograph block/') == 2
    for image in choice.unknown.shown:
        assert image.reason in plain(section).replace("&#39;", "'")
    assert re.search(r"good parts -?[\d.e-]+ to -?[\d.e-]+", plain(section))
    assert 'class="range"' in section


def test_a_value_lies_outside_its_range_on_the_bar(inspector, unknown):
    red = next(image for image in unknown.images if image.path.name == "red.png")
    inspection = inspector.inspect(cv2.imread(str(red.path))[:, :, ::-1].copy())
    found = outside_of(inspector.checks, inspection)
    assert found
    assert found[0].name in red.reason
    for each in found:
        value, low, high = each.places
        assert 0.0 <= min(value, low) < max(value, high) <= 1.0
        assert not low <= value <= high
    good = inspector.inspect(draw_good(900))
    assert outside_of(inspector.checks, good) == ()
    assert outside_of(None, inspection) == ()


def test_a_step_says_what_to_do_with_them(inspector, unknown, tmp_path):
    text = plain(page(inspector, unknown, tmp_path / "report"))
    steps = text[text.index("What to do next") :]
    assert "Look at the 2 UNKNOWN of 20 tested images: each is, as a picture, unlike any good part" in steps
    judged = [image for image in unknown.images if image.verdict is not Verdict.UNKNOWN]
    figures = dataclasses.replace(unknown.figures, unknown_defective=0)
    clean = page(inspector, CategoryResult(figures=figures, images=tuple(judged)), tmp_path / "clean")
    assert "UNKNOWN of" not in plain(clean)
    assert 'id="unknown"' not in clean


def test_the_gap_names_its_base(inspector, unknown, built_bundle):
    good = max(image.score for image in unknown.images if not image.is_defective)
    bad = [image for image in unknown.images if image.is_defective]
    images = tuple(dataclasses.replace(image, score=good + 1.0 + number) for number, image in enumerate(bad)) + tuple(
        image for image in unknown.images if not image.is_defective
    )
    said = gap_step(inspector, CategoryResult(figures=unknown.figures, images=images), built_bundle)
    assert "the lowest of the 12 defective images tested that can be judged" in said


def test_a_good_image_that_cannot_be_judged_is_a_false_reject(inspector, unknown, tmp_path):
    root = Path(shutil.copytree(unknown.images[0].path.parents[2], tmp_path / "washer"))
    (root / "test" / "block" / "black.png").rename(root / "test" / "good" / "black.png")
    result = evaluate_category(inspector, read_categories(root)[0])
    assert [result.figures.unknown_good, result.figures.unknown_defective] == [1, 1]
    assert any(", 1 of them as UNKNOWN" in reason for reason in conclude(result).reasons)
    text = plain(page(inspector, result, tmp_path / "report"))
    assert "1 of them as UNKNOWN" in text[text.index("False rejects") :]
