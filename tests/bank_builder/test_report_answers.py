"""What a reader who does not know the code finds in a report: the conclusion, what was looked at, what to do next."""

import dataclasses
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.facts.learned import Examination, OddImage, ThresholdWarning
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.conclusion import conclude
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.pictures import draw_pictures
from goodpart_bank_builder.report.report import write_report


class Tables(HTMLParser):
    """For every table of a page: the classes of the elements around it, and its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[list[str], str]] = []
        self.cells: list[dict[str, str | None]] = []
        self.in_stack = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        classes = dict(attributes).get("class") or ""
        if tag == "table":
            self.found.append((list(self.open), classes))
            self.in_stack = "stack" in classes
        if tag == "div":
            self.open.append(classes)
        if tag == "td" and self.in_stack:
            self.cells.append(dict(attributes))

    def handle_endtag(self, tag):
        if tag == "div":
            self.open.pop()


def moved(bundle, folder):
    """Inspector and result at a threshold that parts of both kinds lie on the wrong side of."""
    inspector = Inspector.load(bundle)
    category = read_categories(folder)[0]
    scores = sorted(image.score for image in evaluate_category(inspector, category).images)
    inspector.threshold = inspector.pixel_threshold = scores[len(scores) // 2]
    return inspector, evaluate_category(inspector, category)


def page_of(inspector, result, out) -> str:
    return write_report(out, {"washer": (inspector, result)}, []).read_text(encoding="utf-8")


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text)).replace("&#39;", "'").replace("&gt;", ">")


@pytest.fixture(scope="module")
def judged(inspector, category_made):
    return inspector, evaluate_category(inspector, read_categories(category_made)[0])


@pytest.fixture(scope="module")
def category_made(tmp_path_factory):
    from small_parts import draw_defect, draw_good

    root = tmp_path_factory.mktemp("data") / "washer"
    for kind, draw in (("good", draw_good), ("block", draw_defect)):
        (root / "test" / kind).mkdir(parents=True)
        for seed in range(5):
            cv2.imwrite(str(root / "test" / kind / f"{seed:03}.png"), draw(900 + seed)[:, :, ::-1])
    mask = np.zeros((90, 70), np.uint8)
    mask[30:44, 40:52] = 255
    (root / "ground_truth" / "block").mkdir(parents=True)
    for seed in range(5):
        cv2.imwrite(str(root / "ground_truth" / "block" / f"{seed:03}_mask.png"), mask)
    return root


def test_the_conclusion_stands_before_any_figure(judged, tmp_path):
    inspector, result = judged
    text = page_of(inspector, result, tmp_path / "report")
    said = conclude(result)
    begin = text.index('id="conclusion"')
    assert begin < text.index('class="tiles"') < text.index("<table")
    shown = plain(text[begin : text.index('class="tiles"')]).lower()
    assert said.headline.lower() in shown
    assert all(reason.lower() in shown for reason in said.reasons)


def test_images_to_look_at_are_links_to_their_pictures(built_bundle, category_made, tmp_path):
    inspector, result = moved(built_bundle, category_made)
    text = page_of(inspector, result, tmp_path / "report")
    ids = re.findall(r'id="(image-\d+)"', text)
    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r'href="#(image-\d+)"', text)) <= set(ids)


def test_every_table_fits_a_phone(judged, tmp_path, monkeypatch):
    inspector, result = judged
    bundle = with_odd(inspector)
    monkeypatch.setattr(Inspector, "bundle", property(lambda _: bundle))
    text = page_of(inspector, result, tmp_path / "report")
    tables = Tables(text)
    assert len(tables.found) >= 4
    assert all("wide" in around for around, _ in tables.found)
    # a stacked cell says what it is, unless it is hidden there
    assert tables.cells
    assert all(cell.get("data-label") or "empty" in cell["class"] for cell in tables.cells)
    style = text[text.index("<style>") : text.index("</style>")]
    assert re.search(r"\.wide \{\s*overflow-x: auto", style)
    assert ".stack td { display: flex" in style[style.index("max-width: 760px") :]


def with_odd(inspector):
    """A bundle whose doctor found something."""
    odd = OddImage(name="b/7.png", score=9.5, findings=("outlier", "blur"))
    examination = Examination(
        look_at=3, images=(odd,), warning=ThresholdWarning(images=("b/7.png",), threshold=8.0, threshold_without=4.5)
    )
    manifest = inspector.bundle.manifest
    origin = dataclasses.replace(manifest.provenance, examination=examination)
    return dataclasses.replace(inspector.bundle, manifest=dataclasses.replace(manifest, provenance=origin))


def test_suspicious_training_pictures_are_named_with_score_and_reason(judged, tmp_path, monkeypatch):
    inspector = judged[0]
    bundle = with_odd(inspector)
    monkeypatch.setattr(Inspector, "bundle", property(lambda _: bundle))
    text = plain(page_of(inspector, judged[1], tmp_path / "report"))
    assert "3 of the good images want a look" in text
    assert "b/7.png not at hand 9.50 unlike the other good parts; more blurred than the others" in text
    assert "2 more: goodpart-bank doctor names all" in text
    assert "The threshold rests on b/7.png. Without this picture it would be 4.50 instead of 8.00 sigmas." in text
    assert "Look at the suspicious training pictures first" in text


def test_wrong_images_say_what_was_looked_at(built_bundle, category_made, tmp_path):
    inspector, result = moved(built_bundle, category_made)
    wrong = [image for image in result.images if image.is_defective is (image.verdict is Verdict.GOOD)]
    assert wrong
    drawn = draw_pictures(inspector, list(result.images), doing="test")
    for image in result.images:
        # the strip begins with the same place
        assert drawn[image.path].close_up is None
        assert (drawn[image.path].strip is not None) == (image in wrong or image.is_defective)
        assert (drawn[image.path].truth is None) == (image.mask is None)
        assert (drawn[image.path].seen.in_truth is None) == (image.mask is None)
    text = plain(page_of(inspector, result, tmp_path / "report"))
    for image in wrong:
        assert f"Highest patch {drawn[image.path].seen.peak:.2f} sigmas" in text


def test_the_score_within_a_mask_is_that_of_its_highest_patch(judged):
    inspector, result = judged
    image = next(image for image in result.images if image.is_defective)
    seen = draw_pictures(inspector, [image], doing="test")[image.path].seen
    inspection = inspector.inspect(cv2.imread(str(image.path))[:, :, ::-1].copy())
    rows, columns = inspection.grid.shape
    by_pixel = inspection.grid[np.arange(90) * rows // 90][:, np.arange(70) * columns // 70]
    assert seen.truth_peak == by_pixel[30:44, 40:52].max()
    assert seen.peak == inspection.grid.max()
    # the mask touches patches 5 to 7 by 6 to 8, and patches next to those count too
    assert seen.in_truth == (inspection.grid[4:9, 5:10].max() == inspection.grid.max())


def test_what_to_do_next_follows_from_what_went_wrong(built_bundle, category_made, judged, tmp_path):
    inspector, result = moved(built_bundle, category_made)
    wrong = plain(page_of(inspector, result, tmp_path / "wrong"))
    for words, events in (
        ("Look at the false rejects.", result.figures.false_rejects.events),
        ("Look at the escapes, each with", result.figures.escapes.events),
    ):
        assert (words in wrong) == (events > 0)
    assert "Test more defective parts: with 5," in wrong
    clean = plain(page_of(*judged, tmp_path / "clean"))
    assert ("Look at the escapes" in clean) == (judged[1].figures.escapes.events > 0)
    assert "Export the backbone with trained weights" in clean  # these are untrained


def test_images_to_look_at_are_named_once_in_the_conclusion(built_bundle, category_made, tmp_path):
    inspector, result = judged_with_an_escape(built_bundle, category_made, tmp_path)
    said = conclude(result)
    assert [path.name for path in said.look_at] == ["odd.png"]
    text = page_of(inspector, result, tmp_path / "report")
    begin = text.index('id="conclusion"')
    shown = plain(text[begin : text.index('class="tiles"')])
    assert shown.count("odd.png") == 1
    assert "block/odd.png" in said.headline
    assert said.title.lower() in shown.lower()
    assert "odd.png" not in said.title


def judged_with_an_escape(bundle, folder, tmp_path):
    """Twelve defective parts, and one that is not: it passes."""
    from small_parts import draw_defect, draw_good

    root = Path(shutil.copytree(folder, tmp_path / "washer"))
    for seed in range(12):
        cv2.imwrite(str(root / "test" / "block" / f"more{seed}.png"), draw_defect(300 + seed)[:, :, ::-1])
    cv2.imwrite(str(root / "test" / "block" / "odd.png"), draw_good(4)[:, :, ::-1])
    for seed in range(20):
        cv2.imwrite(str(root / "test" / "good" / f"more{seed}.png"), draw_good(300 + seed)[:, :, ::-1])
    inspector = Inspector.load(bundle)
    category = read_categories(root)[0]
    images = evaluate_category(inspector, category).images
    inspector.threshold = min(image.score for image in images if image.is_defective and image.path.name != "odd.png")
    inspector.threshold = float(np.nextafter(inspector.threshold, -np.inf))
    return inspector, evaluate_category(inspector, category)


def test_what_is_folded_away_is_open_on_paper(judged, tmp_path):
    text = page_of(*judged, tmp_path / "report")
    printed = text[text.index("@media print") :]
    assert re.search(r"details::details-content \{ content-visibility: visible; block-size: auto; \}", printed)


def test_the_overview_fits_a_phone(judged, tmp_path):
    index = write_report(tmp_path / "report", {"washer": judged, "mvtec_bottle_half": judged}, [])
    tables = Tables(index.read_text(encoding="utf-8"))
    assert len(tables.found) == 3
    assert all("wide" in around and "stack" in classes for around, classes in tables.found)
    assert all(cell.get("data-label") or "empty" in cell["class"] for cell in tables.cells)
    # two of one name are told apart
    labels = [cell.get("data-label") or "" for cell in tables.cells]
    shown = {re.sub(r" \[\d\]$", "", each) for each in labels if re.search(r"\[\d\]$", each)}
    assert {"PatchCore, ResNet-18", "PatchCore, Wide ResNet-50"} <= shown
