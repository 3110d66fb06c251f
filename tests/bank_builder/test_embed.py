"""Good images: embedded as often as needed, kept while they fit, refused where they would be learned wrongly."""

import hashlib
import shutil

import cv2
import numpy as np
import pytest

from goodpart.errors import FrameError, UsageError
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn import embed
from goodpart_bank_builder.learn.embed import GoodImages
from small_parts import RGB, draw_good


@pytest.fixture(scope="module")
def backbone(tiny_backbone):
    return Backbone.load(tiny_backbone)


@pytest.fixture
def folder(good_dir, tmp_path):
    """Four good images, to be added to."""
    (tmp_path / "good").mkdir()
    for path in find_images(good_dir)[:4]:
        shutil.copy(path, tmp_path / "good")
    return tmp_path / "good"


@pytest.fixture
def mask(tmp_path):
    """Ignores the upper half."""
    picture = np.zeros((90, 70), np.uint8)
    picture[:45] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), picture)
    return tmp_path / "mask.png"


def test_every_image_is_read_in_the_order_given(backbone, folder):
    paths = list(reversed(find_images(folder)))
    images = GoodImages(backbone)
    assert [path for path, _ in images.read(paths)] == paths
    assert images.patches == 192
    assert images.ignored is None


def test_embeddings_are_those_of_the_backbone(backbone, folder):
    for path, embeddings in GoodImages(backbone).read(find_images(folder)):
        np.testing.assert_array_equal(embeddings, backbone.embed(read_image(path, RGB)))


ONE_IMAGE_BYTES = 192 * 64 * 4


@pytest.mark.parametrize(
    ("kept_bytes", "kept"), [(0, 0), (ONE_IMAGE_BYTES - 1, 0), (2 * ONE_IMAGE_BYTES, 2), (1 << 30, 4)]
)
def test_reading_twice_gives_the_same_however_little_is_kept(backbone, folder, monkeypatch, kept_bytes, kept):
    monkeypatch.setattr(embed, "KEPT_BYTES", kept_bytes)
    images, paths = GoodImages(backbone), find_images(folder)
    first, again = dict(images.read(paths)), dict(images.read(paths))
    assert list(first) == list(again) == paths
    for path in paths:
        np.testing.assert_array_equal(first[path], again[path])
    assert sum(first[path] is again[path] for path in paths) == kept


def test_contents_are_the_files_sha256(backbone, folder):
    images = GoodImages(backbone)
    list(images.read(find_images(folder)))
    assert images.contents == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in find_images(folder)}


@pytest.mark.parametrize("kept_bytes", [0, 1 << 30])
def test_a_copy_is_refused_and_reading_the_same_file_again_is_none(backbone, folder, monkeypatch, kept_bytes):
    monkeypatch.setattr(embed, "KEPT_BYTES", kept_bytes)
    images = GoodImages(backbone, LearnSettings(skip_unreadable=True))
    list(images.read(find_images(folder)))
    list(images.read(find_images(folder)))
    shutil.copy(folder / "02.png", folder / "copy.png")
    with pytest.raises(UsageError, match=r"copy\.png: expected another photograph, found a copy of .*02\.png"):
        list(images.read(find_images(folder)))


def broken(path):
    path.write_bytes(b"not a picture")


def constant(path):
    cv2.imwrite(str(path), np.full((90, 70, 3), 7, np.uint8))


def deep(path):
    cv2.imwrite(str(path), draw_good(0).astype(np.uint16))


WRONG = pytest.mark.parametrize(
    ("spoil", "words"), [(broken, "no picture of a known kind"), (constant, "no signal"), (deep, "uint16")]
)


@WRONG
def test_an_image_that_cannot_be_learned_is_refused_and_named(backbone, folder, spoil, words):
    spoil(folder / "odd.png")
    with pytest.raises(FrameError, match=rf"odd\.png: .*{words}"):
        list(GoodImages(backbone).read(find_images(folder)))


@WRONG
def test_when_asked_it_is_skipped_both_times_and_named_once(backbone, folder, capsys, spoil, words):
    spoil(folder / "odd.png")
    images = GoodImages(backbone, LearnSettings(skip_unreadable=True))
    for _ in range(2):
        assert [path.name for path, _ in images.read(find_images(folder))] == ["00.png", "01.png", "02.png", "03.png"]
    assert set(images.skipped) == {folder / "odd.png"}
    assert folder / "odd.png" not in images.contents
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith("skipped: ")
    assert "odd.png" in told[0]


def test_only_patches_that_count_are_embedded(backbone, folder, mask):
    images = GoodImages(backbone, LearnSettings(ignore=mask))
    assert images.patches == 96
    np.testing.assert_array_equal(images.ignored, np.repeat([True, False], 8)[:, np.newaxis].repeat(12, axis=1))
    for path, embeddings in images.read(find_images(folder)):
        np.testing.assert_array_equal(embeddings, backbone.embed(read_image(path, RGB))[96:])


@pytest.mark.parametrize("skip", [False, True])
def test_an_image_of_another_size_than_the_mask_is_refused_with_both_sizes(backbone, folder, mask, skip):
    """Never skipped: which part of it is ignored, nobody has said."""
    cv2.imwrite(str(folder / "large.png"), draw_good(9, 91, 70))
    with pytest.raises(
        UsageError, match=r"large\.png: expected 90x70 pixels \(HxW\) like the ignore mask, found 91x70"
    ):
        list(GoodImages(backbone, LearnSettings(ignore=mask, skip_unreadable=skip)).read(find_images(folder)))


def test_a_mask_that_cannot_be_is_refused_before_any_image_is_read(backbone, tmp_path):
    cv2.imwrite(str(tmp_path / "white.png"), np.full((90, 70), 255, np.uint8))
    for name, words in (("white.png", "none left"), ("none.png", r"none\.png: expected")):
        with pytest.raises(UsageError, match=words):
            GoodImages(backbone, LearnSettings(ignore=tmp_path / name))
