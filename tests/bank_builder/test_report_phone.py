"""The page on a phone: a caption belongs to the pictures below it, and long lists are folded away."""

import re
from pathlib import Path

import pytest

from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.words import WORDS

TEMPLATES = Path(__file__).parents[2] / "bank_builder" / "goodpart_bank_builder" / "report" / "templates"


@pytest.fixture
def page(inspector, category, tmp_path):
    result = evaluate_category(inspector, read_categories(category)[0])
    return write_report(tmp_path / "report", {"washer": (inspector, result)}, []).read_text(encoding="utf-8")


def test_a_caption_stands_above_its_pictures(page):
    cards = re.findall(r'<figure class="card".*?</figure>', page, re.DOTALL)
    assert cards
    for card in cards:
        assert card.index("<figcaption>") < card.index("<img ")
    painted = (TEMPLATES / "painted.html.j2").read_text()
    assert painted.index("<figcaption>") < painted.index("<img ")


def test_a_kind_shows_two_examples_and_folds_the_others(page):
    section = page[page.index('<section id="kinds">') : page.index('<section id="good">')]
    open_part = re.sub(r"<details>.*?</details>", "", section, flags=re.DOTALL)
    kinds = section.count("<h3>")
    assert open_part.count('<figure class="card"') <= 2 * kinds < section.count('<figure class="card"')
    assert re.search(r"<summary>\d more examples?</summary>", section)


def test_words_and_provenance_are_folded(page):
    for name in ("words", "provenance"):
        section = page[page.index(f'<section id="{name}">') :]
        section = section[: section.index("</section>")]
        assert "<details>" in section
        assert section.index("<details>") < section.index("<dl" if name == "words" else "<table")
    assert f"{len(WORDS)} words explained" in page
