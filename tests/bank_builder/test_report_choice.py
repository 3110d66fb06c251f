"""Which escapes have pictures: some of every kind and of every part, and the page says how many have none."""

import dataclasses
from pathlib import Path

import pytest

from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.evaluate.figures import ImageResult
from goodpart_bank_builder.report.choice import MOST_WRONG, choose_images


def escape(kind: str, number: int, score: float, part: str | None = None) -> ImageResult:
    return ImageResult(
        path=Path(f"test/{kind}/{number:03}.png"),
        part=f"{kind}/{number if part is None else part}",
        kind=kind,
        is_defective=True,
        mask=None,
        score=score,
        p_value=0.5,
        verdict=Verdict.GOOD,
    )


def names(images) -> list[str]:
    return [f"{image.kind}/{image.path.stem}" for image in images]


def test_every_kind_has_its_two_lowest_escapes_before_others():
    low = [escape("crack", number, 0.1 + number / 100) for number in range(40)]
    high = [escape("fray", number, 2.0 + number / 100) for number in range(3)]
    chosen = choose_images([*low, *high]).escapes
    assert names(chosen.shown[:5]) == ["crack/000", "crack/001", "fray/000", "fray/001", "crack/002"]
    assert len(chosen.shown) == MOST_WRONG
    assert (len(chosen.listed), chosen.count) == (19, 43)
    assert sorted(names([*chosen.shown, *chosen.listed])) == sorted(names([*low, *high]))


def test_each_part_comes_once_before_any_comes_twice():
    images = [escape("crack", number, 0.1 + number / 100, part="a") for number in range(30)]
    images += [escape("crack", 30 + number, 1.0 + number / 100, part=f"b{number}") for number in range(5)]
    shown = choose_images(images).escapes.shown
    assert names(shown[:6]) == ["crack/000", *(f"crack/{30 + number:03}" for number in range(5))]
    assert names(shown[6:8]) == ["crack/001", "crack/002"]


@pytest.mark.parametrize("count", [3, MOST_WRONG + 6])
def test_the_page_says_how_many_have_no_picture(inspector, category, tmp_path, count):
    from goodpart_bank_builder.data.dataset import read_categories
    from goodpart_bank_builder.evaluate.evaluate import evaluate_category
    from goodpart_bank_builder.report.report import write_report

    result = evaluate_category(inspector, read_categories(category)[0])
    real = next(image.path for image in result.images if image.is_defective)
    folder = tmp_path / "test" / "block"
    folder.mkdir(parents=True)
    passed = []
    for number in range(count):
        (folder / f"{number:03}.png").write_bytes(real.read_bytes())
        passed.append(dataclasses.replace(escape("block", number, 0.1 * number), path=folder / f"{number:03}.png"))
    good = tuple(image for image in result.images if not image.is_defective)
    result = dataclasses.replace(result, images=(*good, *passed))
    page = write_report(tmp_path / "report", {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    said = f"{MOST_WRONG} of these {count} images have pictures here; 6 are listed by name only."
    assert (said in page) == (count > MOST_WRONG)
