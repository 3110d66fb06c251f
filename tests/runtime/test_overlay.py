"""Overlays: the frame with colour where it is anomalous, as an RGB picture, and pictures as files."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from goodpart.errors import FrameError, UsageError
from goodpart.facts.spec import Channels
from goodpart.frames.pictures import write_picture
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart.scoring.overlay import ColourScale, Marks, draw_overlay, visible
from goodpart.scoring.regions import Region
from small_frames import draw_small
from small_parts import BGR, GRAY, RGB, THERMAL

FRAME = draw_small(100, defect=True)
SCALE = ColourScale.of(4.0, 6.0)


@pytest.fixture(scope="module")
def defect(older) -> Inspection:
    with Inspector.load(older, threads=1) as inspector:
        return inspector.inspect(FRAME)


def grey(height_px, width_px):
    return np.full((height_px, width_px, 3), 150.0, np.float32)


def test_an_overlay_is_an_rgb_picture_of_the_frame(defect):
    picture = defect.overlay(FRAME)
    assert (picture.shape, picture.dtype) == ((24, 18, 3), np.uint8)
    calm = dataclasses.replace(defect, verdict=Verdict.GOOD, grid=np.full_like(defect.grid, defect.colour_scale.begin))
    np.testing.assert_array_equal(calm.overlay(FRAME), FRAME)
    # the colours are red and yellow: much red, less blue
    y_px, x_px = defect.strongest.peak_y_px, defect.strongest.peak_x_px
    assert int(picture[y_px, x_px][0]) > int(picture[y_px, x_px][2])


def test_a_bgr_frame_gives_the_same_picture(defect):
    spec = dataclasses.replace(defect.frame_spec, channels=Channels.BGR)
    other = dataclasses.replace(defect, frame_spec=spec)
    np.testing.assert_array_equal(other.overlay(np.ascontiguousarray(FRAME[:, :, ::-1])), defect.overlay(FRAME))


def test_what_a_person_sees_of_every_kind_of_frame():
    gray = FRAME[:, :, 1]
    np.testing.assert_array_equal(visible(FRAME, RGB), FRAME)
    np.testing.assert_array_equal(visible(FRAME, BGR), FRAME[:, :, ::-1])
    np.testing.assert_array_equal(visible(gray, GRAY), np.dstack([gray] * 3))
    thermal = np.array([[0, 1000, 3000, 5000, 65535]], np.uint16)
    np.testing.assert_allclose(visible(thermal, THERMAL)[0, :, 0], [0.0, 0.0, 127.5, 255.0, 255.0], rtol=1e-6)


def test_the_colours_are_those_of_opencvs_inferno_and_begin_at_the_threshold():
    cv2 = pytest.importorskip("cv2")
    assert (SCALE.begin, SCALE.full) == (4.0, 12.0)
    scores = np.linspace(SCALE.begin, SCALE.full, 256, dtype=np.float32)[np.newaxis, 1:]
    level = (scores - np.float32(SCALE.begin)) / np.float32(SCALE.full - SCALE.begin)
    colours = cv2.applyColorMap(np.rint(115 + 140 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    share = (0.4 + 0.1 * level)[:, :, np.newaxis]
    expected = grey(1, 255) * (1 - share) + colours * share
    # a step of the map is up to 3 levels
    np.testing.assert_allclose(draw_overlay(grey(1, 255), scores, scale=SCALE), expected, atol=3)
    # no frame stretches the scale
    ends = draw_overlay(grey(1, 4), np.array([[-50.0, 4.0, 12.0, 900.0]], np.float32), scale=SCALE)
    assert (ends[0, :2] == 150).all()
    np.testing.assert_array_equal(ends[0, 2], ends[0, 3])


def test_an_outline_lies_around_its_region_and_only_there():
    calm = np.zeros((800, 400), np.float32)
    box = Region(y_px=100, x_px=50, height_px=40, width_px=30, area_share=0.1, peak=9.0, peak_y_px=110, peak_x_px=60)
    picture = draw_overlay(grey(800, 400), calm, scale=SCALE, marks=Marks(boxes=[box]))
    drawn = (picture != 150).any(axis=2)
    assert not drawn[100:140, 50:80].any()
    assert (picture[97:100, 47:83] == 255).all()
    assert (picture[94:97, 44:86] == 0).all()
    drawn[94:146, 44:86] = False
    assert not drawn.any()


def test_an_outline_at_the_edge_stays_in_the_picture():
    corner = Region(y_px=0, x_px=0, height_px=9, width_px=7, area_share=1.0, peak=9.0, peak_y_px=1, peak_x_px=1)
    picture = draw_overlay(grey(9, 7), np.zeros((9, 7), np.float32), scale=SCALE, marks=Marks(boxes=[corner]))
    assert picture.shape == (9, 7, 3)
    assert (picture[0] == 255).all()
    assert (picture[:, -1] == 255).all()


def test_outlines_come_on_request(defect):
    marked = dataclasses.replace(defect, pixel_threshold=0.5 * float(defect.grid.max()))
    assert marked.regions
    assert (marked.overlay(FRAME, outlines=True) != marked.overlay(FRAME)).any()


@pytest.mark.parametrize("other", [FRAME[:-1], FRAME[:, :, 0], FRAME.astype(np.float32), None])
def test_another_frame_than_the_inspected_one_is_refused(defect, other):
    with pytest.raises(FrameError, match="expected"):
        defect.overlay(other)


def test_a_picture_is_written_as_it_is(defect, tmp_path):
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "new" / "x.png"
    write_picture(path, defect.overlay(FRAME))
    np.testing.assert_array_equal(cv2.imread(str(path))[:, :, ::-1], defect.overlay(FRAME))


@pytest.mark.parametrize(
    ("name", "picture"),
    [("x.jpg", FRAME), ("x", FRAME), ("x.png", FRAME[:, :, 0]), ("x.png", FRAME / 255), ("x.png", FRAME[:0])],
)
def test_what_is_no_picture_is_not_written(tmp_path, name, picture):
    with pytest.raises(UsageError, match=rf"{name}: expected"):
        write_picture(tmp_path / name, picture)
    assert list(tmp_path.iterdir()) == []


def test_overlays_need_no_opencv(older):
    code = f"""
import sys
sys.modules["cv2"] = None
import goodpart, numpy as np
inspector = goodpart.Inspector.load({str(older)!r}, threads=1)
frame = np.random.default_rng(0).integers(0, 255, (24, 18, 3), dtype=np.uint8)
print(inspector.inspect(frame).overlay(frame, outlines=True).shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(24, 18, 3)", done.stderr
