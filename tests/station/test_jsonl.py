"""The log of results: whole lines in files of bounded size, whatever the disk does."""

import dataclasses
import json
import logging
import os

import pytest

from goodpart.errors import UsageError
from goodpart_station.message import Messages
from goodpart_station.sinks.jsonl import JsonlSink
from small_answers import BOOT, good
from station_disk import largest_file

MESSAGES = Messages("line1", BOOT, None)
LINE = len(MESSAGES.line(good(100))) + 1


def write(path, numbers, **options):
    sink = JsonlSink(path, MESSAGES, **options)
    sink.start()
    for seq in numbers:
        sink.put(good(seq))
    sink.close()
    return sink


def seqs(path):
    text = path.read_bytes()
    assert text.endswith(b"\n") or not text
    return [json.loads(line)["seq"] for line in text.splitlines()]


def test_every_result_is_one_line(tmp_path):
    log = tmp_path / "logs" / "results.jsonl"
    assert write(log, range(1, 21)).dropped == 0
    assert seqs(log) == list(range(1, 21))
    write(log, [21])
    assert seqs(log) == list(range(1, 22))


def test_files_are_set_aside_by_size_and_the_oldest_goes(tmp_path):
    log = tmp_path / "results.jsonl"
    each = 10_000 // LINE
    write(log, range(100, 100 + 5 * each), max_bytes=10_000, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.jsonl", "results.jsonl.1", "results.jsonl.2"]
    assert all(path.stat().st_size <= 10_000 for path in tmp_path.iterdir())
    kept = [seq for end in (".2", ".1", "") for seq in seqs(tmp_path / f"results.jsonl{end}")]
    assert kept == list(range(kept[0], 100 + 5 * each))
    assert len(kept) > 2 * each


def test_a_number_that_a_kill_left_free_is_used_and_nothing_goes(tmp_path):
    log = tmp_path / "results.jsonl"
    for end, seq in (("", 105), (".1", 104), (".3", 102)):
        log.with_name(f"results.jsonl{end}").write_bytes(MESSAGES.line(good(seq)) + b"\n")
    write(log, range(106, 106 + 10_000 // LINE), max_bytes=10_000, keep=3)
    heads = {end: seqs(log.with_name(f"results.jsonl{end}"))[0] for end in (".1", ".2", ".3")}
    assert heads == {".1": 105, ".2": 104, ".3": 102}


def test_no_old_file_stays_if_none_is_wanted(tmp_path):
    log = tmp_path / "results.jsonl"
    write(log, range(100, 150), max_bytes=10_000, keep=0)
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl"]
    assert seqs(log)[-1] == 149


@pytest.mark.parametrize("cut", [1, 7, LINE - 2, LINE - 1])
def test_a_torn_last_line_is_completed_or_taken_back(tmp_path, cut):
    log = tmp_path / "results.jsonl"
    write(log, [100, 101])
    os.truncate(log, 2 * LINE - cut)
    write(log, [102])
    # only the end of the line was missing: the result is there
    assert seqs(log) == ([100, 101, 102] if cut == 1 else [100, 102])


def test_a_file_of_one_torn_line_becomes_empty_first(tmp_path):
    log = tmp_path / "results.jsonl"
    log.write_bytes(b'{"v":1,"text":"' + b"x" * 200_000)
    write(log, [100])
    assert seqs(log) == [100]


def test_a_full_disk_is_told_once_and_drops_are_counted(tmp_path, caplog):
    log = tmp_path / "results.jsonl"
    sink = JsonlSink(log, MESSAGES)
    with caplog.at_level(logging.WARNING), largest_file(2 * LINE + 50):
        sink._append(good(100))
        sink._append(good(101))
        for seq in range(102, 105):
            sink._append(good(seq))
        assert seqs(log) == [100, 101]
        assert sink.dropped == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "make room or mend the disk" in caplog.text
    sink._append(good(105))
    sink._append(good(106))
    sink._shut()
    assert seqs(log) == [100, 101, 105, 106]
    assert [json.loads(line)["dropped"] for line in log.read_bytes().splitlines()] == [0, 0, 3, 0]
    assert "3 are in no line" in caplog.text


def test_a_piece_that_cannot_be_taken_back_goes_before_the_next_line(tmp_path, monkeypatch):
    log = tmp_path / "results.jsonl"
    sink = JsonlSink(log, MESSAGES)
    sink._append(good(100))

    def fail(handle, size):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken, largest_file(LINE + 50):
        broken.setattr(os, "ftruncate", fail)
        sink._append(good(101))
    assert log.stat().st_size == LINE + 50
    sink._append(good(102))
    sink._shut()
    assert seqs(log) == [100, 102]


def test_what_the_mailbox_drops_stands_in_the_next_message(tmp_path):
    log = tmp_path / "results.jsonl"
    sink = JsonlSink(log, MESSAGES, size=3)
    for seq in range(100, 110):
        sink.put(good(seq))
    sink.start()
    sink.close()
    rows = [json.loads(line) for line in log.read_bytes().splitlines()]
    # closing takes a place in the mailbox too
    assert [row["seq"] for row in rows][-1] == 109
    assert sum(row["dropped"] for row in rows) == 10 - len(rows) == sink.dropped


def test_a_result_that_cannot_be_told_ends_nothing(tmp_path, caplog):
    log = tmp_path / "results.jsonl"
    sink = JsonlSink(log, MESSAGES)
    sink.start()
    for result in (dataclasses.replace(good(100), at=float("nan")), good(101)):
        sink.put(result)
    sink.close()
    assert (seqs(log), sink.dropped) == ([101], 1)
    assert "a result could not be written" in caplog.text


def test_a_log_that_is_a_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="expected a file for the log, found a folder"):
        JsonlSink(tmp_path, MESSAGES).start()


@pytest.mark.parametrize("options", [{"max_bytes": 100}, {"keep": -1}])
def test_impossible_sizes_are_refused(tmp_path, options):
    with pytest.raises(UsageError, match="expected"):
        JsonlSink(tmp_path / "x", MESSAGES, **options)
