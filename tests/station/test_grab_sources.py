"""Pictures of sources with a library behind them: a video file, and the simulated camera of the genicam wheel."""

import importlib.util
from pathlib import Path

import av
import cv2
import pytest

from goodpart_station.cli.main import main
from small_stream import coded, number_of
from station_files import LEAST

HEAD = LEAST.partition("[source]")[0]


def video(path, frames):
    """Writes a video file of 100 frames per second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=100)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuvj420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture
def line(tmp_path):
    """Writes the file of a station, and returns the command line that grabs."""

    def writes(source):
        (tmp_path / "line.toml").write_text(f"{HEAD}[source]\n{source}")
        return ["grab", str(tmp_path / "line.toml"), "--out", str(tmp_path / "good")]

    return writes


@pytest.mark.parametrize("channels", ["RGB", "BGR", "GRAY"])
def test_a_video_file_gives_each_frame_once(line, tmp_path, capsys, channels):
    frames = coded(12)
    frames[..., 2] = 0
    video(tmp_path / "line.mkv", frames)
    options = [] if channels == "RGB" else ["--channels", channels]
    assert main([*line('kind = "stream"\nurl = "line.mkv"\n'), *options]) == 0
    said = capsys.readouterr().out
    assert "pictures    12 of 100" in said
    assert f"32x128 (HxW) uint8 {channels}, PNG" in said
    read = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((tmp_path / "good").iterdir())]
    if channels == "GRAY":
        assert {pixels.shape for pixels in read} == {(32, 128)}
        return
    # OpenCV gives BGR: whatever the bundle's order, red is red in the file
    assert [number_of(pixels[:, :, ::-1]) for pixels in read] == list(range(12))
    assert all(pixels[..., 2].mean() > 3 * pixels[..., 0].mean() for pixels in read)


def test_colours_of_16_bits_are_refused(line, tmp_path, capsys):
    video(tmp_path / "line.mkv", coded(2))
    assert main([*line('kind = "stream"\nurl = "line.mkv"\n'), "--dtype", "uint16"]) == 2
    assert "uint16 goes with GRAY only, found RGB" in capsys.readouterr().err


def test_video_of_8_bits_is_no_grey_of_16(line, tmp_path, capsys):
    video(tmp_path / "line.mkv", coded(25))
    asked = ["--channels", "GRAY", "--dtype", "uint16"]
    assert main([*line('kind = "stream"\nurl = "line.mkv"\n'), *asked]) == 2
    said = capsys.readouterr()
    assert "found video of 8 bits" in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "good").exists()


@pytest.mark.skipif(
    importlib.util.find_spec("genicam") is None or importlib.util.find_spec("harvesters") is None,
    reason="missing: the extra goodpart-station[genicam]",
)
def test_a_camera_behind_a_producer(line, tmp_path, capsys):
    import genicam

    producer = Path(genicam.__file__).with_name("viky.cti")
    source = f'kind = "genicam"\nproducer = "{producer}"\ndevice = "1"\npixel_format = "Mono8"\n'
    assert main([*line(source), "--count", "3"]) == 0
    assert "400x400 (HxW) uint8 GRAY, 8 bits, PNG" in capsys.readouterr().out
    read = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((tmp_path / "good").iterdir())]
    assert [pixels.shape for pixels in read] == [(400, 400)] * 3
    # it moves its picture
    assert (read[0] != read[1]).any()
