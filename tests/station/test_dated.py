"""Windows that leave so little between two parts that no frame can be dated, and how such frames are told."""

import logging

import pytest

from goodpart_station.sources.strays import Strays
from station_files import LEAST

HEAD = LEAST.partition("[source]")[0]
FOLDER = 'kind = "folder"\npath = "frames"\n'
CAMERA = 'kind = "aravis"\npixel_format = "Mono8"\n'
HARDWARE = 'trigger = "hardware"\npair_before_ms = 20\npair_after_ms = {after}\nmin_spacing_ms = 100\n'


def text_of(source, after_ms):
    return f"{HEAD}[source]\n{source}{HARDWARE.format(after=after_ms)}"


@pytest.mark.parametrize(("source", "after_ms", "least"), [(CAMERA, 76.1, 4), (FOLDER, 70.1, 10)])
def test_less_than_a_source_can_date_by_is_refused_in_its_line(refused, source, after_ms, least):
    text = text_of(source, after_ms)
    line = text.splitlines().index("min_spacing_ms = 100") + 1
    assert refused(text) == (
        f"line.toml:{line}: min_spacing_ms: expected {20 + after_ms + least:g} or more: both windows, and the "
        f"{least} ms by which frames of this source may be dated too late, found 100; narrow the windows, or let "
        f"parts come more seldom"
    )


@pytest.mark.parametrize(("source", "after_ms", "least"), [(CAMERA, 76, 4), (FOLDER, 70, 10), (CAMERA, 75.9, 4.1)])
def test_as_much_as_it_can_is_taken(read_text, source, after_ms, least):
    assert read_text(text_of(source, after_ms)).source.spare_ms == pytest.approx(least)


def test_windows_that_meet_are_told_as_before(refused):
    assert "pair_before_ms + pair_after_ms: expected less than min_spacing_ms (100)" in refused(text_of(CAMERA, 80))


def test_frames_that_are_thrown_away_are_told_once_in_ten_seconds_with_their_number(caplog):
    caplog.set_level(logging.WARNING)
    strays = Strays()
    for second in range(25):
        strays.tell(f"frame {second}", 5_000_000_000 + second * 1_000_000_000)
    why = "came while nobody looked for too long, and may be another part's"
    assert caplog.messages == [
        f"frame 0 {why}",
        f"frame 10 {why} (and 9 more before it)",
        f"frame 20 {why} (and 9 more before it)",
    ]
