"""The page of `exclude --report`: each frame beside the learned images that are this frame, or look like it."""

import shutil

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.learn import lookalikes
from small_frames import draw_small
from small_products import draw_products


@pytest.fixture
def product(tmp_path):
    (file,) = draw_products(tmp_path, "a", images=20)
    noise = np.random.default_rng(0).integers(0, 2, draw_small(97003).shape)
    like = np.clip(draw_small(97003).astype(int) + noise, 0, 255).astype(np.uint8)
    np.save(tmp_path / "like <b>.npy", like)
    np.save(tmp_path / "other.npy", draw_small(5, defect=True))
    shutil.copy(tmp_path / "a" / "07.npy", tmp_path / "same.npy")
    return file


def exclude(file, *options, frames=("same.npy", "like <b>.npy", "other.npy")):
    given = [str(file.parent / frame) for frame in frames]
    return main(["exclude", str(file), *given, "--report", str(file.parent / "page"), *options])


def page(file):
    return (file.parent / "page" / "index.html").read_text()


def test_each_frame_stands_beside_what_was_found(product, capsys):
    assert exclude(product) == 0
    assert "report      " in capsys.readouterr().err
    html = page(product)
    same, like, other = html.split('<article class="frame">')[1:]
    assert same.count("the frame that was given") == like.count("the frame that was given") == 1
    assert "07.npy, the same file, sha256 " in same
    assert "03.npy, looks like it, sha256 " in like
    assert "No learned image is this frame" in other
    for article in (same, like):
        assert article.count('src="data:image/jpeg') >= 2
    assert other.count('src="data:image/jpeg') == 1
    assert "like &lt;b&gt;.npy" in like and "<b>" not in like
    assert "--yes" in html
    assert "http" not in html.replace("http-equiv", "")
    assert not (product.parent / "bundles").exists()


def test_with_yes_the_page_says_what_is_left_out_and_the_bundle_is_built(product):
    assert exclude(product, "--yes", frames=("same.npy",)) == 0
    assert "These images are left out of the next bundle" in page(product)
    assert "--yes" not in page(product)
    assert "07.npy" in [image.name for image in read_bundle(product.parent / "bundles" / "a").read_images().excluded]


def test_a_folder_with_other_files_is_refused_before_any_work(product, capsys):
    (product.parent / "page").mkdir()
    (product.parent / "page" / "mine.txt").write_text("mine")
    assert exclude(product) == 2
    error = capsys.readouterr().err
    assert "page" in error.splitlines()[-1]
    assert "comparing" not in error


def test_more_than_can_be_listed_are_counted(product, capsys, monkeypatch):
    for number in range(3):
        frame = draw_small(97007)
        frame[0, number] ^= 1
        np.save(product.parent / "a" / f"copy_{number}.npy", frame)
    monkeypatch.setattr(lookalikes, "LISTED", 2)
    assert exclude(product, frames=("same.npy",)) == 0
    printed = capsys.readouterr().out
    assert "more        " in printed
    assert "as near to a frame. Leave these out first, then look again." in page(product)
