"""Which products are out of date and why; nothing is built twice, and a second attempt makes the same bundle."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from goodpart._host.locks import hold
from goodpart.bundle.bundle import read_bundle
from goodpart_bank_builder.build.sign import make_keys
from goodpart_bank_builder.life import rebuild as rebuild_module
from goodpart_bank_builder.life import stamp as stamp_module
from goodpart_bank_builder.life.alone import lock_file
from goodpart_bank_builder.life.stamp import built_file, read_built, stamp_of
from goodpart_bank_builder.many.check import check_products
from goodpart_bank_builder.many.product import build_product
from goodpart_bank_builder.many.row import Row, State
from goodpart_bank_builder.recipe.recipe import read_recipe
from small_frames import draw_small
from small_network import small_backbone
from small_products import contents, draw_products


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A product that was built once."""
    folder = tmp_path_factory.mktemp("products")
    (file,) = draw_products(folder, "a")
    row = build_product(file, wait=True)
    assert (row.state, row.because, row.images) == (State.BUILT, ("never built",), 12)
    return folder


@pytest.fixture
def file(drawn, tmp_path):
    return Path(shutil.copytree(drawn, tmp_path / "products")) / "a.toml"


def why(file):
    (checked,) = check_products([file], threads=1, force=False)
    assert checked.row.state is (State.OUT_OF_DATE if checked.row.because else State.UP_TO_DATE)
    return checked.row.because


def test_a_built_product_is_up_to_date_though_the_build_wrote_digests_into_the_recipe(file):
    assert "digest" in file.read_text()
    assert why(file) == ()
    before = contents(file.parent / "bundles" / "a")
    row = build_product(file, wait=True)
    assert (row.state, row.seconds, row.images) == (State.UP_TO_DATE, None, 12)
    assert contents(file.parent / "bundles" / "a") == before


def test_a_comment_changes_nothing_and_a_key_does(file):
    file.write_text("# ours\n" + file.read_text())
    assert why(file) == ()
    file.write_text(file.read_text().replace("= 0.1", "= 0.2"))
    assert why(file) == ("recipe",)
    assert build_product(file, wait=True).state is State.BUILT
    assert read_bundle(file.parent / "bundles" / "a").manifest.serial == 2
    assert why(file) == ()


def test_an_image_that_changed(file):
    np.save(file.parent / "a" / "03.npy", draw_small(7))
    assert why(file) == ("images",)
    row = build_product(file, wait=True)
    assert row.state is State.FAILED
    assert "1 changed (03.npy)" in row.reason, "a batch is pinned: this is no reason to build"
    assert why(file) == ("images",)


def test_a_new_image(file):
    np.save(file.parent / "a" / "99.npy", draw_small(7))
    assert why(file) == ("images",)


def test_another_backbone(file):
    shutil.copy(small_backbone(file.parent / "other.onnx"), file.parent / "backbone.onnx")
    assert why(file) == ("backbone",)


def test_another_builder(file, monkeypatch):
    monkeypatch.setattr(stamp_module.importlib.metadata, "version", lambda name: "9.9")
    assert why(file) == ("builder",)


def test_a_bundle_that_is_gone_or_another_one(file):
    bundle = file.parent / "bundles" / "a"
    bundle.rename(file.parent / "aside")
    assert why(file) == ("no bundle",)
    (file.parent / "aside").rename(bundle)
    built = built_file(bundle)
    built.write_text(built.read_text().replace(read_built(bundle).digest, 64 * "0"))
    assert why(file) == ("another bundle",)
    built.write_text("{}")
    assert why(file) == ("never built",)


def test_another_key_and_another_list_of_excluded_images(file, tmp_path):
    make_keys(tmp_path / "one.key")
    make_keys(tmp_path / "other.key")
    shutil.copy(tmp_path / "one.key", file.parent / "line.key")
    file.write_text(file.read_text() + '[sign]\nkey = "line.key"\n')
    signed = stamp_of(read_recipe(file))
    shutil.copy(tmp_path / "other.key", file.parent / "line.key")
    assert stamp_of(read_recipe(file)).recipe != signed.recipe
    (tmp_path / "bad.txt").write_text("03.npy\n")
    file.write_text(file.read_text().replace("[bank]", f'[bank]\nexclude = ["{tmp_path / "bad.txt"}"]'))
    one = stamp_of(read_recipe(file))
    (tmp_path / "bad.txt").write_text("04.npy\n")
    assert stamp_of(read_recipe(file)).recipe != one.recipe


def test_force_lasts_until_the_product_is_built(file):
    check_products([file], threads=1, force=True)
    assert why(file) == ("never built",)
    assert build_product(file, wait=True).state is State.BUILT
    assert why(file) == ()


def test_an_attempt_after_a_kill_makes_the_same_bundle(file, monkeypatch):
    """The kill comes when the bundle is whole and not yet noted: without the plan, serial and parent would grow."""
    file.write_text(file.read_text().replace("= 0.1", "= 0.2"))

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rebuild_module, "write_built", killed)
        build_product(file, wait=True)
    first = contents(file.parent / "bundles" / "a")
    assert why(file) == ("recipe", "another bundle")
    assert build_product(file, wait=True).state is State.BUILT
    assert contents(file.parent / "bundles" / "a") == first
    assert not list(file.parent.glob("bundles/*building*"))


def test_a_product_that_another_build_holds(file):
    file.write_text(file.read_text().replace("= 0.1", "= 0.2"))
    lock = lock_file(file.parent / "bundles" / "a")
    lock.touch()
    handle = hold(lock)
    assert handle is not None
    with open(handle):
        assert build_product(file, wait=False).state is State.OUT_OF_DATE
    assert build_product(file, wait=False).state is State.BUILT


def test_files_that_another_machine_sees_otherwise(file):
    seen = stamp_of(read_recipe(file))
    file.write_text(file.read_text().replace("= 0.1", "= 0.2"))
    row = build_product(file, wait=True, stamp=seen)
    assert row.state is State.FAILED
    assert "expected the same recipe as on the client" in row.reason


@pytest.mark.parametrize(
    ("reason", "words"),
    [("a.toml:3: expected a file", "a.toml:3: expected a file"), ("expected a key", "a.toml: expected a key")],
)
def test_a_failure_names_its_recipe_once(reason, words):
    row = Row(recipe="a.toml", product=None, bundle=None, state=State.OUT_OF_DATE).failed(reason)
    assert row.why == words
