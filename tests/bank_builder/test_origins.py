"""Where every bank vector comes from: its source goes through chunks and merges, whatever images are called."""

import dataclasses
import os
import shutil

import cv2
import numpy as np
import pytest

from goodpart._host.strict_json import encode
from goodpart.bundle.bundle import read_bundle
from goodpart.facts.profile import CoresetMethod
from goodpart.frames.images import read_image
from goodpart.inspector import Inspector
from goodpart_bank_builder import BuildSettings, build_bundle
from goodpart_bank_builder.build.provenance import shown
from goodpart_bank_builder.learn import learn
from goodpart_bank_builder.learn.coreset import Chooser
from small_parts import TINY, draw_blotched


def build(good, backbone, out, **settings):
    rate = settings.pop("false_reject_rate", 0.1)
    build_bundle(BuildSettings(good_dir=good, backbone=backbone, out=out, false_reject_rate=rate, **settings))
    return out


def unlike(bundle, good):
    """The vectors that are not the embedding of the image and patch that their origins name."""
    read = read_bundle(bundle)
    origins, (vectors, _), images = read.read_origins(), read.read_bank(), read.read_images().images
    with Inspector.load(bundle, threads=1) as inspector:
        spec = inspector.backbone.spec
        embeddings = np.stack([inspector.backbone.embed(read_image(good / image.name, spec.frame)) for image in images])
    found = embeddings[origins[:, 0], origins[:, 1] * spec.grid.columns + origins[:, 2]]
    return np.flatnonzero((found != vectors).any(axis=1))


@pytest.mark.parametrize("coreset", CoresetMethod)
def test_vectors_come_from_where_their_origins_say_over_many_chunks(
    good_dir, export_tiny, tmp_path, monkeypatch, coreset
):
    monkeypatch.setattr(learn, "_CHUNK_BYTES", 2 * 192 * 64 * 4)
    backbone = export_tiny(profile=dataclasses.replace(TINY, coreset=coreset))
    assert unlike(build(good_dir, backbone, tmp_path / "washer", threads=2), good_dir).size == 0


def test_with_a_mask_and_a_split_too(good_dir, tiny_backbone, tmp_path, ignore_mask):
    from goodpart.facts.calibration import CalibrationMethod

    out = build(
        good_dir, tiny_backbone, tmp_path / "washer", ignore=ignore_mask, calibration=CalibrationMethod.SPLIT,
        false_reject_rate=0.2,
    )  # fmt: skip
    assert unlike(out, good_dir).size == 0
    assert read_bundle(out).read_origins()[:, 1].max() < 7


def test_of_identical_vectors_the_kept_one_is_named():
    rng = np.random.default_rng(0)
    distinct = rng.normal(size=(5, 8)).astype(np.float32)
    rows = distinct[[3, 1, 1, 0, 2, 4, 0, 3]] / np.linalg.norm(distinct[0])
    for method in CoresetMethod:
        chooser = Chooser(method, size=100, seed=0)
        halves = [
            chooser.of(rows[:4], place=(1, 0, 0), origins=np.arange(100, 104)),
            chooser.of(rows[4:], place=(1, 0, 4), origins=np.arange(104, 108)),
        ]
        merged = chooser.merged(halves, name="the bank")
        np.testing.assert_array_equal(merged.vectors, rows[merged.origins - 100])
        assert len(set(merged.origins.tolist())) == 5


def test_origins_decide_nothing():
    rows = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    for method in CoresetMethod:
        named, plain = (
            Chooser(method, size=50, seed=0).of(rows, place=(1, 0, 0), origins=origins)
            for origins in (np.random.default_rng(1).permutation(500), None)
        )
        np.testing.assert_array_equal(named.vectors, plain.vectors)


def test_the_same_images_give_the_same_bytes_and_threads_do_not_matter(good_dir, tiny_backbone, tmp_path):
    one, other = (
        build(good_dir, tiny_backbone, tmp_path / name / "washer", threads=n) for name, n in (("a", 1), ("b", 3))
    )
    for name in ("images.json", "origins.npy", "manifest.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


ODD_NAMES = ["new\nline.png", "back\\slash.png", "\u202egnp.png", os.fsdecode(b"latin-\xe9.png"), "ein/Prüfstück.png"]


def test_images_of_any_name_are_listed_under_names_that_can_be_printed(good_dir, tiny_backbone, tmp_path):
    good = shutil.copytree(good_dir, tmp_path / "good")
    (good / "ein").mkdir()
    for number, name in enumerate(ODD_NAMES):
        shutil.move(good / f"{number:02}.png", good / name)
    images = read_bundle(build(good, tiny_backbone, tmp_path / "washer")).read_images().images
    names = [image.name for image in images]
    assert {"new\\x0aline.png".replace("x0a", "n"), "back\\\\slash.png", "\\u202egnp.png", "latin-\\udce9.png"} <= set(
        names
    )
    assert "ein/Prüfstück.png" in names
    assert len(set(names)) == 24


def test_shown_names_stay_different_and_plain_ones_stay_as_they_are():
    names = ["a\nb", "a\\nb", "a\\x0ab", "a\0b", "a\\x00b", "ab", "a b", "é"]
    assert len({shown(name) for name in names}) == len(names)
    assert [shown(name) for name in ("a b/ü.png", "00.png")] == ["a b/ü.png", "00.png"]


def test_the_parts_of_a_group_pattern_are_listed(good_dir, tiny_backbone, tmp_path):
    out = build(good_dir, tiny_backbone, tmp_path / "washer", group=r"(\d)(\d)", group_gap=1, false_reject_rate=0.4)
    images = read_bundle(out).read_images().images
    assert [image.part for image in images] == ["0\\x000"] * 10 + ["1\\x000"] * 10 + ["2\\x000"] * 4


def test_the_warning_and_the_odd_images_go_into_the_manifest_without_a_path(tiny_backbone, tmp_path):
    good = tmp_path / "good"
    (good / "odd").mkdir(parents=True)
    for seed in range(25):
        cv2.imwrite(str(good / f"{seed:02}.png"), draw_blotched(seed, levels=9.0))
    frame = draw_blotched(99, levels=9.0)
    frame[30:44, 40:52] = (255, 0, 255)
    cv2.imwrite(str(good / "odd" / "defect.png"), frame)
    out = build(good, tiny_backbone, tmp_path / "washer", false_reject_rate=0.05)
    bundle = read_bundle(out)
    examination, threshold = bundle.manifest.provenance.examination, bundle.calibration.threshold
    assert examination.warning.images == ("odd/defect.png",)
    assert examination.warning.threshold == threshold > 1.2 * examination.warning.threshold_without
    [odd] = examination.images
    assert (odd.name, odd.findings, examination.look_at) == ("odd/defect.png", ("outlier",), 1)
    assert odd.score == pytest.approx(max(bundle.calibration.scores))
    assert bundle.manifest.provenance.excluded_images == 0
    assert str(tmp_path).encode() not in encode(bundle.manifest) + (out / "images.json").read_bytes()
