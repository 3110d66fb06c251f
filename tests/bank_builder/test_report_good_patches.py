"""A report's strips: the hottest patch beside the good patches that it should look like; what the bank has learned."""

import base64
import dataclasses
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.facts.learned import Examination, OddImage
from goodpart.facts.spec import Roi
from goodpart.frames.images import read_image
from goodpart.inspector import Inspector
from goodpart.scoring.crops import crop
from goodpart.scoring.explanation import patch_box
from goodpart_bank_builder.build.build import BuildSettings, build_and_keep, build_bundle
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.data.good_folder import read_good_folder
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.held_out import HeldOut
from goodpart_bank_builder.report.choice import is_wrong
from goodpart_bank_builder.report.good_patches import PIECE_PX, GoodPatches
from goodpart_bank_builder.report.pictures import draw_pictures
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.text import with_options
from small_parts import draw_defect, draw_good

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1"
NO_PICTURES = "This bundle holds no small pictures of good parts"


def results(inspector, folder):
    """A good part among the defective ones and the other way round, at a threshold between the two kinds."""
    for kind, draw in (("good", draw_defect), ("block", draw_good)):
        cv2.imwrite(str(folder / "test" / kind / "odd.png"), draw(650)[:, :, ::-1])
    category = read_categories(folder)[0]
    scores = sorted(image.score for image in evaluate_category(inspector, category).images)
    inspector.threshold = inspector.pixel_threshold = scores[len(scores) // 2]
    return evaluate_category(inspector, category)


def page_of(inspector, result, out) -> str:
    text = write_report(out, {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", text)


def decoded(picture) -> np.ndarray:
    data = base64.b64decode(picture.address.split(",")[1])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1].astype(int)


def test_a_defective_or_wrong_image_has_a_strip_of_what_explain_names(built_bundle, category, tmp_path):
    with Inspector.load(built_bundle) as inspector:
        result = results(inspector, category)
        drawn = draw_pictures(inspector, list(result.images), doing="test")
        wrong = [image for image in result.images if is_wrong(image)]
        assert {image.is_defective for image in wrong} == {True, False}
        for image in result.images:
            strip = drawn[image.path].strip
            assert (strip is not None) == (image.is_defective or image in wrong)
            if strip is None:
                continue
            inspection = inspector.inspect(read_image(image.path, inspector.backbone.spec.frame))
            hottest = divmod(int(inspection.grid.argmax()), inspection.grid.shape[1])
            expected = inspection.explain([hottest])[0].nearest
            assert [(name, distance) for name, distance, _ in strip.nearest] == [
                (good.image, good.distance) for good in expected
            ]
        text = page_of(inspector, result, tmp_path / "report")
    for image in wrong:
        card = text.partition(f'alt="Photograph {image.kind}/{image.path.name}"')[2].partition("</figure>")[0]
        assert card.count('class="places"') == 1
        for name, distance, _ in drawn[image.path].strip.nearest:
            assert f"{name}, distance {distance:.3f}" in card
    assert NO_PICTURES not in text


def test_a_piece_shows_the_patch_itself(built_bundle, category):
    with Inspector.load(built_bundle) as inspector:
        image = next(each for each in results(inspector, category).images if each.is_defective)
        strip = draw_pictures(inspector, [image], doing="test")[image.path].strip
        frame = read_image(image.path, inspector.backbone.spec.frame)
        grid = inspector.inspect(frame).grid
    box = patch_box(
        *divmod(int(grid.argmax()), grid.shape[1]), grid.shape, Roi(y_px=0, x_px=0, height_px=90, width_px=70)
    )
    cut = crop(frame, box, context=3.0).picture
    found = decoded(strip.place)
    assert max(found.shape) <= PIECE_PX + 1
    back = cv2.resize(found.astype(np.uint8), cut.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int)
    # the box is drawn on it, so only the median is compared
    assert np.median(np.abs(back - cut)) < 6


@pytest.mark.parametrize("kind", ["format 1", "no thumbnails"])
def test_without_small_pictures_there_is_no_strip_and_one_sentence(good_dir, tiny_backbone, category, tmp_path, kind):
    if kind == "format 1":
        bundle = FORMAT_1
    else:
        bundle = tmp_path / "washer"
        build_bundle(
            BuildSettings(
                good_dir=good_dir, backbone=tiny_backbone, out=bundle, false_reject_rate=0.1, thumbnails=False
            )
        )
    with Inspector.load(bundle) as inspector:
        text = page_of(inspector, results(inspector, category), tmp_path / "report")
    assert 'class="places"' not in text
    assert text.count(NO_PICTURES) == 1
    assert (f"{NO_PICTURES}: it has format 1" in text) == (kind == "format 1")


def test_options_in_sentences_do_not_break():
    assert with_options("a <b> (--exclude): --smallest-defect-px N") == (
        "a &lt;b&gt; (<code>--exclude</code>): <code>--smallest-defect-px</code> N"
    )


def test_what_the_bank_has_learned_is_named_and_left_out_of_its_own_strip(good_dir, tiny_backbone, tmp_path):
    folder = Path(shutil.copytree(good_dir, tmp_path / "good"))
    cv2.imwrite(str(folder / "odd.png"), draw_defect(7)[:, :, ::-1])
    test = tmp_path / "washer" / "test"
    (test / "good").mkdir(parents=True)
    (test / "block").mkdir()
    shutil.copy(folder / "odd.png", test / "block" / "again.png")
    cv2.imwrite(str(test / "block" / "new.png"), draw_defect(8)[:, :, ::-1])
    cv2.imwrite(str(test / "good" / "new.png"), draw_good(700)[:, :, ::-1])
    shutil.copy(folder / "03.png", test / "good" / "same.png")
    build_bundle(BuildSettings(good_dir=folder, backbone=tiny_backbone, out=tmp_path / "b", false_reject_rate=0.1))
    with Inspector.load(tmp_path / "b") as inspector:
        inspector.threshold = inspector.pixel_threshold = -10.0  # all is a DEFECT: good ones are false rejects
        result = evaluate_category(inspector, read_categories(tmp_path / "washer")[0])
        drawn = draw_pictures(inspector, list(result.images), doing="test")
        text = page_of(inspector, result, tmp_path / "report")
    assert {(image.kind, image.path.name): drawn[image.path].learned for image in result.images} == {
        ("block", "again.png"): "odd.png", ("block", "new.png"): None,
        ("good", "new.png"): None, ("good", "same.png"): "03.png",
    }  # fmt: skip
    for image in result.images:
        strip = drawn[image.path].strip
        assert len(strip.nearest) == 3
        assert drawn[image.path].learned not in [name for name, _, _ in strip.nearest]
        assert min(distance for _, distance, _ in strip.nearest) > 0
    assert text.count("The bank has learned this very picture as a good part") == 2
    assert "(odd.png): it hides the defect." in text
    assert "(03.png): its score says nothing about new parts." in text


def test_held_out_images_have_pictures_and_a_strip_of_other_parts(good_dir, tiny_backbone, tmp_path):
    settings = BuildSettings(good_dir=good_dir, backbone=tiny_backbone, out=tmp_path / "b", false_reject_rate=0.2)
    _, learned = build_and_keep(settings)
    parts = read_good_folder(settings).parts
    with Inspector.load(tmp_path / "b") as inspector:
        held_out = HeldOut(
            inspector=inspector,
            distances=learned.held_out,
            sizes_px={path: (facts.height_px, facts.width_px) for path, facts in learned.frames.items()},
            ignored=learned.ignored,
            parts=parts,
            alone=learned.distances,
        )
        category = dataclasses.replace(_empty(), images=held_out.images())
        result = evaluate_category(inspector, category, held_out=held_out)
        wrong = [image for image in result.images if image.score > inspector.threshold]
        assert wrong
        drawn = draw_pictures(inspector, wrong, doing="test")
        text = page_of(inspector, result, tmp_path / "report")
    for image in wrong:
        shown = drawn[image.path]
        assert shown.close_up is None  # the strip begins with the same place
        # a bank without the part has said so, although the bundle has learned it
        assert shown.learned is None
        assert shown.seen.peak == image.held_out.grid.max()
        assert len(shown.strip.nearest) == 3
        assert image.path.name not in [name for name, _, _ in shown.strip.nearest]
    assert "The bank has learned this very picture" not in text


def _empty():
    from goodpart_bank_builder.data.dataset import Category

    return Category(name="washer", images=())


def test_suspicious_training_pictures_are_shown(built_bundle, category, tmp_path, monkeypatch):
    with Inspector.load(built_bundle) as inspector:
        odd = tuple(OddImage(name=name, score=9.5, findings=("outlier",)) for name in ("07.png", "gone.png"))
        manifest = inspector.bundle.manifest
        origin = dataclasses.replace(manifest.provenance, examination=Examination(look_at=2, images=odd, warning=None))
        bundle = dataclasses.replace(inspector.bundle, manifest=dataclasses.replace(manifest, provenance=origin))
        monkeypatch.setattr(Inspector, "bundle", property(lambda _: bundle))
        text = page_of(inspector, evaluate_category(inspector, read_categories(category)[0]), tmp_path / "report")
        picture = GoodPatches(inspector).thumbnail("07.png")
        with pytest.raises(UsageError):
            inspector.atlas.picture("gone.png")
    assert 'alt="Training picture 07.png"' in text
    assert 'alt="Training picture gone.png"' not in text
    assert "gone.png" in text
    assert max(picture.height_px, picture.width_px) == 96
