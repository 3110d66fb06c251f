"""The table of a stream: what fits together, and that no password comes into a message."""

from pathlib import Path

import pytest

from goodpart import UsageError
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.stream import StreamTable
from goodpart_station.sources.address import StreamKind, address_of
from goodpart_station.sources.stream_settings import options_of
from goodpart_station.station import source_of
from station_parts import Wants


def table_of(**keys):
    return StreamTable(**({"url": "rtsp://host/camera"} | keys))


@pytest.mark.parametrize(
    ("url", "kind", "shown"),
    (
        ("rtsp://host/stream/1", StreamKind.RTSP, "rtsp://host/stream/1"),
        ("rtsp://10.0.0.5:8554/live", StreamKind.RTSP, "rtsp://10.0.0.5:8554/live"),
        ("rtsp://[fd00::5]:554/live", StreamKind.RTSP, "rtsp://[fd00::5]:554/live"),
        ("rtsp://host/cam?channel=1&subtype=0", StreamKind.RTSP, "rtsp://host/cam…"),
        ("rtsp://host/user=admin_channel=1", StreamKind.RTSP, "rtsp://host/user…"),
        ("tcp://127.0.0.1:9000", StreamKind.TCP, "tcp://127.0.0.1:9000"),
        (Path("/dev/video0"), StreamKind.DEVICE, "/dev/video0"),
        (Path("/data/line.mp4"), StreamKind.FILE, "/data/line.mp4"),
    ),
)
def test_addresses(url, kind, shown):
    address = address_of(url)
    assert (address.kind, address.shown) == (kind, shown)


@pytest.mark.parametrize(
    "url",
    (
        "rtsp://admin:s3cret@host/camera",
        "rtsp://s3cret@host/camera",
        "rtsp://host/camera?user=a&password=s3cret",
        "rtsp://host/camera?pwd=s3cret",
        "rtsp://host/user=a&PassWord=s3cret&channel=1",
        "tcp://a:s3cret@host:9000",
        "https://a:s3cret@host/camera",
        "rtsp://host:s3cret/camera",
        "rtsp://a:s3cret@",
        "rtsp://[s3cret/camera",
    ),
)
def test_no_message_shows_an_address_that_is_refused(url):
    with pytest.raises(UsageError, match=r"^url: expected") as error:
        table_of(url=url)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("url", ("tcp://host", "tcp://host:9000/path", "http://host/x", "rtsp:///x", "rtsp://host:0/x"))
def test_other_addresses_are_refused(url):
    with pytest.raises(UsageError, match=r"^url: expected"):
        table_of(url=url)


def test_a_password_is_written_into_the_address_that_ffmpeg_gets_alone():
    address = address_of("rtsp://host/camera")
    assert address.opened_as("line 1", "p@s:w/%41d") == "rtsp://line%201:p%40s%3Aw%2F%2541d@host/camera"
    assert address.opened_as(None, None) == "rtsp://host/camera"


SOFTWARE = {"trigger": TriggerKind.SOFTWARE, "pair_after_ms": 500.0, "latency_ms": 300.0}


@pytest.mark.parametrize(
    ("keys", "message"),
    (
        ({"trigger": TriggerKind.HARDWARE, "min_spacing_ms": 500.0}, 'trigger: expected "software" or "none"'),
        (SOFTWARE | {"latency_ms": None}, 'trigger: expected latency_ms beside "software"'),
        (SOFTWARE | {"pair_after_ms": 300.0}, "pair_after_ms: expected more than latency_ms (300)"),
        (SOFTWARE | {"pair_after_ms": None}, "pair_after_ms: expected more than latency_ms (300)"),
        (SOFTWARE | {"rate": 5.0}, 'rate: expected no such key with trigger = "software"'),
        ({"latency_ms": 10.0}, 'latency_ms: expected no such key with trigger = "none"'),
        ({"password_file": Path("x")}, "password_file: expected the key user beside it"),
        ({"user": "x"}, "user: expected the key password_file beside it, found none; add it, or take user out"),
        ({"url": Path("a.mp4"), "user": "x"}, "user: expected no such key but with a url of kind rtsp"),
        ({"size": "640x480"}, "size: expected no such key but with a url of kind device"),
        ({"fps": 5.0}, "fps: expected no such key but with a url of kind device"),
        ({"input_format": "mjpeg"}, "input_format: expected no such key but with a url of kind device"),
    ),
)
def test_settings_that_do_not_fit(keys, message):
    with pytest.raises(UsageError) as error:
        table_of(**keys)
    assert message in str(error.value)


def test_a_password_file_that_everybody_may_read_is_refused(tmp_path):
    file = tmp_path / "camera.pw"
    file.write_text("s3cret\n")
    file.chmod(0o644)
    with pytest.raises(UsageError, match="not everybody may read") as error:
        source_of(table_of(user="line1", password_file=file))(Wants())
    assert "s3cret" not in str(error.value)
    file.chmod(0o640)
    source = source_of(table_of(user="line1", password_file=file))(Wants())
    assert not source.simulated
    assert "s3cret" not in repr(vars(source))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"url: expected a video file at .*line\.mp4, found nothing"):
        source_of(table_of(url=tmp_path / "line.mp4"))(Wants())


def test_a_stream_in_the_file(read_text, tmp_path):
    text = (
        '[station]\nname = "a"\ndata = "data"\ndeadline_ms = 900\n[[product]]\nnumber = 1\nname = "b"\nstore = "b"\n'
        '[source]\nkind = "stream"\nurl = "recorded/line.mp4"\nrepeat = false\nrate = 2\n'
    )
    source = read_text(text).source
    assert isinstance(source, StreamTable)
    assert source.address.kind is StreamKind.FILE
    assert str(source.url).endswith("recorded/line.mp4")
    assert (source.repeat, source.rate) == (False, 2.0)


def test_what_comes_from_outside_opens_nothing_else():
    options = options_of(address_of("tcp://host:1"), transport="tcp", input_format=None, size=None, fps=None)
    assert options == {"protocol_whitelist": "tcp"}
    options = options_of(address_of("rtsp://host/x"), transport="udp", input_format=None, size=None, fps=None)
    assert options["rtsp_transport"] == "udp"
    assert "file" not in options["protocol_whitelist"]
    options = options_of(
        address_of(Path("/dev/video9")),
        transport="tcp",
        input_format="mjpeg",
        size="640x480",
        fps=15.0,
    )
    assert (options["input_format"], options["video_size"], options["framerate"]) == ("mjpeg", "640x480", "15.0")
