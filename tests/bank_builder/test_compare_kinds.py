"""Compare works on bundles of other formats, sizes and kinds, and tells when labels say that nothing was random."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.facts.calibration import RateUnit
from goodpart.inspector import Inspector
from goodpart_bank_builder.build.build import build_bundle
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.compare.comparison import CompareSettings, compare
from goodpart_bank_builder.compare.decide import Reason, decide
from goodpart_bank_builder.compare.not_random import not_random
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.data.labelled_export import Drawn, Label, LabelledExport, LabelledFrame
from goodpart_bank_builder.data.settings import BuildSettings
from small_frames import draw_small
from small_network import small_backbone

FIXTURES = Path(__file__).parents[1] / "fixtures"
SETTINGS = CompareSettings(latency_frames=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """10 good and 10 defective bars."""
    folder = tmp_path_factory.mktemp("data")
    for number in range(20):
        path = folder / "test" / ("gap" if number % 2 else "good") / f"{number:02}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, draw_small(700 + number, defect=number % 2 == 1))
    return folder


def compared(old, new, data, settings=SETTINGS):
    with Inspector.load(old, threads=1) as one, Inspector.load(new, threads=1) as other:
        found = compare(one, other, read_categories(data)[0], data, settings)
    return found, decide(dataclasses.replace(found, new=dataclasses.replace(found.new, warning=None)), settings)


@pytest.mark.parametrize(("old", "new"), [("format_1", "format_2"), ("format_2", "format_1"), ("format_1", "format_1")])
def test_a_bundle_of_format_1(old, new, data, tmp_path, capsys):
    found, _ = compared(FIXTURES / old, FIXTURES / new, data)
    assert len(found.pairs) == 20
    assert found.area.old > 0.9 and found.area.new > 0.9
    assert found.effect is None
    sides = [word for word, name in (("OLD", old), ("NEW", new)) if name == "format_1"]
    assert [note.split()[0] for note in found.notes if "has format 1" in note] == sides
    arguments = ["compare", str(FIXTURES / old), str(FIXTURES / new), "--data", str(data), "--latency-frames", "2"]
    assert main([*arguments, "--report", str(tmp_path / "page"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["old"]["lists_images"] is (old == "format_2")
    assert (tmp_path / "page" / "index.html").exists()


def test_other_input_sizes_grids_and_profiles(good_dir, tiny_backbone, category, tmp_path, capsys):
    """Frames of 90x70: one network looks at 32x32 pixels, the other one at 64x48."""
    bundles = []
    for name, backbone in (("small", small_backbone(tmp_path / "small.onnx")), ("tiny", tiny_backbone)):
        settings = BuildSettings(
            good_dir=good_dir, backbone=backbone, out=tmp_path / name, name="washer", false_reject_rate=0.1
        )
        bundles.append(Path(build_bundle(settings).bundle))
    found, _ = compared(*bundles, category)
    assert len(found.pairs) == 11
    assert {"backbone.grid.rows", "backbone.profile.name"} <= {each.what for each in found.differences}
    assert found.speed.ratio > 0
    assert main(["compare", *map(str, bundles), "--data", str(category), "--report", str(tmp_path / "page")]) in (0, 1)
    assert "REFUSED" in capsys.readouterr().out


def test_a_bundle_with_a_head_and_one_without(data, tmp_path):
    small_backbone(tmp_path / "backbone.onnx", head=True)
    (tmp_path / "good").mkdir()
    for number in range(24):
        np.save(tmp_path / "good" / f"{number:02}.npy", draw_small(number))
    shutil.copytree(tmp_path / "good", tmp_path / "more")
    for number in range(24, 28):
        np.save(tmp_path / "more" / f"{number:02}.npy", draw_small(number))
    bundles = []
    for name, good, head in (("old", "good", 0.0), ("new", "more", 1.0)):
        settings = BuildSettings(
            good_dir=tmp_path / good, backbone=tmp_path / "backbone.onnx", out=tmp_path / name, name="bar",
            false_reject_rate=0.1, head=head,
        )  # fmt: skip
        build_bundle(settings)
        bundles.append(tmp_path / name)
    found, _ = compared(*bundles, data)
    assert len(found.added) == 4
    # the added images are looked at with the head, as the bundle scores
    assert found.effect is not None
    assert found.effect.area.new == found.area.new
    assert "head.alpha" in {each.what for each in found.differences}


def frame(image, number, **changes):
    facts = {"file": f"{number:02}.npy", "sha256": image, "label": Label.GOOD, "kept_for": "random", "by": None}
    return LabelledFrame(**{**facts, "at": f"2026-11-{number + 1:02}", **changes})


@pytest.fixture
def images():
    """The sha256 of what the fixture of format 2 has learned, in one batch."""
    return [image.sha256 for image in read_bundle(FIXTURES / "format_2").read_images().images]


def sentences(frames, **counts):
    good = sum(each.kept_for == "random" and each.label is Label.GOOD for each in frames)
    drawn = Drawn(**{"drawn": good, "good": good, "defect": 0, "unlabelled": 0, **counts})
    export = LabelledExport(drawn=drawn, frames=tuple(enumerate(frames, start=2)))
    return not_random(read_bundle(FIXTURES / "format_2"), export)


OTHER = ["ab" * 32, "cd" * 32]


def test_random_frames_that_are_all_there_are_random(images):
    frames = [frame(image, number) for number, image in enumerate(images[:10])]
    assert sentences(frames) == []
    # the data covers more time than the batch does, before and after it
    assert sentences([*frames, frame(OTHER[0], 20), frame(OTHER[1], 25, kept_for="near")]) == []
    # 5 % without a label are allowed, and nothing that NEW has not learned says anything of it
    assert sentences(frames, drawn=11, unlabelled=1)[0].startswith("1 of 11 random frames have no label")
    assert sentences([frame(OTHER[0], 1)], drawn=3, unlabelled=2) == []


def test_frames_that_were_kept_for_another_reason(images):
    frames = [frame(image, number, kept_for="near" if number < 4 else "random") for number, image in enumerate(images)]
    (sentence,) = sentences(frames)
    assert sentence == (
        "Batch 'start' of NEW sets the threshold as if picked at random, but 4 images were kept for another reason "
        "(near): 00.npy, 01.npy, 02.npy and 1 more"
    )


def test_random_frames_that_were_picked_out(images):
    frames = [frame(image, number) for number, image in enumerate(images[:10])]
    (sentence,) = sentences([*frames, frame(OTHER[0], 5, file="x.npy")])
    assert "'start' of NEW lacks 1 of the 11 random frames that were labelled good in its time: x.npy" in sentence
    (sentence,) = sentences(frames, drawn=12, good=12)
    assert sentence.startswith("The labels list 10 of 12 random frames that were labelled good")


def test_what_was_not_random_is_no_go_in_one_sentence_each(data):
    found, _ = compared(FIXTURES / "format_2", FIXTURES / "format_2", data)
    decision = decide(dataclasses.replace(found, not_random=("Batch 'a' is not",), new=plain(found)), SETTINGS)
    assert Reason.NOT_RANDOM in {each.reason for each in decision.against}
    assert "Batch 'a' is not." in [each.sentence for each in decision.against]


def plain(found):
    return dataclasses.replace(found.new, warning=None, carried_by=())


def test_the_command_reads_the_labels(images, tmp_path, capsys):
    """The export holds what NEW has learned in a batch that calibrates, though it was kept as near the threshold."""
    from goodpart_bank_builder.recipe.recipe import sha256_of

    small_backbone(tmp_path / "backbone.onnx", head=True)
    (tmp_path / "export").mkdir()
    lines = [json.dumps({"drawn": 0, "good": 0, "defect": 0, "unlabelled": 0})]
    for number in range(24):
        path = tmp_path / "export" / f"{number:02}.npy"
        np.save(path, draw_small(number, defect=number > 20))
        facts = {"file": path.name, "sha256": sha256_of(path), "label": "defect" if number > 20 else "good"}
        lines.append(json.dumps({**facts, "kept_for": "near", "at": "2026-11-27", "by": "a"}))
    shutil.copytree(tmp_path / "export", tmp_path / "good")
    for number in (19, 20, 21, 22, 23):
        (tmp_path / "good" / f"{number:02}.npy").unlink()
    (tmp_path / "export" / "labels.jsonl").write_text("\n".join(lines))
    settings = BuildSettings(
        good_dir=tmp_path / "good", backbone=tmp_path / "backbone.onnx", out=tmp_path / "bar", false_reject_rate=0.1,
        head=0.0,
    )  # fmt: skip
    build_bundle(settings)
    arguments = ["compare", str(FIXTURES / "format_2"), str(tmp_path / "bar"), "--data", str(tmp_path / "export")]
    assert main([*arguments, "--latency-frames", "0"]) == 1
    printed = capsys.readouterr().out
    assert "not random" in printed.splitlines()[0]
    assert "Batch 'start' of NEW sets the threshold as if picked at random, but 19 images were kept" in printed


@pytest.mark.parametrize("unit", RateUnit)
def test_the_promise_is_counted_in_its_own_unit(unit, tmp_path, data):
    small_backbone(tmp_path / "backbone.onnx", head=True)
    (tmp_path / "good").mkdir()
    for number in range(24):
        np.save(tmp_path / "good" / f"{number:02}.npy", draw_small(number))
    settings = BuildSettings(
        good_dir=tmp_path / "good", backbone=tmp_path / "backbone.onnx", out=tmp_path / "bar", false_reject_rate=0.1,
        head=0.0, rate_per=unit,
    )  # fmt: skip
    build_bundle(settings)
    with Inspector.load(tmp_path / "bar", threads=1) as one:
        found = compare(one, one, read_categories(data, group=r"^(\d)")[0], data, SETTINGS)
    assert (found.kept.unit, found.kept.of) == (unit, {RateUnit.IMAGE: 10, RateUnit.PART: 2}[unit])
    assert found.new.promised == 0.1
