"""Learning: every part is scored by a bank that does not know it, in whatever pieces the images come."""

import dataclasses
import weakref

import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod
from goodpart.facts.profile import CoresetMethod
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart.scoring.scores import image_score
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from goodpart_bank_builder.data.parts import group_parts, make_folds
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn import embed
from goodpart_bank_builder.learn import learn as learn_module
from goodpart_bank_builder.learn.learn import learn
from small_parts import RGB, TINY

CROSS, SPLIT = CalibrationMethod.CROSS_CONFORMAL, CalibrationMethod.SPLIT
ONE_IMAGE_BYTES = 192 * 64 * 4
PAIRS = r"^(.)"
"""Groups 00.png to 23.png by their first digit: three parts."""


@pytest.fixture(scope="module")
def whole(export_tiny):
    """A backbone whose bank takes every patch, so that everything can be computed by hand."""
    return Backbone.load(export_tiny(profile=dataclasses.replace(TINY, bank_vectors=10_000)))


@pytest.fixture(scope="module")
def embedded(whole, good_dir):
    return {path: whole.embed(read_image(path, RGB)) for path in find_images(good_dir)}


def learned(backbone, good_dir, *, method=CROSS, group=None, rate=0.5, seed=0, **options):
    parts = group_parts(find_images(good_dir), good_dir, pattern=group)
    settings = LearnSettings(calibration=method, false_reject_rate=rate, seed=seed, **options)
    folds = make_folds(parts, settings)
    return learn(backbone, parts, folds, settings), folds


def brute_force(embeddings, others):
    """Mean cosine distance to the three nearest of `others`, in float64."""
    vectors = np.concatenate(others).astype(np.float64)
    return np.sort(1.0 - embeddings.astype(np.float64) @ vectors.T, axis=1)[:, :3].mean(axis=1)


@pytest.mark.parametrize("group", [None, PAIRS])
def test_a_part_is_scored_by_all_parts_of_the_other_folds_and_no_image_of_its_own(whole, embedded, good_dir, group):
    found, folds = learned(whole, good_dir, group=group)
    assert list(found.held_out) == [path for fold in folds for path in fold.images]
    for fold in folds:
        others = [embeddings for path, embeddings in embedded.items() if path not in fold.images]
        for path in fold.images[:2]:
            np.testing.assert_allclose(found.held_out[path], brute_force(embedded[path], others), atol=1e-6)
    assert len(found.bank.vectors) == 24 * 192  # and in the end all are in the bank
    assert (found.parts, found.patches) == (24 if group is None else 3, 24 * 192)


def test_a_split_scores_its_own_parts_alone_and_never_learns_them(whole, embedded, good_dir):
    found, (bank, calibration) = learned(whole, good_dir, method=SPLIT, rate=0.1)
    assert list(found.held_out) == list(calibration.images)
    assert len(found.calibration.scores) == 9
    others = [embedded[path] for path in bank.images]
    for path in calibration.images[:3]:
        np.testing.assert_allclose(found.held_out[path], brute_force(embedded[path], others), atol=1e-6)
    assert len(found.bank.vectors) == found.patches == 15 * 192
    kept = {vector.tobytes() for vector in found.bank.vectors}
    assert not any(vector.tobytes() in kept for path in calibration.images for vector in embedded[path])
    assert set(found.images) == {*bank.images, *calibration.images}


def test_the_order_of_scores_is_that_of_the_held_out_images(whole, good_dir):
    found, _ = learned(whole, good_dir)
    expected = [image_score(distances, TINY.top_k(192)) for distances in found.held_out.values()]
    assert found.worst == pytest.approx(expected)
    scores = (np.sort(expected) - found.calibration.mean) / found.calibration.std
    np.testing.assert_allclose(found.calibration.scores, scores)


def test_held_out_scores_are_means_of_the_share_of_patches_that_count(whole, good_dir, ignore_mask):
    """4 / 192 of 84 patches are two, and an Inspector takes as many."""
    found, _ = learned(whole, good_dir, ignore=ignore_mask)
    assert {len(distances) for distances in found.held_out.values()} == {7 * 12}
    raw = np.sort([np.sort(distances)[-2:].mean() for distances in found.held_out.values()])
    np.testing.assert_allclose(found.calibration.scores, (raw - found.calibration.mean) / found.calibration.std)


def test_queries_are_held_out_embeddings_of_every_part_of_the_frame(whole, embedded, good_dir):
    found, _ = learned(whole, good_dir)
    every = {vector.tobytes() for embeddings in embedded.values() for vector in embeddings}
    assert {vector.tobytes() for vector in found.queries} <= every
    assert 500 < len(found.queries) < 2000


