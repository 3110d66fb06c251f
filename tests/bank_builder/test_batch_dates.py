"""`calibrates_since` takes older batches out of the calibration, not out of the bank; what each batch was good for."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.description import bundle_facts
from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod
from goodpart.facts.learned import first_day, is_before
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.parts import BatchRole, make_folds
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.recipe.recipe import read_recipe
from small_frames import draw_small
from small_network import small_backbone

OLD = {Path(f"/z/old/{number:03}.png"): f"{number:03}" for number in range(70)}
NEW = {Path(f"/a/new/{number:03}.png"): f"{number:03}" for number in range(60, 90)}
"""30 parts, of which the first 10 are known."""

SPLIT = CalibrationMethod.SPLIT
RECIPE = """[product]
name = "bar"
[backbone]
file = "backbone.onnx"
[[batch]]
name = "start"
images = "old"
taken = "2026-09"
[[batch]]
name = "line"
images = "new"
taken = "2026-11-03"
[calibration]
false_reject_rate = 0.1
calibrates_since = "2026-11"
[bank]
head = "off"
"""


def draw(folder, numbers):
    folder.mkdir()
    for number in numbers:
        np.save(folder / f"{number:02}.npy", draw_small(number))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    draw(folder / "old", range(20))
    draw(folder / "new", range(30, 42))
    draw(folder / "later", range(50, 53))
    small_backbone(folder / "backbone.onnx", head=True)
    (folder / "r.toml").write_text(RECIPE)
    return folder


@pytest.fixture
def product(drawn, tmp_path):
    return Path(shutil.copytree(drawn, tmp_path / "product"))


def build(product, code=0, text=None):
    if text is not None:
        (product / "r.toml").write_text(text)
    assert main(["build", str(product / "r.toml"), "--threads", "1"]) == code


def bundle(product):
    return read_bundle(product / "bundles" / "bar")


@pytest.mark.parametrize(
    ("taken", "since", "before"),
    [
        ("2026-10", "2026-11", True),
        ("2026-11", "2026-11", False),
        ("2026-11-30", "2026-11", False),
        # a month begins with its first day
        ("2026-11", "2026-11-02", True),
        ("2026-11-02", "2026-11-02", False),
        (None, "2026-11", False),
        ("2026-11", None, False),
    ],
)
def test_which_batches_are_too_old(taken, since, before):
    assert is_before(taken, since) is before


@pytest.mark.parametrize("date", ["2026", "2026-13", "2026-02-30", "20261101", "2026-W45-1", "2026-11-1", " 2026-11"])
def test_what_is_no_date(date):
    with pytest.raises(UsageError, match="expected a month or a day"):
        first_day(date)


def roles(old=True):
    return [BatchRole(images=tuple(OLD), is_old=old), BatchRole(images=tuple(NEW))]


@pytest.mark.parametrize("method", CalibrationMethod)
def test_old_images_are_never_scored_and_in_the_bank(method):
    folds = make_folds(OLD | NEW, LearnSettings(false_reject_rate=0.1, calibration=method), roles())
    scored = {path for fold in folds for path in fold.calibrating}
    assert scored and scored <= NEW.keys()
    banked = {path for fold in folds if fold.in_bank for path in fold.images}
    only_old = {path for path in OLD if int(path.stem) < 60}
    assert only_old <= banked
    parts = OLD | NEW
    assert method is not SPLIT or not {parts[path] for path in banked} & {parts[path] for path in scored}


def test_folds_stay_as_they_were_so_that_coresets_do():
    settings = LearnSettings(false_reject_rate=0.1)
    before, after = make_folds(OLD | NEW, settings, roles(old=False)), make_folds(OLD | NEW, settings, roles())
    for one, other in zip(before, after, strict=True):
        assert (one.name, one.number, one.images) == (other.name, other.number, other.images)


@pytest.mark.parametrize("method", CalibrationMethod)
def test_too_few_parts_are_left_for_the_rate(method):
    settings = LearnSettings(false_reject_rate=0.02, calibration=method, calibrates_since="2026-11")
    with pytest.raises(UsageError, match="calibrates_since = '2026-11' leaves 30 of 90 parts, an earlier one more"):
        make_folds(OLD | NEW, settings, roles())


def test_the_bundle_says_what_calibrated_it_and_is_reproduced(product, capsys):
    build(product)
    printed = capsys.readouterr().out
    assert "batches     start: 20 images, taken 2026-09; bank only, too old to set the threshold" in printed
    assert "            line: 12 images, taken 2026-11-03; sets the threshold" in printed
    assert "calibrates  on batches taken since 2026-11 alone: 12 held-out images" in printed
    made = bundle(product)
    assert len(made.calibration.scores) == 12
    numbers = np.unique(made.read_origins()[:, 0])
    assert {made.read_images().images[number].batch for number in numbers} == {"start", "line"}
    assert "start (20 images, in the bank only: taken 2026-09, before 2026-11)" in bundle_facts(made)["batches"]
    recipe = made.read_recipe()
    assert 'taken = "2026-09"' in recipe and 'calibrates_since = "2026-11"' in recipe
    archive = [str(product / "old"), str(product / "new")]
    assert main(["reproduce", str(product / "bundles" / "bar"), "--data", *archive, "--threads", "1"]) == 0


def test_compare_says_what_calibrates(product, capsys):
    build(product)
    shutil.copytree(product / "bundles" / "bar", product / "new_bar")
    build(product, text=RECIPE.replace('calibrates_since = "2026-11"\n', ""))
    for number in range(4):
        path = product / "data" / "test" / ("good" if number % 2 else "gap") / f"{number}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, draw_small(90 + number, defect=number % 2 == 0))
    arguments = ["compare", str(product / "bundles" / "bar"), str(product / "new_bar"), "--data", str(product / "data")]
    capsys.readouterr()
    assert main([*arguments, "--latency-frames", "0"]) == 1
    printed = capsys.readouterr().out
    note = "NEW calibrates on batches taken since 2026-11 alone: 12 of the 32 images that were picked at random"
    assert note in printed
    assert "differs: provenance.calibrates_since: none -> 2026-11" in printed


def test_without_it_no_byte_says_anything_of_dates(product):
    build(product, text=RECIPE.replace('calibrates_since = "2026-11"\n', "").replace('taken = "2026-09"\n', ""))
    plain = (product / "bundles" / "bar" / "manifest.json").read_text()
    assert "calibrates_since" not in plain
    assert plain.count('"taken"') == 1
    assert len(bundle(product).calibration.scores) == 32


def test_a_batch_without_a_date_is_refused_with_its_line(product, capsys):
    build(product, code=2, text=RECIPE.replace('taken = "2026-09"\n', ""))
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"{product / 'r.toml'}:5: expected the key 'taken' in batch 'start'" in error
    # one that never calibrates needs none
    build(product, text=RECIPE.replace('taken = "2026-09"\n', "calibrates = false\n"))


def test_an_update_needs_a_date_where_dates_decide(product, capsys):
    arguments = ["update", str(product / "r.toml"), "--good", str(product / "later")]
    assert main(arguments) == 2
    assert "--taken: expected the month of the oldest image" in capsys.readouterr().err.splitlines()[-1]
    with pytest.raises(SystemExit):
        main([*arguments, "--taken", "last month"])
    assert "argument --taken: expected a month or a day" in capsys.readouterr().err.splitlines()[-1]
    assert main([*arguments, "--taken", "2026-12"]) == 0
    assert read_recipe(product / "r.toml").settings.batches[2].taken == "2026-12"
    assert len(bundle(product).calibration.scores) == 15


@pytest.mark.parametrize(
    ("times", "taken"),
    [
        (("2026-12-02T07:00:00Z", "2026-12-01T23:59:59.1+01:00", "2026-12-05"), "2026-12-01"),
        (("2026-12-02", "now", "2026-12-05"), None),
    ],
)
def test_labels_give_the_day_of_the_earliest_one(product, times, taken):
    from goodpart_bank_builder.life.labels import sort_labelled
    from goodpart_bank_builder.recipe.recipe import sha256_of

    lines = [json.dumps({"drawn": 3, "good": 3, "defect": 0, "unlabelled": 0})]
    for path, at in zip(sorted((product / "later").glob("*.npy")), times, strict=True):
        facts = {"file": path.name, "sha256": sha256_of(path), "label": "good", "kept_for": "random", "by": None}
        lines.append(json.dumps({**facts, "at": at}))
    (product / "later" / "labels.jsonl").write_text("\n".join(lines))
    assert sort_labelled(product / "later").taken == taken
    code = 0 if taken else 2
    assert main(["update", str(product / "r.toml"), "--good", str(product / "later")]) == code
    assert code or read_recipe(product / "r.toml").settings.batches[2].taken == taken


def test_patches_that_a_batch_brought(product, capsys):
    """A batch of hardly changed pictures brings nothing new; the other one does."""
    (product / "copies").mkdir()
    for path in (product / "old").iterdir():
        frame = np.load(path)
        frame[0, 0, 0] ^= 1
        np.save(product / "copies" / path.name, frame)
    greedy = RECIPE.replace('name = "line"\nimages = "new"', 'name = "copies"\nimages = "copies"')
    assert main(["build", str(product / "r.toml"), "--json"]) == 0
    line = json.loads(capsys.readouterr().out)["batches"][1]
    (product / "r.toml").write_text(greedy)
    assert main(["build", str(product / "r.toml"), "--json"]) == 0
    copies = json.loads(capsys.readouterr().out)["batches"][1]
    assert copies["patches"] == 20 * 64
    assert (copies["new_patches"], copies["is_needed"]) == (0, False)
    assert (line["new_patches"] > 5, line["is_needed"]) == (True, True)
    build(product)
    printed = capsys.readouterr().out
    assert "            0 of 1,280 new patches were new" in printed
    assert "            copies is not needed for the bank; it sharpens the threshold" in printed


def test_images_that_a_split_leaves_out_are_named(product, capsys):
    """Selected images of parts that calibrate are neither scored nor in the bank; the user is told which."""
    (product / "near").mkdir()
    for number in range(6):
        np.save(product / "near" / f"{number:02}.npy", draw_small(70 + number))
    text = RECIPE.replace('calibrates_since = "2026-11"', 'method = "split"').replace(
        "[calibration]", "[parts]\ngroup = '(\\d+)'\n[calibration]"
    )
    text = text.replace('name = "line"\nimages = "new"', 'name = "near"\nimages = "near"\ncalibrates = false')
    build(product, text=text)
    printed = capsys.readouterr().out
    images = bundle(product).read_images().images
    learned = {image.name for image in images if image.batch == "near"}
    out = sorted({f"near/{number:02}.npy" for number in range(6)} - learned)
    assert 0 < len(out) < 6
    stays = "stays" if len(out) == 1 else "stay"
    assert (
        f"{len(out)} of them {stays} out of bank and threshold, because their parts calibrate by the split" in printed
    )
    assert ": " + ", ".join(out[:5]) in printed
    assert f"near: {6 - len(out)} images, taken 2026-11-03; bank only" in printed
    assert main(["update", str(product / "r.toml"), "--good", str(product / "later"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["build"]["batches"]
    assert facts[1]["left_out"] == out
