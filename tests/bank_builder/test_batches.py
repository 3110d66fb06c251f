"""Batches: chunks never cross them, selected ones join every bank and never calibrate, and appending moves no part."""

from pathlib import Path

import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod, RateUnit
from goodpart_bank_builder.data.parts import FOLDS, BatchRole, Fold, make_folds
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn import learn as learning
from goodpart_bank_builder.learn.coreset import Chooser
from goodpart_bank_builder.learn.learn import learn

CROSS, SPLIT = CalibrationMethod.CROSS_CONFORMAL, CalibrationMethod.SPLIT
OLD = {Path(f"/z/old/{number:03}.png"): f"{number:03}" for number in range(70)}
"""70 parts, an image each; they sort behind those of /a."""

NEW = {Path(f"/a/new/{number:03}.png"): f"{number:03}" for number in range(60, 90)}
"""30 parts, of which the first 10 are known."""


def roles(*calibrates):
    return [
        BatchRole(images=tuple(images), calibrates=each) for images, each in zip((OLD, NEW), calibrates, strict=True)
    ]


def deal(*calibrates, **settings):
    made = LearnSettings(false_reject_rate=settings.pop("rate", 0.1), **settings)
    return make_folds(OLD | NEW, made, roles(*calibrates))


@pytest.mark.parametrize("method", CalibrationMethod)
@pytest.mark.parametrize("calibrates", [True, False])
def test_appending_a_batch_moves_no_image_of_the_others(method, calibrates):
    before = make_folds(OLD, LearnSettings(false_reject_rate=0.1, calibration=method))
    after = deal(True, calibrates, calibration=method)
    for old, new in zip(before, after, strict=False):
        assert (old.name, old.number) == (new.name, new.number)
        assert [path for path in new.images if path in OLD] == list(old.images)


def test_one_batch_is_what_folds_were_without_batches():
    settings = LearnSettings(false_reject_rate=0.1)
    assert make_folds(OLD, settings) == make_folds(OLD, settings, [BatchRole(images=tuple(OLD))])


def test_the_first_batch_comes_first_wherever_it_lies():
    for fold in deal(True, True):
        numbers = [number for number, _ in fold.by_batch()]
        assert numbers == sorted(set(numbers))
        assert [path for _, paths in fold.by_batch() for path in paths] == list(fold.images)
        assert fold.images[0] in OLD


@pytest.mark.parametrize("method", CalibrationMethod)
def test_selected_images_are_never_scored(method):
    folds = deal(True, False, calibration=method)
    assert not NEW.keys() & {path for fold in folds for path in fold.calibrating}


def test_selected_images_of_unknown_parts_are_in_every_bank():
    *dealt, selected = deal(True, False)
    assert (selected.number, selected.in_bank, selected.scored) == (FOLDS + 1, True, False)
    assert [NEW[path] for path in selected.images] == [f"{number:03}" for number in range(70, 90)]
    assert all(fold.scored for fold in dealt)


def test_selected_images_of_a_known_part_lie_in_its_fold():
    fold_of = {path: fold.number for fold in deal(True, False) for path in fold.images}
    for path in list(NEW)[:10]:
        assert fold_of[path] == fold_of[Path("/z/old", path.name)]


def test_a_split_never_learns_a_part_that_calibrates():
    folds = deal(True, False, calibration=SPLIT)
    banked = {(OLD | NEW)[path] for fold in folds if fold.in_bank for path in fold.images}
    assert not banked & {(OLD | NEW)[path] for fold in folds for path in fold.calibrating}


def test_selected_images_support_no_rate():
    with pytest.raises(UsageError, match=r"0\.012"):
        deal(True, False, rate=0.012, rate_per=RateUnit.PART)  # 70 parts support 1/71
    deal(True, True, rate=0.012, rate_per=RateUnit.PART)


def test_calibration_parts_stay_the_same_ones():
    few = deal(True, True, calibration_parts=40)
    before = make_folds(OLD, LearnSettings(false_reject_rate=0.1, calibration_parts=40))
    parts = OLD | NEW
    chosen, old = ({parts[path] for fold in folds for path in fold.calibrating} for folds in (few, before))
    assert (len(chosen), len(old)) == (40, 40)
    # a new part may push an old one out, and no other one comes in
    assert chosen & set(OLD.values()) <= old
    assert len(chosen & old) > 25
    assert all(fold.in_bank for fold in few)


def test_calibration_parts_bound_a_split():
    bank, calibration = make_folds(OLD, LearnSettings(false_reject_rate=0.1, calibration=SPLIT, calibration_parts=12))
    assert (len(bank.images), len(calibration.calibrating)) == (58, 12)


def test_too_few_calibration_parts_for_the_rate():
    with pytest.raises(UsageError, match="18 held-out good parts"):
        deal(True, True, rate=0.05, rate_per=RateUnit.PART, calibration_parts=18)


def test_a_fold_without_batches_is_one_batch():
    fold = Fold(name="all", number=1, images=tuple(OLD), in_bank=True, scored=True)
    assert list(fold.by_batch()) == [(0, tuple(OLD))]


class Spy(Chooser):
    """Remembers where chunks came from."""

    def of(self, embeddings, *, place, origins=None, doing="choosing"):
        self.seen = [*getattr(self, "seen", []), (place, len(embeddings), origins)]
        return super().of(embeddings, place=place, origins=origins, doing=doing)


def test_no_chunk_crosses_a_batch(tiny_model, drawn, monkeypatch):
    """Chunks of four images: seven in the first batch and six in the second make 4, 3, 4, 2."""
    monkeypatch.setattr(learning, "_CHUNK_BYTES", 4 * 192 * 64 * 4)
    made = []
    monkeypatch.setattr(learning, "Chooser", lambda *args, **kwargs: made.append(Spy(*args, **kwargs)) or made[0])
    first, second = drawn[:7], drawn[7:13]
    halves = [
        Fold(name=name, number=number, images=(*first, *second), in_bank=True, scored=scored, batches=batches)
        for name, number, scored, batches in (("one", 1, False, (0,) * 7 + (1,) * 6),)
    ]
    held_out = Fold(name="other", number=2, images=tuple(drawn[13:]), in_bank=True, scored=True)
    parts = {path: path.name for path in drawn}
    learn(tiny_model, parts, [*halves, held_out], LearnSettings(false_reject_rate=0.3))
    places = [place for place, _, _ in made[0].seen][:4]
    assert places == [(1, 0, 0), (1, 0, 4 * 192), (1, 1, 0), (1, 1, 4 * 192)]
    assert [size // 192 for _, size, _ in made[0].seen][:4] == [4, 3, 4, 2]
    assert np.array_equal(made[0].seen[2][2], np.arange(7 * 192, 11 * 192))


@pytest.fixture(scope="module")
def tiny_model(tiny_backbone):
    from goodpart.model.backbone import Backbone

    return Backbone.load(tiny_backbone, threads=1)


@pytest.fixture(scope="module")
def drawn(good_dir):
    return sorted(good_dir.iterdir())
