"""Benchmarks of a station with its peers: they run, and notice what they are there to notice."""

import os
from pathlib import Path

import pytest

from goodpart_station.sinks.courier import Courier
from small_broker import peer

BUNDLE = Path(__file__).parents[1] / "fixtures" / "format_2"


@pytest.fixture(autouse=True)
def _mosquitto():
    peer("mosquitto", "mosquitto")


def test_the_soak_answers_every_part_and_reads_memory(bench):
    found = bench("station_soak", BUNDLE, "--parts", 60, "--every", 20, "--limit-mb", 1e9)
    # the PLC goes on while the station ends, which answers what it has in hand
    assert found["verdicts"].pop("SIMULATED") >= 60
    assert set(found["verdicts"]) <= {"REFUSED"}
    assert [row["parts"] for row in found["rows"]] == [20, 40, 60]
    assert all(row["resident_mb"] > 0 < row["handles"] for row in found["rows"])
    assert all(row["dropped"] == {} for row in found["rows"])


def test_the_soak_notices_handles_that_leak(script, monkeypatch):
    handle, left = Courier.put, []

    def leaking(self, result):
        left.append(os.dup(0))
        handle(self, result)

    monkeypatch.setattr(Courier, "put", leaking)
    try:
        assert script("station_soak", BUNDLE, "--parts", 40, "--every", 10, "--limit-mb", 1e9) == 1
    finally:
        for each in left:
            os.close(each)


def test_a_broker_that_is_away_for_a_second_costs_nothing(bench):
    found = bench("station_broker", "--seconds", 1, "--rate", 50)
    hung, killed = found["hung"], found["killed"]
    assert (hung["parts"], hung["arrived"], hung["dropped"], hung["in_order"], hung["untold"]) == (150, 150, 0, True, 0)
    # a broker that is killed takes along what it has acknowledged and not passed on
    assert (killed["parts"], killed["dropped"], killed["in_order"], killed["untold"]) == (150, 0, True, 0)
    assert killed["arrived"] > 100
