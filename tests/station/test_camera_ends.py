"""How messages tell a camera's process that ended, and hide what may be a password in the path of an address."""

import pytest

from goodpart_station.sources.address import address_of
from goodpart_station.sources.device_process import ProcessDevice
from goodpart_station.sources.source import SourceLostError

ENDS = """
import os, select, signal, sys
select.select([int(sys.argv[1])], [], [])
{end}
"""


@pytest.mark.parametrize(
    ("end", "words"), [("os._exit(7)", "with 7"), ("os.kill(os.getpid(), signal.SIGKILL)", "by SIGKILL")]
)
def test_a_process_that_ends_before_it_has_read_a_word_says_how(tmp_path, monkeypatch, end, words):
    (tmp_path / "ends_at_once.py").write_text(ENDS.format(end=end))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SourceLostError) as raised:
        ProcessDevice("ends_at_once", [], device=None)
    assert f"found it ended {words}; look at the camera" in str(raised.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://h/admin:geheim/1", "rtsp://h/admin…"),
        ("rtsp://h:554/a/admin%3Ageheim/1", "rtsp://h:554/a/admin…"),
        ("rtsp://h/a/b@geheim", "rtsp://h/a/b…"),
        ("rtsp://h/u%3dgeheim", "rtsp://h/u…"),
        ("rtsp://h/a/geheim=1", "rtsp://h/a/geheim…"),
        ("rtsp://h:554/Streaming/Channels/101", "rtsp://h:554/Streaming/Channels/101"),
    ],
)
def test_no_message_shows_what_stands_behind_a_colon_in_a_path(url, shown):
    address = address_of(url)
    assert (address.shown, address.place) == (shown, url)
