"""Fixtures that export and build: backbones and bundles of drawn washers, for tests of the other packages.

Their imports lie inside them, because tests of the runtime run without OpenCV, torch, export and builder. Those tests
use the committed bundles of `fixtures/` instead (see `runtime/conftest.py`).
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from goodpart._host.locks import locked
from goodpart.facts.profile import Profile
from goodpart.facts.spec import FrameSpec
from goodpart.inspector import Inspector
from small_parts import RGB, TINY, draw_good


@pytest.fixture(scope="session")
def good_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 good images as PNG."""
    import cv2

    folder = tmp_path_factory.mktemp("good")
    for seed in range(24):
        cv2.imwrite(str(folder / f"{seed:02}.png"), draw_good(seed)[:, :, ::-1])
    return folder


@pytest.fixture(scope="session")
def export_tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Exports an untrained tiny backbone; keyword arguments replace the frame, profile or seed."""

    from goodpart_export import export_backbone, load_weights

    def export(*, frame: FrameSpec = RGB, profile: Profile = TINY, seed: int = 0) -> Path:
        out = tmp_path_factory.mktemp("backbone") / "backbone.onnx"
        network, weights = load_weights("untrained", stages=profile.stages, seed=seed)
        export_backbone(network, out, profile=profile, frame=frame, weights=weights)
        return out

    return export


@pytest.fixture(scope="session")
def tiny_backbone(export_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained backbone: 64x48 input, 16x12 patches of 64 values. One process exports it for all."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny"
    with locked(folder.with_suffix(".lock"), wait_s=300):
        if not folder.exists():
            export_tiny().parent.rename(folder)
    return folder / "backbone.onnx"


@pytest.fixture(scope="session")
def built_bundle(tmp_path_factory: pytest.TempPathFactory, good_dir: Path, tiny_backbone: Path) -> Path:
    """A bundle that no test may change."""
    from goodpart_bank_builder.build.build import BuildSettings, build_bundle

    out = tmp_path_factory.mktemp("bundles") / "washer"
    build_bundle(BuildSettings(good_dir=good_dir, backbone=tiny_backbone, out=out, false_reject_rate=0.1))
    return out


@pytest.fixture(scope="session")
def ignore_mask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that ignores the lower part of a washer's frame: all pixel rows from 40 on, patches from row 7 on."""
    import cv2

    path = tmp_path_factory.mktemp("mask") / "ignore.png"
    picture = np.zeros((90, 70), np.uint8)
    picture[40:] = 255
    cv2.imwrite(str(path), picture)
    return path


@pytest.fixture(scope="session")
def masked_bundle(
    tmp_path_factory: pytest.TempPathFactory, good_dir: Path, tiny_backbone: Path, ignore_mask: Path
) -> Path:
    """A bundle with an ignore mask that no test may change."""
    from goodpart_bank_builder.build.build import BuildSettings, build_bundle

    out = tmp_path_factory.mktemp("bundles") / "masked"
    build_bundle(
        BuildSettings(good_dir=good_dir, backbone=tiny_backbone, out=out, false_reject_rate=0.1, ignore=ignore_mask)
    )
    return out


@pytest.fixture
def bundle(built_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be broken."""
    return Path(shutil.copytree(built_bundle, tmp_path / "washer"))


@pytest.fixture(scope="session")
def inspector(built_bundle: Path) -> Inspector:
    return Inspector.load(built_bundle)
