"""Two bundles of one product, an older and a newer one, as a station gets them over time."""

from pathlib import Path

import pytest

from small_network import small_bundle

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
