"""Captions and words of a report: why an escape is GOOD, where a defect was found, and what a word means."""

import dataclasses
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.choice import is_wrong
from goodpart_bank_builder.report.pictures import draw_pictures
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.small_picture import brightened, gain_of
from goodpart_bank_builder.report.text import apart
from goodpart_bank_builder.report.words import WORDS


@pytest.fixture
def evaluated(inspector, category):
    return evaluate_category(inspector, read_categories(category)[0])


def page_of(inspector, result, out, name="washer") -> str:
    return write_report(out, {name: (inspector, result)}, []).read_text(encoding="utf-8")


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text)).replace("&#39;", "'").replace("&nbsp;", " ")


def test_an_escape_with_a_high_patch_says_why_it_is_good(built_bundle, category, tmp_path):
    inspector = Inspector.load(built_bundle)
    folder = read_categories(category)[0]
    scores = [image.score for image in evaluate_category(inspector, folder).images if image.is_defective]
    inspector.threshold = max(scores)
    result = evaluate_category(inspector, folder)
    drawn = draw_pictures(inspector, list(result.images), doing="test")
    escapes = [image for image in result.images if image.is_defective]
    assert all(image.verdict is Verdict.GOOD for image in escapes)
    high = [image for image in escapes if drawn[image.path].seen.peak > inspector.threshold]
    assert high
    text = plain(page_of(inspector, result, tmp_path / "report"))
    top_k = inspector.backbone.spec.profile.top_k(inspector.backbone.spec.grid.patches)
    assert text.count(f"GOOD all the same: the score is the mean of the {top_k} highest patches") == len(high)


def test_found_defects_say_whether_the_highest_patch_lies_on_them(inspector, evaluated, tmp_path):
    text = plain(page_of(inspector, evaluated, tmp_path / "report"))
    found = [image for image in evaluated.images if image.is_defective and not is_wrong(image)]
    assert found
    assert re.search(r"Highest patch [\d.]+ sigmas, [a-z ]+: (on|beside) the marked defect", text)


def test_a_score_never_equals_a_threshold_that_it_differs_from(inspector, evaluated, tmp_path):
    assert (apart(4.1101, 4.1099), apart(4.1099, 4.1101), apart(4.11, 4.11)) == ("4.1101", "4.1099", "4.11")
    good = next(image for image in evaluated.images if not image.is_defective)
    close = dataclasses.replace(good, score=evaluated.figures.threshold - 1e-4, verdict=Verdict.GOOD)
    images = tuple(close if image is good else image for image in evaluated.images)
    text = plain(page_of(inspector, dataclasses.replace(evaluated, images=images), tmp_path / "report"))
    assert f"score {close.score:.4f}, threshold {evaluated.figures.threshold:.4f}" in text


def test_a_dark_close_up_is_made_brighter_and_a_bright_one_is_not():
    dark = np.full((8, 8, 3), 25, np.uint8)
    bright = np.full((8, 8, 3), 180, np.uint8)
    assert gain_of(dark) == 6.0
    assert gain_of(2 * dark) == 4.0
    assert gain_of(bright) == 1.0
    assert (brightened(2 * dark, 4.0) == 200).all()
    np.testing.assert_array_equal(brightened(bright, 1.0), bright)


def test_pieces_of_a_dark_part_say_that_they_are_brighter(inspector, category, tmp_path, monkeypatch):
    # so dark frames are UNKNOWN otherwise, and say nothing about the part
    monkeypatch.setattr(inspector, "checks", None)
    for path in (category / "test" / "block").iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path)) // 6)
    result = evaluate_category(inspector, read_categories(category)[0])
    drawn = draw_pictures(inspector, [image for image in result.images if image.is_defective], doing="test")
    gains = {each.strip.gain for each in drawn.values() if each.strip is not None}
    assert min(gains) > 2.0
    text = plain(page_of(inspector, result, tmp_path / "report"))
    assert re.search(r"that it should look like, made \d\.\d times brighter", text)


def test_a_close_up_stands_where_no_good_patches_can(built_bundle, category, monkeypatch):
    inspector = Inspector.load(built_bundle)
    inspector.threshold = inspector.pixel_threshold = -10.0
    result = evaluate_category(inspector, read_categories(category)[0])
    manifest = dataclasses.replace(inspector.bundle.manifest, atlas=None)
    bundle = dataclasses.replace(inspector.bundle, manifest=manifest)
    monkeypatch.setattr(Inspector, "bundle", property(lambda _: bundle))
    drawn = draw_pictures(inspector, list(result.images), doing="test")
    for image in result.images:
        assert drawn[image.path].strip is None
        assert (drawn[image.path].close_up is not None) == is_wrong(image)


def test_a_bundle_of_format_2_is_not_called_one_of_format_1(inspector, evaluated, tmp_path, monkeypatch):
    manifest = dataclasses.replace(inspector.bundle.manifest, atlas=None)
    bundle = dataclasses.replace(inspector.bundle, manifest=manifest)
    monkeypatch.setattr(Inspector, "bundle", property(lambda _: bundle))
    text = plain(page_of(inspector, evaluated, tmp_path / "report"))
    begin = text.index("This bundle holds no small pictures")
    assert "was built with --no-thumbnails" in text[begin : begin + 200]
    assert "format 1" not in text[begin : begin + 200]


def test_every_word_of_the_glossary_stands_in_the_docs_and_on_the_page(inspector, evaluated, tmp_path):
    docs = (Path(__file__).parents[2] / "docs" / "words.md").read_text(encoding="utf-8")
    text = page_of(inspector, evaluated, tmp_path / "report")
    assert text.index('id="words"') > text.index('id="provenance"')
    for word, meaning in WORDS.items():
        assert f"| {word} | {meaning} |" in docs
        assert f"<dt>{word}</dt>" in text
    jargon = ("sigma", "pixel threshold", "p-value", "exchangeable", "AUPRO to 0.30", "HNSW recall", "serial", "mask")
    ours = ("calibration part", "cross-conformal", "coreset", "K", "top-k", "mu", "trunk", "doctor", "outlier")
    assert {*jargon, *ours} <= set(WORDS)
    assert list(WORDS) == sorted(WORDS, key=str.lower)


def test_published_figures_are_claimed_for_no_other_category(inspector, evaluated, tmp_path):
    both = {"magnetic_tile": (inspector, evaluated), "mvtec_bottle_half": (inspector, evaluated)}
    text = write_report(tmp_path / "report", both, []).read_text(encoding="utf-8")
    section = text[text.index("Comparison with published figures") : text.index('id="words"')]
    assert "magnetic_tile" not in re.sub("<wbr>", "", section)
    assert "mvtec_bottle_half is named after MVTec AD's bottle" in plain(re.sub("<wbr>", "", section))
    total = text[text.index('<tr class="total">') :].partition("</tr>")[0]
    # a mean of the escapes of unlike products means nothing
    assert "Escapes" not in total
    assert "Image AUROC" in total
