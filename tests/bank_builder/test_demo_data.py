"""The demo category: layout, exact masks, same bytes from the same seed, all or nothing on disk."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from goodpart.errors import UsageError
from goodpart_bank_builder.demo import demo_data
from goodpart_bank_builder.demo.demo_data import (
    DEFECTS,
    LEAST_MASK_PX,
    MASK_LEVEL,
    DemoDataSummary,
    draw_sample,
    write_demo_data,
)
from goodpart_bank_builder.demo.flange import draw_part, render

SEED = 3
KINDS = sorted(DEFECTS)
GOOD_TRAIN, GOOD_TEST, PER_KIND = 60, 20, 8
TOTAL = GOOD_TRAIN + GOOD_TEST + PER_KIND * len(KINDS)


class Written:
    """One category on disk, with what was reported while it was written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[tuple[int, int]] = []
        self.summary = write_demo_data(root, seed=SEED, on_image=lambda done, total: self.calls.append((done, total)))

    def names(self, folder: str) -> list[str]:
        """Sorted file names of one folder."""
        return sorted(path.name for path in (self.root / folder).iterdir())

    def read(self, file: str) -> npt.NDArray[np.uint8]:
        """One PNG as stored: RGB or a single channel."""
        pixels = cv2.imread(str(self.root / file), cv2.IMREAD_UNCHANGED)
        assert pixels is not None
        assert pixels.dtype == np.uint8
        return np.asarray(pixels[..., ::-1] if pixels.ndim == 3 else pixels, np.uint8)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The whole category, drawn once, in a folder whose parent does not exist yet."""
    return Written(tmp_path_factory.mktemp("demo") / "new" / "flange")


def numbered(count: int, ending: str = ".png") -> list[str]:
    return [f"{index:03d}{ending}" for index in range(count)]


def test_layout_is_that_of_mvtec(written: Written) -> None:
    assert 4 <= len(KINDS) <= 5
    assert written.names(".") == ["ground_truth", "test", "train"]
    assert written.names("train") == ["good"]
    assert written.names("test") == sorted(["good", *KINDS])
    assert written.names("ground_truth") == KINDS
    assert written.names("train/good") == numbered(GOOD_TRAIN)
    assert written.names("test/good") == numbered(GOOD_TEST)
    for kind in KINDS:
        assert written.names(f"test/{kind}") == numbered(PER_KIND)
        assert written.names(f"ground_truth/{kind}") == numbered(PER_KIND, "_mask.png")
    assert [path.name for path in written.root.parent.iterdir()] == [written.root.name]


def test_summary_and_progress_count_the_pictures(written: Written) -> None:
    assert written.summary == DemoDataSummary(GOOD_TRAIN, GOOD_TEST, dict.fromkeys(KINDS, PER_KIND))
    assert written.calls == [(done, TOTAL) for done in range(1, TOTAL + 1)]


def test_good_pictures_are_alike_but_never_the_same(written: Written) -> None:
    files = [f"{split}/good/{name}" for split in ("train", "test") for name in written.names(f"{split}/good")]
    pictures = [written.read(file) for file in files]
    assert {picture.shape for picture in pictures} == {(400, 400, 3)}
    assert len({picture.tobytes() for picture in pictures}) == len(files)
    means = np.array([picture.mean() for picture in pictures])
    assert 50 < means.min() < means.max() < 150
    assert means.std() > 2


@pytest.mark.parametrize("kind", KINDS)
def test_masks_are_exact_binary_and_tight(written: Written, kind: str) -> None:
    for name in numbered(PER_KIND, ""):
        mask = written.read(f"ground_truth/{kind}/{name}_mask.png")
        assert mask.shape == written.read(f"test/{kind}/{name}.png").shape[:2] == (400, 400)
        assert set(np.unique(mask)) == {0, 255}
        assert LEAST_MASK_PX <= np.count_nonzero(mask) <= 0.1 * mask.size


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_differ_from_the_good_part_inside_their_masks_only(written: Written, kind: str) -> None:
    for index in range(PER_KIND):
        # The documented stream of a picture, so that its part can be pictured without the defect.
        rng = np.random.default_rng((SEED, zlib.crc32(f"test/{kind}".encode()), index))
        good_twin = render(draw_part(rng))
        change = np.abs(written.read(f"test/{kind}/{index:03d}.png") - good_twin).max(axis=2)
        mask = written.read(f"ground_truth/{kind}/{index:03d}_mask.png")
        count, regions = cv2.connectedComponents(mask)
        for region in range(1, count):
            assert change[regions == region].mean() > MASK_LEVEL
        assert change[mask == 0].max() < MASK_LEVEL + 13  # the noise of the sensor is at most 2 grey levels
        assert change[mask == 0].mean() < 4


def test_render_is_repeatable_and_texture_belongs_to_the_part() -> None:
    part = draw_part(np.random.default_rng(1))
    twin = replace(part, texture_seed=part.texture_seed + 1)
    assert np.array_equal(render(part), render(part))
    face = np.s_[185:215, 95:120, 1]
    grains = [
        (picture - cv2.GaussianBlur(picture, (0, 0), 4))[face].ravel() for picture in (render(part), render(twin))
    ]
    assert abs(np.corrcoef(grains)[0, 1]) < 0.3


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrinks the category to two pictures a folder, the first two of the whole one."""
    for count in ("TRAIN_GOOD", "TEST_GOOD", "TEST_PER_KIND"):
        monkeypatch.setattr(demo_data, count, 2)


@pytest.mark.usefixtures("few")
def test_the_seed_decides_every_byte(written: Written, tmp_path: Path) -> None:
    write_demo_data(tmp_path / "same", seed=SEED)
    write_demo_data(tmp_path / "other", seed=SEED + 1)
    files = sorted(path.relative_to(tmp_path / "same") for path in (tmp_path / "same").rglob("*.png"))
    assert len(files) == 2 * (2 + 2 * len(KINDS))
    for file in files:
        assert (tmp_path / "same" / file).read_bytes() == (written.root / file).read_bytes()
        assert (tmp_path / "other" / file).read_bytes() != (written.root / file).read_bytes()


def test_a_picture_does_not_depend_on_the_others(written: Written) -> None:
    for split, kind, index in (("train", "good", 57), ("test", "good", 5), ("test", KINDS[-1], 7)):
        picture, mask = draw_sample(split, kind, index, seed=SEED)
        assert np.array_equal(picture, written.read(f"{split}/{kind}/{index:03d}.png"))
        if kind == "good":
            assert not mask.any()
        else:
            assert np.array_equal(mask, written.read(f"ground_truth/{kind}/{index:03d}_mask.png"))


@pytest.mark.usefixtures("few")
def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "flange").mkdir()
    summary = write_demo_data(tmp_path / "flange")
    assert summary == DemoDataSummary(2, 2, dict.fromkeys(KINDS, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["flange"]


def test_a_used_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "keep.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"new or empty folder"):
        write_demo_data(tmp_path)
    with pytest.raises(UsageError, match=r"new or empty folder"):
        write_demo_data(tmp_path / "keep.txt")
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"flange") as refusal:
        write_demo_data(tmp_path / "file" / "flange")
    assert isinstance(refusal.value.__cause__, OSError)


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"-1"):
        write_demo_data(tmp_path / "flange", seed=-1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("prepared", [False, True])
def test_an_interruption_leaves_nothing_behind(tmp_path: Path, prepared: bool) -> None:
    out = tmp_path / "flange"
    if prepared:
        out.mkdir()

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo_data(out, on_image=interrupt)
    assert list(tmp_path.rglob("*")) == ([out] if prepared else [])
