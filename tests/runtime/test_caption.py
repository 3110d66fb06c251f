"""Captions under overlays, as `goodpart score --maps` writes them, and the table that it prints."""

import dataclasses
import sys

import numpy as np
import pytest

from goodpart.cli.main import main
from goodpart.frames.pictures import with_caption
from goodpart.inspector import Inspector
from small_frames import draw_small

cv2 = pytest.importorskip("cv2")
FRAME = draw_small(100, defect=True)


@pytest.fixture(scope="module")
def defect(older):
    with Inspector.load(older, threads=1) as inspector:
        return inspector.inspect(FRAME)


def test_a_caption_stands_below_and_leaves_the_picture_as_it_is(defect):
    picture = defect.overlay(FRAME)
    drawn = with_caption(picture, defect)
    np.testing.assert_array_equal(drawn[:24, :18], picture)
    assert (drawn[:24, 18:] == 255).all()
    assert drawn.shape[1] == 420
    wide = np.zeros((100, 1000, 3), np.uint8)
    assert with_caption(wide, defect).shape[1] == 1000


def test_a_caption_shows_its_words(defect):
    one = with_caption(FRAME, defect)
    other = with_caption(FRAME, dataclasses.replace(defect, score=defect.score + 1.11))
    assert one.shape == other.shape
    assert (one[24:] < 128).all(axis=2).sum() > 200  # ink
    assert (one[24:] != other[24:]).any()


def test_a_long_reason_and_a_warning_get_lines_of_their_own(defect):
    plain = with_caption(FRAME, defect)
    reason = "no signal: " + "the frame is black; check light, exposure and camera " * 3
    unknown = dataclasses.replace(defect, reason=reason)
    assert len(with_caption(FRAME, unknown)) >= len(plain) + 30
    assert len(with_caption(FRAME, defect, also=("UNTRAINED WEIGHTS é",))) > len(plain)
    # nothing reaches the right edge, so nothing is cut off
    assert (with_caption(FRAME, unknown)[24:, -3:] == 255).all()


def test_overlays_of_score_have_a_caption_and_the_frames_pixels_in_place(built_bundle, tmp_path):
    cv2.imwrite(str(tmp_path / "part.png"), FRAME[:, :, ::-1])
    main(["score", str(built_bundle), str(tmp_path / "part.png"), "--maps", str(tmp_path / "maps")])
    written = cv2.imread(str(tmp_path / "maps" / "part.png.overlay.png"))[:, :, ::-1]
    inspection = Inspector.load(built_bundle, threads=1).inspect(FRAME)
    np.testing.assert_array_equal(written[:24, :18], inspection.overlay(FRAME, outlines=True))
    assert written.shape[0] > 24
    assert (written[24:] < 128).all(axis=2).any()


def test_the_table_has_a_header_and_says_why_a_frame_is_refused(built_bundle, tmp_path, capsys, monkeypatch):
    np.save(tmp_path / "good.npy", FRAME)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main(["score", str(built_bundle), str(tmp_path)]) == 4
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["verdict", "score", "of", "threshold", "p", "file"]
    refused = next(row for row in rows if row.startswith("REFUSED"))
    assert "expected" in refused
    assert refused.count("broken.png") == 1
    # the columns stand under their names
    assert {row.index(str(tmp_path)) for row in rows} == {header.index("file")}


def test_json_lines_have_no_header(built_bundle, tmp_path, capsys):
    np.save(tmp_path / "good.npy", FRAME)
    main(["score", str(built_bundle), str(tmp_path)])
    assert capsys.readouterr().out.startswith('{"file"')
