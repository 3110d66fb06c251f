"""Two bundles of one product, an older and a newer one, as a station gets them over time; and one of each camera."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from goodpart.inspector import Inspector
from goodpart.store.store import Store
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from small_frames import draw_small
from small_network import small_backbone, small_bundle
from small_parts import GRAY, THERMAL

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="session")
def older() -> Path:
    """Serial 7, signed; no test may change it."""
    return FIXTURES / "format_1"


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Serial 8, unsigned, of another seed; no test may change it."""
    folder = tmp_path_factory.mktemp("newer")
    return small_bundle(folder / "from", folder / "bar", serial=8, seed=1)


@pytest.fixture(scope="session")
def one_of_each(tmp_path_factory: pytest.TempPathFactory, older: Path) -> Iterator[list[Inspector]]:
    """Inspectors of bars on RGB, GRAY and thermal frames; a thermal pixel of value 1000 + 16 x shows grey level x."""
    made = [Inspector.load(older, threads=1)]
    for spec in (GRAY, THERMAL):
        folder = tmp_path_factory.mktemp(spec.dtype.value)
        (folder / "good").mkdir()
        for at in range(16):
            gray = draw_small(at)[:, :, 1]
            np.save(folder / "good" / f"{at:02}.npy", gray if spec is GRAY else gray.astype(np.uint16) * 16 + 1000)
        backbone = small_backbone(folder / "backbone.onnx", frame=spec)
        out = folder / "bundle"
        build_bundle(BuildSettings(good_dir=folder / "good", backbone=backbone, out=out, false_reject_rate=0.1))
        made.append(Inspector.load(out, threads=1))
    yield made
    for inspector in made:
        inspector.close()


@pytest.fixture
def store(tmp_path, older, newer) -> Store:
    """Both bundles are in it, the older one is active."""
    store = Store(tmp_path / "store")
    store.add(newer)
    store.activate(store.add(older).digest)
    return store
