"""With a device's own pixel threshold, every patch above that one is exact, and regions are made with it."""

import shutil
from pathlib import Path

import hnswlib
import numpy as np
import pytest

from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import DeviceSettings, write_device
from goodpart.facts.spec import Roi
from goodpart.inspector import Inspector
from goodpart.scoring.regions import find_regions
from goodpart.scoring.scores import calibrate
from small_frames import HEIGHT_PX, WIDTH_PX, draw_small

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1"


def poor_bank(vectors):
    """A bank whose graph misses most neighbours, so that upper bounds are far above the patch distances."""
    projection = np.eye(vectors.shape[1], dtype=np.float32)[:, :4]
    index = hnswlib.Index("cosine", 4)
    index.init_index(len(vectors), M=8, ef_construction=40, random_seed=0)
    index.add_items(vectors @ projection, np.arange(len(vectors)), num_threads=1)
    return Bank(vectors, Graph(index, projection, ef_search=1), neighbours=3, candidates=1)


def exact_scores(inspector, frame):
    """`(64,)` calibrated scores by brute force."""
    embeddings = inspector.backbone.embed(frame)
    return calibrate(inspector.bank.exact_distances(embeddings), inspector.calibration)


@pytest.fixture
def load(tmp_path):
    """Loads the bundle with a device file that says this pixel threshold, or with none, over a poor graph."""
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "bar", copy_function=shutil.copyfile))

    def load_with(pixel_threshold):
        bundle = read_bundle(folder)
        if pixel_threshold is not None:
            settings = DeviceSettings(bundle=bundle.digest, threshold=7.5, pixel_threshold=pixel_threshold)
            write_device(bundle, settings)
        inspector = Inspector.load(folder, threads=1)
        inspector.bank = poor_bank(bundle.read_bank()[0])
        return inspector

    return load_with


def partly_spoilt(seed):
    """Far worse than any threshold above, good below: the image score is proven without the good patches."""
    frame = draw_small(seed)
    frame[:6] = np.random.default_rng(seed).integers(0, 256, frame[:6].shape)
    return frame


def widest_gap(values):
    """The middle of the widest gap between neighbours among the lower half of the values."""
    lower = np.sort(values)[4:32]
    widest = np.diff(lower).argmax()
    return float(lower[widest] + lower[widest + 1]) / 2


@pytest.mark.parametrize("seed", range(5))
def test_every_patch_above_the_devices_threshold_is_exact(load, seed):
    frame, plain = partly_spoilt(seed), load(None)
    exact = exact_scores(plain, frame)
    own = widest_gap(exact)
    # with the bundle's threshold, some patches that lie between the two are upper bounds, more than a sigma too high
    between = (exact > own) & (exact < plain.calibration.pixel_threshold)
    assert np.count_nonzero(plain.inspect(frame).grid.ravel()[between] > exact[between] + 1) >= 1

    found = load(own).inspect(frame).grid.ravel()
    above = exact > own
    assert np.array_equal(found > own, above)
    assert np.abs(found[above] - exact[above]).max() < 1e-4


@pytest.mark.parametrize("seed", range(5))
def test_regions_use_the_devices_threshold(load, seed):
    frame, plain = partly_spoilt(seed), load(None)
    exact = exact_scores(plain, frame)
    own = widest_gap(exact)
    inspection = load(own).inspect(frame)
    whole = Roi(y_px=0, x_px=0, height_px=HEIGHT_PX, width_px=WIDTH_PX)
    expected = find_regions(exact.astype(np.float32).reshape(8, 8), own, whole)
    assert [box(region) for region in inspection.regions] == [box(region) for region in expected]
    assert inspection.pixel_threshold == own
    assert inspection.regions != plain.inspect(frame).regions


def box(region):
    return region.y_px, region.x_px, region.height_px, region.width_px, region.area_share
