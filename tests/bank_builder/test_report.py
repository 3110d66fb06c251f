"""Report: pages that need nothing else, say what was found, and never remove anything foreign."""

import dataclasses
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.errors import FrameError, UsageError
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.page import MARK
from goodpart_bank_builder.report.published import load_published
from goodpart_bank_builder.report.report import check_report_folder, write_report

HOSTILE = "<img src=x onerror=alert(1)> & \"q\" 'q' $x^{ \u202e"


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


def results_of(inspector, *folders):
    categories = [category for folder in folders for category in read_categories(folder)]
    return {category.name: (inspector, evaluate_category(inspector, category)) for category in categories}


def page_of(inspector, folder, out: Path) -> tuple[Page, str]:
    text = write_report(out, results_of(inspector, folder), []).read_text(encoding="utf-8")
    return Page(text), text


def with_threshold_between(bundle, folder):
    """Results of a threshold, moved on the device, that some parts of both kinds lie on the wrong side of."""
    inspector = Inspector.load(bundle)
    scores = sorted(image.score for image in evaluate_category(inspector, read_categories(folder)[0]).images)
    inspector.threshold = scores[len(scores) // 2]
    return results_of(inspector, folder)


def test_a_page_asks_for_nothing_from_elsewhere(inspector, category, tmp_path):
    shutil.move(category, category.with_name("mvtec_bottle_half"))
    page, text = page_of(inspector, category.with_name("mvtec_bottle_half"), tmp_path / "report")
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "base", "form"}
    assert all(source.startswith("data:image/") for source in page.all("src"))
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    assert "@import" not in text
    links = [link for link in page.all("href") if link.startswith("http")]
    assert links == [url for _, url in load_published().sources if url is not None]
    assert len(re.findall("https?://", text)) == 2 * len(links)  # each as address and as text
    assert "default-src 'none'" in text


def test_a_page_is_whole_and_accessible(inspector, category, tmp_path):
    page, _ = page_of(inspector, category, tmp_path / "report")
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.all("href") if link.startswith("#")} <= set(ids)
    assert {reference for clip in page.all("clip-path") for reference in re.findall(r"#([\w-]+)", clip)} <= set(ids)
    assert ("html", {"lang": "en"}) in page.tags
    assert "washer: inspection report" in page.text
    assert all("alt" in attributes for tag, attributes in page.tags if tag == "img")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert all(attributes["aria-label"] for tag, attributes in page.tags if tag == "svg")


def test_a_page_says_what_was_found_and_what_it_rests_on(inspector, category, tmp_path):
    results = results_of(inspector, category)
    figures, bundle = results["washer"][1].figures, inspector.bundle
    page = Page(write_report(tmp_path / "report", results, []).read_text(encoding="utf-8"))
    assert "0 of 5" in page.text
    assert f"{figures.image_auroc:.3f}" in page.text
    assert f"95 %: 0.0 to {100 * figures.escapes.high:.1f} %" in page.text.replace("\xa0", " ")
    assert "UNTRAINED WEIGHTS" in page.text
    for fact in (bundle.digest, bundle.manifest.provenance.dataset_sha256, bundle.calibration.promise, "seed 0"):
        assert fact in page.text
    # best F1 of images and pixels, and the two thresholds
    assert page.text.count("tuned on these defects, no promise") >= 4


def test_escapes_and_false_rejects_come_first_and_worst_first(built_bundle, category, tmp_path):
    results = with_threshold_between(built_bundle, category)
    text = write_report(tmp_path / "report", results, []).read_text(encoding="utf-8")
    sections = dict(re.findall(r'<section id="([\w-]+)">(.*?)</section>', text, re.DOTALL))
    assert list(sections)[:5] == ["next", "verdicts", "pictures", "escapes", "false-rejects"]
    for section, defective in (("escapes", True), ("false-rejects", False)):
        expected = sorted(
            (image.score, f"{image.kind}/{image.path.name}")
            for image in results["washer"][1].images
            if image.is_defective is defective and (image.verdict is Verdict.GOOD) is defective
        )
        names = [name for _, name in (expected if defective else reversed(expected))]
        assert re.findall(r'alt="Photograph ([^"]+)"', sections[section]) == names
    assert "set on this device" in sections["figures"]


def test_names_are_text_whatever_they_hold(inspector, category, tmp_path):
    hostile = category.with_name(HOSTILE)
    shutil.move(category, hostile)
    for folder in ("test", "ground_truth"):
        shutil.move(hostile / folder / "block", hostile / folder / HOSTILE)
    kind = hostile / "test" / HOSTILE
    (kind / "000.png").rename(kind / "<svg onload=alert(2)>.png")
    shutil.copy(kind / "001.png", os.fsencode(kind) + b"/\xff.png")
    # so few images of a kind that the page shows all of them
    for number in (2, 3, 4):
        (kind / f"{number:03}.png").unlink()
    shutil.copytree(hostile, hostile.with_name("index"))
    write_report(tmp_path / "report", results_of(inspector, hostile.parent), [HOSTILE])
    pages = sorted((tmp_path / "report").glob("*.html"))
    assert len(pages) == 3
    for path in pages:
        page = Page(path.read_text(encoding="utf-8"))
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        assert "x" not in page.all("src")
        assert "<img src=x onerror=alert(1)> & \"q\" 'q' $x^{ \ufffd" in page.text
        assert "\u202e" not in page.text
    text = (tmp_path / "report" / "index-2.html").read_text(encoding="utf-8")
    assert "&lt;svg onload=alert(2)&gt;.png" in text
    assert "\ufffd.png" in text


