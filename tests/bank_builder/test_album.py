"""The album: which painted frames it keeps, and that their marks lie on the paint."""

import itertools
import threading
from pathlib import Path

import numpy as np
import pytest

from goodpart.facts.spec import Roi
from goodpart_bank_builder.paint.album import PAGES, Album, Step
from goodpart_bank_builder.paint.painter import Kind
from small_network import small_backbone
from small_parts import RGB


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    from goodpart.model.backbone import Backbone

    path = tmp_path_factory.mktemp("album") / "backbone.onnx"
    small_backbone(path, head=True)
    with_head = Backbone.load(path, threads=1)
    yield with_head.spec
    with_head.close()


def frames(number, kind=Kind.BLOB):
    """A grey frame and the same with a white square, as one step."""
    before = np.full((240, 180, 3), 90, np.uint8)
    after = before.copy()
    after[100:130, 60:80] = 255
    return b"%04d" % number, Path(f"{number:04}.png"), [Step(kind=kind, before=before, after=after)]


def names(album):
    return [page.path.name for page in album.pages]


def test_the_sample_depends_on_the_keys_and_not_on_the_order(spec):
    numbers = list(range(3 * PAGES))
    orders = [numbers, numbers[::-1], np.random.default_rng(0).permutation(numbers).tolist()]
    found = []
    for order in orders:
        album = Album(spec)
        for number in order:
            # the only scar is far back
            album.add(*frames(number, Kind.SCAR if number == 30 else Kind.BLOB))
        found.append(names(album))
    assert found[0] == [f"{number:04}.png" for number in [*range(PAGES), 30]]
    assert found[1:] == [found[0]] * 2


def test_every_kind_that_was_painted_is_shown(spec):
    album, kinds = Album(spec), itertools.cycle(Kind)
    for number in range(2 * PAGES):
        album.add(*frames(number, Kind.DOTS))
    for number, kind in zip(range(100, 110), kinds, strict=False):
        album.add(*frames(number, kind))
    assert {mark.kind for page in album.pages for mark in page.marks} == set(Kind)
    assert len(album.pages) == PAGES + 4


def test_threads_may_add_at_a_time(spec):
    album = Album(spec)

    def add(first):
        for number in range(first, 80, 4):
            album.add(*frames(number))

    threads = [threading.Thread(target=add, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(album) == [f"{number:04}.png" for number in range(PAGES)]


def test_the_box_surrounds_the_paint_and_the_close_up_shows_it(spec):
    album = Album(spec)
    album.add(*frames(0))
    (page,) = album.pages
    (mark,) = page.marks
    assert page.picture.shape == (320, 240, 3)
    white = (page.picture == 255).all(axis=2)
    rows, columns = np.nonzero(white)
    box = mark.box
    assert isinstance(box, Roi)
    assert box.y_px < rows.min() and rows.max() < box.y_px + box.height_px
    assert box.x_px < columns.min() and columns.max() < box.x_px + box.width_px
    # 30 of 240 rows were painted: the box is no larger than the paint with a rim
    assert box.height_px <= 30 * 320 / 240 + 8
    # a square of 1.6 times 30 pixels, of which 30 x 20 are white
    assert mark.close_up.shape == (144, 144 + 4 + 144, 3)
    before, after = mark.close_up[:, :144], mark.close_up[:, -144:]
    assert (before == 90).all()
    share = (after > 200).all(axis=2).mean()
    assert share == pytest.approx(30 * 20 / 48**2, rel=0.1)


def test_a_frame_without_paint_is_not_taken(spec):
    album = Album(spec)
    album.add(b"0", Path("0.png"), [])
    assert album.pages == ()
    assert spec.frame == RGB