def test_a_fold_without_a_readable_image_is_no_matter(whole, good_dir, tmp_path):
    """Of 5 parts every fold holds one, and one of them is broken."""
    folder = tmp_path / "few"
    folder.mkdir()
    for path in find_images(good_dir)[:5]:
        (folder / path.name).write_bytes(path.read_bytes() if path.name != "02.png" else b"not a picture")
    found, folds = learned(whole, folder, skip_unreadable=True)
    assert [len(fold.images) for fold in folds] == [1] * 5
    assert (len(found.unreadable), len(found.images), len(found.held_out), found.parts) == (1, 4, 4, 4)
    assert len(found.bank.vectors) == 4 * 192


@pytest.mark.parametrize("method", CalibrationMethod)
def test_too_few_readable_images_are_refused(whole, good_dir, tmp_path, method):
    folder = tmp_path / "one"
    folder.mkdir()
    for path in find_images(good_dir)[:6]:
        (folder / path.name).write_bytes(b"not a picture" if path.name != "03.png" else path.read_bytes())
    with pytest.raises(UsageError, match=r"expected readable images"):
        learned(whole, folder, method=method, skip_unreadable=True)


def test_parts_that_cannot_be_read_support_no_rate(whole, good_dir, tmp_path):
    folder = tmp_path / "some"
    folder.mkdir()
    for index, path in enumerate(find_images(good_dir)[:10]):
        (folder / path.name).write_bytes(path.read_bytes() if index else b"not a picture")
    with pytest.raises(UsageError, match=r"9 held-out good parts support no rate below 0\.1"):
        learned(whole, folder, rate=0.095, skip_unreadable=True)


def files_of(bundle):
    return {path.relative_to(bundle): path.read_bytes() for path in bundle.rglob("*") if path.is_file()}


def build(good_dir, backbone, out):
    build_bundle(BuildSettings(good_dir=good_dir, backbone=backbone, out=out, false_reject_rate=0.1))
    return files_of(out)


@pytest.fixture(scope="module")
def greedy_backbone(export_tiny):
    return export_tiny(profile=dataclasses.replace(TINY, coreset=CoresetMethod.GREEDY))


@pytest.mark.parametrize("method", CoresetMethod)
def test_how_many_embeddings_are_kept_in_memory_changes_no_byte(
    good_dir, tiny_backbone, greedy_backbone, tmp_path, monkeypatch, method
):
    backbone = tiny_backbone if method is CoresetMethod.RANDOM else greedy_backbone
    expected = build(good_dir, backbone, tmp_path / "washer")
    for index, kept_bytes in enumerate([0, 7 * ONE_IMAGE_BYTES]):
        monkeypatch.setattr(embed, "KEPT_BYTES", kept_bytes)
        assert build(good_dir, backbone, tmp_path / str(index) / "washer") == expected


@pytest.mark.parametrize("chunk_bytes", [1, 2 * ONE_IMAGE_BYTES])
def test_the_size_of_chunks_changes_no_byte_of_a_random_bank(
    good_dir, tiny_backbone, built_bundle, tmp_path, monkeypatch, chunk_bytes
):
    monkeypatch.setattr(learn_module, "_CHUNK_BYTES", chunk_bytes)
    assert build(good_dir, tiny_backbone, tmp_path / "washer") == files_of(built_bundle)


def test_a_greedy_bank_from_small_chunks_covers_the_good_patches_nearly_as_well(
    good_dir, greedy_backbone, embedded, monkeypatch
):
    """Merged choices are choices of choices, so the bank may be another one."""
    backbone, every = Backbone.load(greedy_backbone), np.concatenate(list(embedded.values()))

    def uncovered():
        vectors = learned(backbone, good_dir)[0].bank.vectors
        assert len(vectors) == TINY.bank_vectors
        return np.sqrt(np.maximum(2 - 2 * (every @ vectors.T).max(axis=1), 0)).max()

    direct = uncovered()
    monkeypatch.setattr(learn_module, "_CHUNK_BYTES", 1)
    assert uncovered() <= 2 * direct


def test_held_out_images_do_not_stay_in_memory(whole, good_dir, monkeypatch):
    """10,000 images are more than fit: of what is not kept on purpose only the image at hand may be alive."""
    monkeypatch.setattr(embed, "KEPT_BYTES", 0)
    read, alive, most = embed.GoodImages.read, [], []

    def watched(images, paths):
        for path, embeddings in read(images, paths):
            if len(images.contents) == 24:  # all have been read once: this is the second pass
                alive.append(weakref.ref(embeddings if embeddings.base is None else embeddings.base))
                most.append(sum(each() is not None for each in alive))
            yield path, embeddings

    monkeypatch.setattr(embed.GoodImages, "read", watched)
    learned(whole, good_dir)
    # the last fold of the first pass belongs to its chunk
    assert len(most) > 24
    assert most[-1] <= 6
