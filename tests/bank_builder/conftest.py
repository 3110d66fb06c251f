"""What tests of the bank builder share: a small category to evaluate on, and charts that were drawn before."""

import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

import cv2
import numpy as np
import pytest

from goodpart_bank_builder.report import report
from small_parts import draw_defect, draw_good


@pytest.fixture
def category(tmp_path: Path) -> Path:
    """A category with 6 good and 5 defective test images, and masks."""
    folder = tmp_path / "data" / "washer"
    for kind, draw in (("good", draw_good), ("block", draw_defect)):
        (folder / "test" / kind).mkdir(parents=True)
        for index in range(6 if kind == "good" else 5):
            cv2.imwrite(str(folder / "test" / kind / f"{index:03}.png"), draw(500 + index)[:, :, ::-1])
    (folder / "ground_truth" / "block").mkdir(parents=True)
    mask = np.zeros((90, 70), np.uint8)
    mask[30:44, 40:52] = 255
    for index in range(5):
        cv2.imwrite(str(folder / "ground_truth" / "block" / f"{index:03}_mask.png"), mask)
    return folder


@pytest.fixture
def bad_dir(tmp_path: Path) -> Path:
    """Ten defective washers of two kinds; the first has a mask beside it."""
    folder = tmp_path / "photos" / "ng"
    for index in range(10):
        file = folder / ("block" if index % 2 else "dent") / f"{index:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), draw_defect(900 + index)[:, :, ::-1])
    mask = np.zeros((90, 70), np.uint8)
    mask[30:44, 40:52] = 255
    cv2.imwrite(str(folder / "dent" / "00_mask.png"), mask)
    return folder


CHARTS: dict[tuple[str, bytes], str | None] = {}


@pytest.fixture(scope="module", autouse=True)
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, bytes], str | None]]:
    """Draws equal charts once: a page has four, which take most of its time, and many tests write a page.

    Gives the charts by all that they are drawn from; a test that must see them drawn again clears them.
    """
    temporary = tmp_path_factory.getbasetemp()

    class AllThatIsDrawn(pickle.Pickler):
        """Everything that a chart gets, but not in which test's folder the images lie."""

        def persistent_id(self, part: object) -> tuple[str, ...] | None:
            if not isinstance(part, PurePath):
                return None
            return part.relative_to(temporary).parts[1:] if part.is_relative_to(temporary) else part.parts

    def once(draw: Callable[..., str | None]) -> Callable[..., str | None]:
        def chart(*args: object, **named: object) -> str | None:
            drawn_from = io.BytesIO()
            pickler = AllThatIsDrawn(drawn_from)
            pickler.fast = True  # equal values give equal bytes, also where they are not the same object
            pickler.dump((args, named))
            key = draw.__name__, drawn_from.getvalue()
            if key not in CHARTS:
                CHARTS[key] = draw(*args, **named)
            return CHARTS[key]

        return chart

    with pytest.MonkeyPatch.context() as patch:
        for name in ("score_chart", "roc_chart", "precision_recall_chart", "cost_chart"):
            patch.setattr(report, name, once(getattr(report, name)))
        yield CHARTS
