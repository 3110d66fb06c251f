"""Progress of goodpart-export: a bar on a terminal, one line elsewhere, and never a reason to stop."""

import sys

import cv2
import numpy as np
import pytest

from goodpart.errors import FrameError
from goodpart_export import survey
from goodpart_export.good_images import read_images
from small_parts import RGB


@pytest.fixture
def images(tmp_path):
    """Three photographs of 20x10 pixels."""
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((20, 10, 3), 50 * index, np.uint8))
    return tmp_path


def test_a_terminal_sees_a_bar_that_ends_with_its_line(images, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert survey(images, RGB) == ([(20, 10)] * 3, 3)
    error = capsys.readouterr().err
    assert "measuring image sizes: 100%" in error
    assert "3/3 [00:00<00:00" in error
    assert error.count("\n") == 1
    assert error.endswith("\n")


def test_anything_else_sees_one_line(images, capsys):
    survey(images, RGB)
    assert capsys.readouterr().err == "measuring image sizes: 3 images\n"


def test_a_bar_has_ended_when_an_error_is_reported(images, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    (images / "1.png").write_bytes(b"no picture")
    with pytest.raises(FrameError, match=r"1\.png"):
        survey(images, RGB)
    assert capsys.readouterr().err.endswith("\n")


def test_a_stderr_that_takes_nothing_is_no_reason_to_stop(images, monkeypatch):
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        found = list(read_images(sorted(images.glob("*.png")), RGB, doing="looking"))
        monkeypatch.undo()
        assert len(found) == 3
        # what is still in its buffer cannot be written on closing either
        with pytest.raises(OSError, match="No space left"):
            full.close()
