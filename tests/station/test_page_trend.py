"""The trend: minutes, what is kept of them, and counters that a restart does not lose."""

import dataclasses
import sqlite3
import time

import pytest

from goodpart_station.codes import PartVerdict
from goodpart_station.page.options import PageTable
from goodpart_station.page.server import TREND_NAME
from goodpart_station.page.trend import KEPT_DAYS, MOST_POINTS, Minute, Trend
from goodpart_station.tokens import TOKENS_NAME, Role
from page_station import ANY_PORT, Station, Watcher
from small_answers import answer, good, refused, reject

START = 1_795_718_040.0 - 1_795_718_040.0 % 60


def part(score, at, **changes):
    return dataclasses.replace(answer(1, score), at=at, **changes)


@pytest.fixture
def trend(tmp_path):
    made = Trend(tmp_path / "trend.db")
    made.open()
    yield made
    made.close()


def minute(index, scores=(1.0,), product="bracket"):
    made = Minute(int(START // 60) + index, product)
    for score in scores:
        made.add(part(score, START + 60 * index))
    return made


def test_a_minute_is_over_when_the_next_part_comes(trend):
    assert trend.add(part(1.0, START)) == []
    assert trend.add(part(3.0, START + 59.9)) == []
    (over,) = trend.add(part(9.0, START + 60))
    trend.write([over])
    (point,) = trend.points("bracket", since=START - 60, until=START + 60)
    assert (point["at"], point["scored"], point["median"], point["highest"]) == (START, 2, 2.0, 3.0)
    assert point["low"] == pytest.approx(1.1) and point["high"] == pytest.approx(2.9) and point["threshold"] == 3.5


def test_products_have_trends_of_their_own(trend):
    trend.write([minute(0, (1.0,), "bracket"), minute(0, (5.0,), "washer")])
    assert [point["median"] for point in trend.points("washer", since=START, until=START)] == [5.0]


def test_a_minute_that_comes_twice_adds_up(trend):
    trend.write([minute(0, (1.0, 2.0))])
    trend.write([minute(0, (6.0,))])
    (point,) = trend.points("bracket", since=START, until=START)
    assert (point["scored"], point["highest"], point["low"]) == (3, 6.0, pytest.approx(1.05))
    assert trend.counts(since=START)[PartVerdict.GOOD] == 2


def test_long_times_have_at_most_480_points(trend):
    trend.write([minute(index, (1.0, 9.0 if index == 7777 else 2.0)) for index in range(0, 20_000, 11)])
    found = trend.points("bracket", since=START, until=START + 60 * 20_000)
    assert 200 < len(found) <= MOST_POINTS + 1
    assert max(point["highest"] for point in found) == 9.0
    assert [point["at"] for point in found] == sorted(point["at"] for point in found)


def test_minutes_are_kept_for_30_days(trend):
    later = KEPT_DAYS * 24 * 60 + 1
    trend.write([minute(0), minute(1), minute(later)])
    assert trend.counts(since=START)[PartVerdict.GOOD] == 2


def test_a_damaged_trend_is_moved_aside(tmp_path, caplog):
    (tmp_path / "trend.db").write_bytes(b"nothing like a database" * 100)
    trend = Trend(tmp_path / "trend.db")
    trend.open()
    trend.write([minute(0)])
    assert len(trend.points("bracket", since=START, until=START)) == 1
    trend.close()
    assert "moved aside" in caplog.text
    assert (tmp_path / "trend.db.damaged").read_bytes().startswith(b"nothing like")


def test_a_disk_without_a_trend_lets_the_station_start(tmp_path, caplog):
    (tmp_path / TREND_NAME).mkdir()
    with Station(tmp_path, ring=None) as station, Watcher(station) as watcher:
        station.put(good(1))
        assert watcher.until(lambda found: found["part"])["shift"]["counts"]["GOOD"] == 1
        assert station.ask("/trend", role=Role.VIEWER)[1]["points"] == []
    assert "there is none" in caplog.text
    # nothing is moved aside that may be whole
    assert [path.name for path in tmp_path.glob("trend*")] == [TREND_NAME]


def test_a_disk_that_takes_nothing_costs_minutes_alone(trend, caplog):
    trend._database.execute("pragma query_only = on")
    trend.write([minute(0)])
    assert "a minute is lost" in caplog.text
    trend._database.execute("pragma query_only = off")
    trend.write([minute(1)])
    assert len(trend.points("bracket", since=START, until=START + 600)) == 1


def test_counters_of_the_shift_outlive_a_restart(tmp_path):
    now = time.time()
    config = PageTable(listen=ANY_PORT, shifts=(time.strftime("%H:%M", time.localtime(now - 3600)),))

    def counted(station, *results):
        with Watcher(station) as watcher:
            station.put(*results)
            seqs = {result.part.seq for result in results}
            return watcher.until(lambda found: found["part"] and found["part"]["seq"] == max(seqs))["shift"]["counts"]

    with Station(tmp_path, config=config, ring=None) as station:
        before = dataclasses.replace(good(1), at=now - 7200)
        found = counted(station, before, *(dataclasses.replace(reject(seq), at=now) for seq in (2, 3)))
        assert (found["GOOD"], found["DEFECT"]) == (1, 2)
    (tmp_path / TOKENS_NAME).unlink()
    with Station(tmp_path, config=config, ring=None) as station:
        (state,) = station.events(1, role=Role.VIEWER)
        # what was answered before the shift began does not count
        assert (state["shift"]["counts"]["GOOD"], state["shift"]["counts"]["DEFECT"]) == (0, 2)


def test_a_new_shift_begins_at_zero(tmp_path):
    with Station(tmp_path, ring=None) as station:
        page, now = station.page, time.time()
        station.put(good(1), refused(2))
        station.settle(now)
        assert page._shift.counts[PartVerdict.GOOD] == 1
        tomorrow = now - now % 60 + 86_400
        station.put(good(3))
        station.settle(tomorrow)
        assert page._shift.since > now and page._shift.counts[PartVerdict.GOOD] == 0
        station.put(good(4))
        station.settle(tomorrow + 1)
        assert page._shift.counts[PartVerdict.GOOD] == 1


def test_the_last_minute_is_stored_at_the_end(tmp_path):
    with Station(tmp_path, ring=None) as station:
        station.put(reject(1))
        station.events(1)
    database = sqlite3.connect(tmp_path / TREND_NAME)
    assert database.execute("select sum(defect) from minute").fetchone() == (1,)
    database.close()