def test_several_categories_get_an_overview_beside_published_figures(inspector, category, tmp_path):
    shutil.copytree(category, category.with_name("mvtec_bottle_half"))
    shutil.copytree(category, category.with_name("magnetic_tile"))
    index = write_report(tmp_path / "report", results_of(inspector, category.parent), ["nut"])
    page = Page(index.read_text(encoding="utf-8"))
    assert {link for link in page.all("href") if link.endswith(".html") and "//" not in link} == {
        "magnetic_tile.html", "mvtec_bottle_half.html", "washer.html",
    }  # fmt: skip
    assert all((index.parent / f"{name}.html").is_file() for name in ("magnetic_tile", "mvtec_bottle_half", "washer"))
    assert "No bundle for: nut" in page.text
    assert "mvtec_bottle_half is named after MVTec AD's bottle." in page.text.replace("\u200b", "")
    assert "MVTec AD bottle" in page.text
    assert "MVTec AD tile" not in page.text
    assert "UNTRAINED WEIGHTS" in page.text
    text = (index.parent / "mvtec_bottle_half.html").read_text(encoding="utf-8")
    assert "The folder is named after MVTec AD's bottle." in re.sub(r"\s+", " ", Page(text).text)


def test_one_category_of_several_with_a_bundle_still_names_the_others(inspector, category, tmp_path):
    index = write_report(tmp_path / "report", results_of(inspector, category), ["nut"])
    assert "No bundle for: nut" in index.read_text(encoding="utf-8")
    assert (index.parent / "washer.html").is_file()


@pytest.mark.parametrize("lacking", ["test/good", "test/block", "ground_truth"])
def test_what_cannot_be_had_is_not_there(inspector, category, tmp_path, lacking):
    shutil.rmtree(category / lacking)
    page, text = page_of(inspector, category, tmp_path / "report")
    assert "n/a" not in page.text
    assert "nan" not in page.text.lower().split()
    assert "no mask" not in page.text
    assert ("ROC curve" in page.text) == (lacking == "ground_truth")
    assert ("good images that were rejected" in page.text) == (lacking != "test/good")
    assert ("defective images that passed" in page.text) == (lacking != "test/block")
    assert "None" not in re.sub(r"None(?: was called good)?\.", "", Page(text).text)


def test_the_cheapest_threshold_names_its_costs(inspector, category, tmp_path):
    results = results_of(inspector, category)
    _, washer = results["washer"]
    without = dataclasses.replace(
        washer, figures=dataclasses.replace(washer.figures, cost=None, image_best_f1_threshold=None)
    )
    page = Page(write_report(tmp_path / "a", {"washer": (inspector, without)}, []).read_text(encoding="utf-8"))
    assert "Cheapest" not in page.text
    assert "Best F1" not in page.text
    page = Page(write_report(tmp_path / "b", results, []).read_text(encoding="utf-8"))
    assert "assumed: an escape costs 10 (--escape-cost), 1 % of parts are defective (--defect-rate)" in page.text


def test_unknown_images_are_shown_as_such(inspector, category, tmp_path):
    cv2.imwrite(str(category / "test" / "good" / "black.png"), np.zeros((90, 70, 3), np.uint8))
    page, _ = page_of(inspector, category, tmp_path / "report")
    assert "UNKNOWN, score" in re.sub(r"\s+", " ", page.text)


def test_the_same_results_give_the_same_bytes(inspector, category, tmp_path, charts):
    results = results_of(inspector, category)
    first = write_report(tmp_path / "a", results, []).read_bytes()
    charts.clear()
    assert write_report(tmp_path / "b", results, []).read_bytes() == first


def test_a_new_report_replaces_an_older_one_and_nothing_else(inspector, category, tmp_path):
    shutil.copytree(category, category.with_name("bolt"))
    out = tmp_path / "report"
    out.mkdir()  # an empty folder is as good as none
    write_report(out, results_of(inspector, category.parent), [])
    assert {path.name for path in out.iterdir()} == {"index.html", "bolt.html", "washer.html", MARK}
    results = results_of(inspector, category)
    write_report(out, results, [])
    assert {path.name for path in out.iterdir()} == {"index.html", MARK}
    (out / "notes.html").write_text("mine")
    with pytest.raises(UsageError, match=r"found notes\.html in it; move it away first"):
        write_report(out, results, [])
    assert (out / "notes.html").read_text() == "mine"


def a_file(path):
    path.write_text("mine")


def a_link(path):
    path.symlink_to(path.with_name("elsewhere"), target_is_directory=True)


def a_foreign_folder(path):
    path.mkdir()
    (path / "index.html").write_text("mine")


def a_mark_that_lists_what_no_report_writes(path):
    path.mkdir()
    (path / MARK).write_text("../mine\nphoto.png\n")
    (path / "photo.png").write_text("mine")


@pytest.mark.parametrize("make", [a_file, a_link, a_foreign_folder, a_mark_that_lists_what_no_report_writes])
def test_what_is_no_report_is_never_replaced(tmp_path, make):
    out = tmp_path / "report"
    make(out)
    with pytest.raises(UsageError, match=r"expected (a new folder or one that holds|an older output alone)"):
        check_report_folder(out)


def test_a_failed_report_leaves_the_older_one(inspector, category, tmp_path):
    results = results_of(inspector, category)
    out = tmp_path / "report"
    before = write_report(out, results, []).read_bytes()
    (category / "test" / "block" / "000.png").unlink()
    with pytest.raises(FrameError, match=r"000\.png"):
        write_report(out, results, [])
    assert (out / "index.html").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".report")] == []
