"""Committed bundles of drawn bars: tests of the runtime need neither export nor builder.

An older and a newer bundle of one product, as a station gets them over time; one of each camera; one with a mask.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.inspector import Inspector
from goodpart.store.store import Store

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="session")
def older() -> Path:
    """Serial 7, signed; no test may change it."""
    return FIXTURES / "format_1"


@pytest.fixture(scope="session")
def newer() -> Path:
    """Serial 8, unsigned, of another seed; no test may change it."""
    return FIXTURES / "bars" / "newer"


@pytest.fixture(scope="session")
def public_key() -> Path:
    """The key that the older bundle's signature fits; skips where `goodpart[signing]` is not installed."""
    pytest.importorskip("cryptography")
    return FIXTURES / "format_1.pub"


@pytest.fixture(scope="session")
def built_bundle(older: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older bundle without its signature: 24x18 frames, 8x8 patches of 8 values; no test may change it."""
    out = Path(shutil.copytree(older, tmp_path_factory.mktemp("bundles") / "bar"))
    (out / "manifest.sig").unlink()
    return out


@pytest.fixture(scope="session")
def tiny_backbone(older: Path) -> Path:
    """The backbone of the older bundle: 32x32 input, 8x8 patches of 8 values."""
    return older / "backbone.onnx"


@pytest.fixture(scope="session")
def masked_bundle() -> Path:
    """Ignores rows 4 to 7 of the grid: all of the frame from pixel row 12 on; no test may change it."""
    return FIXTURES / "bars" / "masked"


@pytest.fixture
def bundle(built_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the built bundle, to be broken."""
    return Path(shutil.copytree(built_bundle, tmp_path / "bar"))


@pytest.fixture(scope="session")
def inspector(built_bundle: Path) -> Inspector:
    return Inspector.load(built_bundle)


@pytest.fixture
def digests(older: Path, newer: Path) -> tuple[str, str]:
    """The older bundle's digest and the newer one's."""
    return read_bundle(older).digest, read_bundle(newer).digest


@pytest.fixture(scope="session")
def one_of_each(older: Path) -> Iterator[list[Inspector]]:
    """Inspectors of bars on RGB, GRAY and thermal frames; a thermal pixel of value 1000 + 16 x shows grey level x."""
    made = [
        Inspector.load(folder, threads=1)
        for folder in (older, FIXTURES / "bars" / "gray", FIXTURES / "bars" / "thermal")
    ]
    yield made
    for inspector in made:
        inspector.close()


@pytest.fixture
def store(tmp_path: Path, older: Path, newer: Path) -> Store:
    """Both bundles are in it, the older one is active."""
    store = Store(tmp_path / "store")
    store.add(newer)
    store.activate(store.add(older).digest)
    return store
