"""What the attacks share."""

import shutil
from pathlib import Path

import pytest

from attacks.bases import FIXTURES


@pytest.fixture
def bar(tmp_path: Path) -> Path:
    """A copy of the committed bundle, to be broken."""
    return Path(shutil.copytree(FIXTURES / "format_1", tmp_path / "bar"))
