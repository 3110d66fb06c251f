"""Training pictures in a report: the picture itself, why it is listed, and how many are above the threshold."""

import dataclasses
import re
import shutil
from pathlib import Path

import cv2
import pytest

from goodpart.facts.learned import Examination, OddImage
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.good_patches import GoodPatches
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.training import _without_part as without_part
from goodpart_bank_builder.report.training import doctor_command, look_at_training


@pytest.fixture
def evaluated(inspector, category):
    return evaluate_category(inspector, read_categories(category)[0])


@pytest.fixture
def listed(inspector, monkeypatch):
    """Makes the bundle list one of its images; returns its name."""
    images = inspector.bundle.read_images()
    assert images is not None
    name = images.images[3].name

    def list_it(score, *findings):
        odd = OddImage(name=name, score=score, findings=findings)
        manifest = inspector.bundle.manifest
        origin = dataclasses.replace(
            manifest.provenance, examination=Examination(look_at=1, images=(odd,), warning=None)
        )
        bundle = dataclasses.replace(inspector.bundle, manifest=dataclasses.replace(manifest, provenance=origin))
        monkeypatch.setattr(Inspector, "bundle", property(lambda _: bundle))
        return name

    return list_it


def suspect(inspector, result):
    (found,) = look_at_training(inspector, result, GoodPatches(inspector)).suspects
    return found


def page_of(inspector, result, out) -> str:
    text = write_report(out, {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    section = re.search(r'<section id="training">(.*?)</section>', text, re.DOTALL)
    assert section is not None
    return re.sub(r"\s+", " ", section.group(1))


def test_the_file_itself_is_shown_where_the_data_set_has_it(inspector, evaluated, listed, category, good_dir):
    name = listed(9.0, "outlier")
    monkeyed = GoodPatches(inspector)
    small = monkeyed.thumbnail(name)
    (category / "train" / "good" / name).parent.mkdir(parents=True)
    shutil.copy(good_dir / name, category / "train" / "good" / name)
    shown = suspect(inspector, evaluated)
    assert max(shown.picture.height_px, shown.picture.width_px) == 400
    assert (shown.heat_map.height_px, shown.heat_map.width_px) == (shown.picture.height_px, shown.picture.width_px)
    # another file of this name is not the picture that was learned
    picture = cv2.imread(str(good_dir / name))
    cv2.imwrite(str(category / "train" / "good" / name), 255 - picture)
    assert suspect(inspector, evaluated).picture == small
    assert suspect(inspector, evaluated).heat_map is None


def test_a_click_enlarges_picture_and_heat_map(inspector, evaluated, listed, category, good_dir, tmp_path):
    name = listed(9.0, "outlier")
    (category / "train" / "good" / name).parent.mkdir(parents=True)
    shutil.copy(good_dir / name, category / "train" / "good" / name)
    text = page_of(inspector, evaluated, tmp_path / "report")
    for alt in (f"Training picture {name}", f"Heat map of training picture {name}"):
        assert re.search(rf'<label><input type="checkbox" autocomplete="off"><img [^>]*alt="{alt}"></label>', text)


def test_the_heat_map_shows_what_a_bank_without_the_part_says(inspector, evaluated, good_dir):
    learned = inspector.bundle.read_images().images[3]
    frame = cv2.imread(str(good_dir / learned.name))[:, :, ::-1].copy()
    without = without_part(inspector, good_dir / learned.name, frame, learned.part)
    # the bank that holds the very patches sees nothing in them
    assert without.score > inspector.inspect(frame).score
    assert without.grid.shape == inspector.inspect(frame).grid.shape


def test_without_any_picture_the_page_says_how_to_get_it(inspector, evaluated, listed, tmp_path, monkeypatch):
    monkeypatch.setattr(GoodPatches, "thumbnail", lambda *_: None)
    name = listed(9.0, "blur")
    text = page_of(inspector, evaluated, tmp_path / "report")
    assert name in text
    assert "not at hand" in text
    assert "goodpart-bank doctor GOOD_DIR" in re.sub("<[^>]*>", "", text)
    assert "BUNDLE/backbone.onnx" in text
    assert str(inspector.bundle.folder.parent) not in text


def test_the_command_names_the_folder_as_it_was_given(tmp_path):
    said = doctor_command(Path("bundles/my bottle"))
    assert said.startswith("`goodpart-bank doctor GOOD_DIR --backbone 'bundles/my bottle/backbone.onnx' --report DIR`")
    assert "BUNDLE" not in said
    absolute = doctor_command(tmp_path)
    assert str(tmp_path) not in absolute
    assert "--backbone BUNDLE/backbone.onnx" in absolute
    assert absolute.endswith("BUNDLE this bundle's folder")


@pytest.mark.parametrize(
    ("above", "findings", "why"),
    [
        (1.0, ["outlier"], "unlike the other good parts"),
        (-1.0, ["outlier"], "unlike the other good parts: below the threshold, but far above most good parts"),
        (-1.0, ["blur"], "more blurred than the others: listed for this alone, its score lies below the threshold"),
        (None, ["unreadable"], "cannot be read"),
    ],
)
def test_the_reason_fits_the_score(inspector, evaluated, listed, above, findings, why):
    listed(None if above is None else inspector.calibration.threshold + above, *findings)
    assert suspect(inspector, evaluated).why == why


def test_good_parts_above_the_threshold_are_counted_though_none_stands_out(inspector, evaluated, tmp_path):
    calibration = inspector.calibration
    above = sum(score > calibration.threshold for score in calibration.scores)
    assert above
    text = page_of(inspector, evaluated, tmp_path / "report")
    assert f"{above} of the {len(calibration.scores)} good images that were held out" in text
    assert "false-rejects" not in text


def test_held_out_images_of_the_build_are_named_where_the_page_shows_them(inspector, evaluated, tmp_path):
    good = next(image for image in evaluated.images if not image.is_defective)
    held_out = inspector.inspect(cv2.imread(str(good.path))[:, :, ::-1].copy())
    high = dataclasses.replace(held_out, score=inspector.threshold + 1.0)
    images = [
        dataclasses.replace(image, held_out=high, score=high.score, verdict=Verdict.DEFECT) if image is good else image
        for image in evaluated.images
    ]
    figures = evaluate_like(evaluated, images)
    text = page_of(inspector, dataclasses.replace(evaluated, images=tuple(images), figures=figures), tmp_path / "r")
    assert re.search(rf'href="#image-\d+">{good.path.name}</a> <span class="quiet">{high.score:.2f}<', text)


def evaluate_like(result, images):
    from goodpart_bank_builder.evaluate.by_part import rates_per

    rates = rates_per(images, result.figures.rate_unit)
    return dataclasses.replace(result.figures, false_rejects=rates.false_rejects)
