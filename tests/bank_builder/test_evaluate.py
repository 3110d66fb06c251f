"""Evaluate: MVTec-style folders, complete or not."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

import goodpart.cli.main
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import UsageError
from goodpart.inspector import Inspector
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.costs import Costs
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.evaluation_log import category_lines
from small_parts import draw_defect, draw_good


def figures_of(inspector, folder):
    return evaluate_category(inspector, read_categories(folder)[0]).figures


def test_figures_are_those_of_scikit_learn_on_the_scores(inspector, category):
    figures = figures_of(inspector, category)
    frames = [draw_defect(500 + number) for number in range(5)] + [draw_good(500 + number) for number in range(6)]
    inspections = [inspector.inspect(frame) for frame in frames]
    assert figures.image_auroc == roc_auc_score([1] * 5 + [0] * 6, [inspection.score for inspection in inspections])
    maps = np.stack([inspection.calibrated_map() for inspection in inspections])
    masks = np.zeros(maps.shape, bool)
    masks[:5, 30:44, 40:52] = True
    assert figures.pixel_auroc == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()))
    assert figures.pixel_auprc == pytest.approx(average_precision_score(masks.ravel(), maps.ravel()), abs=1e-3)
    assert figures.pixel_best_f1 == pytest.approx(
        f1_score(masks.ravel(), maps.ravel() > figures.pixel_best_f1_threshold), abs=1e-9
    )
    assert 0 < figures.aupro_05 < figures.aupro_30 < 1
    assert (figures.train_images, figures.test_images, figures.good_images, figures.defective_images) == (24, 11, 6, 5)
    assert (figures.escapes.events, figures.escapes.of, figures.escape_rate) == (0, 5, 0.0)
    assert figures.false_rejects.of == 6
    assert figures.notes == ()


def test_several_images_at_a_time_give_the_same_figures(inspector, category):
    one, three = (evaluate_category(inspector, read_categories(category)[0], workers=count) for count in (1, 3))
    assert three.figures == one.figures
    assert three.images == one.images


def test_every_kind_of_defect_is_compared_with_all_good_images(inspector, category):
    for folder in ("test", "ground_truth"):
        (category / folder / "dot").mkdir()
        for path in sorted((category / folder / "block").iterdir())[:2]:
            path.rename(category / folder / "dot" / path.name)
    result = evaluate_category(inspector, read_categories(category)[0])
    assert list(result.figures.kinds) == ["block", "dot"]
    dot = result.figures.kinds["dot"]
    inspections = [
        inspector.inspect(draw(500 + number))
        for draw, count in ((draw_defect, 2), (draw_good, 6))
        for number in range(count)
    ]
    assert (dot.images, dot.escapes.of) == (2, 2)
    assert dot.image_auroc == roc_auc_score([1] * 2 + [0] * 6, [inspection.score for inspection in inspections])
    maps = np.stack([inspection.calibrated_map() for inspection in inspections])
    masks = np.zeros(maps.shape, bool)
    masks[:2, 30:44, 40:52] = True
    assert dot.pixel_auroc == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()))
    assert result.figures.kinds["block"].images == 3


def test_images_are_told_one_by_one(inspector, category):
    images = evaluate_category(inspector, read_categories(category)[0]).images
    assert [image.kind for image in images] == ["block"] * 5 + ["good"] * 6
    inspection = inspector.inspect(draw_defect(503))
    found = images[3]
    assert (found.path, found.is_defective) == (category / "test" / "block" / "003.png", True)
    assert found.mask == category / "ground_truth" / "block" / "003_mask.png"
    assert (found.score, found.p_value, found.verdict) == (inspection.score, inspection.p_value, inspection.verdict)


def test_an_image_that_cannot_be_judged_counts_as_rejected(inspector, category):
    before = figures_of(inspector, category)
    for kind in ("good", "block"):
        cv2.imwrite(str(category / "test" / kind / "100.png"), np.full((90, 70, 3), 77, np.uint8))
    after = figures_of(inspector, category)
    assert (after.false_rejects.events, after.false_rejects.of) == (before.false_rejects.events + 1, 7)
    assert (after.escapes.events, after.escapes.of) == (before.escapes.events, 6)
    # whatever the threshold: also the highest one does not accept them
    assert after.cost.costs[-1] == pytest.approx(0.99 * 1 / 7 + 0.01 * 10 * 5 / 6)
    note = next(
        note for note in after.notes if note.startswith("images that cannot be judged (UNKNOWN) count as rejected")
    )
    assert "rejected: 2: block/100.png (no signal: " in note
    assert "; good/100.png (no signal: " in note


def test_verdicts_and_costs_are_those_of_the_threshold_on_this_device(bundle, category):
    lowest = read_bundle(bundle).manifest.threshold_range.lowest
    assert goodpart.cli.main.main(["threshold", str(bundle), "--value", repr(lowest)]) == 0
    figures = figures_of(Inspector.load(bundle), category)
    assert figures.threshold == lowest
    images = evaluate_category(Inspector.load(bundle), read_categories(category)[0]).images
    assert figures.false_rejects.events == sum(each.score > lowest for each in images if not each.is_defective)
    assert figures.escape_rate == 0.0
    assert figures.cost.cost_at_threshold == pytest.approx(0.99 * figures.false_reject_rate)
    assert f"the threshold was moved on this device to {lowest:g}; the bundle's own is" in figures.notes[0]


def test_cost_is_that_of_the_rates(inspector, category):
    costs = Costs(escape_cost=3.0, defect_rate=0.2)
    figures = evaluate_category(inspector, read_categories(category)[0], costs=costs).figures
    assert (figures.cost.escape_cost, figures.cost.defect_rate) == (3.0, 0.2)
    assert figures.cost.cost_at_threshold == pytest.approx(
        0.8 * figures.false_rejects.value + 0.2 * 3.0 * figures.escapes.value
    )


def test_the_log_and_the_json_say_the_same(built_bundle, category, tmp_path, capsys):
    out = tmp_path / "metrics.json"
    assert main(["evaluate", str(built_bundle), "--data", str(category), "--json", str(out)]) == 0
    text = capsys.readouterr().out
    result = json.loads(out.read_text())
    row = result["categories"]["washer"]
    assert result["mean"]["image_auroc"] == row["image_auroc"]
    assert row["escapes"]["value"] == 0.0
    # the rates of unlike products are not averaged
    assert not {"escape_rate", "false_reject_rate"} & set(result["mean"])
    assert row["images"][0]["file"] == "test/block/000.png"
    assert {(image["kind"], image["verdict"]) for image in row["images"]} >= {("block", "DEFECT"), ("good", "GOOD")}
    assert all(0 < image["p_value"] <= 1 and isinstance(image["score"], float) for image in row["images"])
    assert row["kinds"]["block"]["image_auroc"] == row["image_auroc"]
    assert row["cost"]["escape_cost"] == 10.0
    assert "train 24, test 11 (6 good, 5 defective)" in text
    assert "bank (400, 64)" in text
    assert f"image AUROC {row['image_auroc']:.4f}" in text
    assert f"AUPRO to 0.30 {row['aupro_30']:.4f}" in text
    assert "escapes 0.0000 (0 of 5, 95 % interval 0.000 to 0.522)" in text
    assert text.index("never a promise") < text.index("best image F1") < text.index("least cost")
    assert "UNTRAINED" in text


def test_several_categories_are_matched_by_name_and_missing_bundles_named(built_bundle, category, tmp_path, capsys):
    root, bundles = category.parent, tmp_path / "bundles"
    shutil.copytree(category, root / "bolt")
    shutil.copytree(category, root / "nut")
    for name in ("bolt", "washer"):
        shutil.copytree(built_bundle, bundles / name)
    out = tmp_path / "metrics.json"
    assert main(["evaluate", str(bundles), "--data", str(root), "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert sorted(result["categories"]) == ["bolt", "washer"]
    assert result["missing"] == ["nut"]
    captured = capsys.readouterr()
    assert "no bundle for: nut" in captured.err
    assert "[mean of 2]" in captured.out


def refuse_json(built_bundle, category, target, capsys):
    assert main(["evaluate", str(built_bundle), "--data", str(category), "--json", str(target)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_a_json_target_is_tried_before_the_work(built_bundle, category, tmp_path, capsys):
    assert "found a folder" in refuse_json(built_bundle, category, tmp_path, capsys)
    (tmp_path / "file").write_text("x")
    assert "found none (Not a directory)" in refuse_json(built_bundle, category, tmp_path / "file" / "m.json", capsys)
    assert "expected a place" in refuse_json(built_bundle, category, tmp_path / f"{'m' * 300}.json", capsys)
    os.mkfifo(tmp_path / "pipe")
    assert "pipe" in refuse_json(built_bundle, category, tmp_path / "pipe", capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "file", "pipe"]


def test_a_json_target_in_a_new_folder_is_made_at_the_end(built_bundle, category, tmp_path):
    target = tmp_path / "new" / "folder" / "m.json"
    assert main(["evaluate", str(built_bundle), "--data", str(category), "--json", str(target)]) == 0
    assert list(json.loads(target.read_text())["categories"]) == ["washer"]


@pytest.mark.parametrize(("option", "text"), [("--escape-cost", "escape cost"), ("--defect-rate", "defect rate")])
def test_costs_that_cannot_be_are_usage_errors(built_bundle, category, capsys, option, text):
    assert main(["evaluate", str(built_bundle), "--data", str(category), option, "nan"]) == 2
    assert f"{text}: expected" in capsys.readouterr().err


def test_no_bundle_at_all_is_a_missing_bundle(category, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--data", str(category)]) == 3
    assert "named washer, found none" in capsys.readouterr().err


def test_a_category_without_defects_says_what_it_cannot_report(inspector, category):
    shutil.rmtree(category / "test" / "block")
    figures = figures_of(inspector, category)
    assert (figures.image_auroc, figures.image_auprc, figures.pixel_auroc, figures.escape_rate) == (None,) * 4
    assert (figures.image_best_f1, figures.pixel_best_f1, figures.aupro_30, figures.cost) == (None,) * 4
    assert figures.kinds == {}
    assert (figures.escapes.of, figures.escapes.low) == (0, None)
    assert figures.false_reject_rate is not None
    assert "no defective images" in figures.notes[0]


def test_a_category_without_good_test_images_says_so(inspector, category):
    shutil.rmtree(category / "test" / "good")
    figures = figures_of(inspector, category)
    assert figures.image_auroc is None
    assert figures.pixel_auroc is not None
    assert (figures.cost, figures.false_reject_rate) == (None, None)
    assert figures.kinds["block"].image_auroc is None
    assert figures.kinds["block"].aupro_30 is not None
    assert "no good images" in figures.notes[0]
    assert "\n".join(category_lines("washer", figures)).count("n/a") == 5


def test_a_category_without_masks_has_no_pixel_auroc(inspector, category):
    shutil.rmtree(category / "ground_truth")
    figures = figures_of(inspector, category)
    assert figures.pixel_auroc is None
    assert figures.image_auroc is not None
    assert figures.kinds["block"].pixel_auroc is None
    assert figures.notes == ("images without a mask do not count in pixel metrics: block",)


def test_any_other_folder_name_is_a_defect_kind(inspector, category):
    (category / "test" / "block").rename(category / "test" / "never heard of")
    assert figures_of(inspector, category).defective_images == 5


MAKE = {
    "nothing": lambda path: None,
    "empty": lambda path: path.mkdir(),
    "empty test": lambda path: (path / "test").mkdir(parents=True),
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_a_folder_that_is_no_category_is_a_usage_error(tmp_path, make):
    make(tmp_path / "odd")
    with pytest.raises(UsageError, match="odd"):
        read_categories(tmp_path / "odd")
