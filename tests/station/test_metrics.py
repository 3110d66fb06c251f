"""Metrics: every figure is there, Prometheus' own checker is content, no part has a label."""

import dataclasses
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from goodpart.errors import MissingExtraError
from goodpart_station.codes import Bits, PartVerdict, Reason, State
from goodpart_station.sinks.drift_watch import DriftWatch
from goodpart_station.sinks.metrics import Metrics
from goodpart_station.sinks.settings import DriftSettings
from small_answers import BUNDLE, answer
from small_broker import await_that, peer
from still_line import IDLE, StillLine


class Dropping:
    """A sink that has dropped three."""

    name, dropped = "mqtt", 3


@pytest.fixture
def drift(tmp_path):
    made = DriftWatch(DriftSettings(), tmp_path)
    made._take(answer(1))
    return made


@pytest.fixture
def line():
    return StillLine()


@pytest.fixture
def metrics(line, drift):
    made = Metrics(line, [Dropping()], drift=drift, ring_bytes=lambda: 12345)
    made.start()
    yield made
    made.close()


def put(metrics, *results):
    before = sum(metrics._tally.values())
    for result in results:
        metrics.put(result)
    await_that(lambda: sum(metrics._tally.values()) == before + len(results))


def figures(metrics):
    """Every sample, by its name and labels."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {(each.name, *sorted(each.labels.items())): each.value for family in families for each in family.samples}


def test_every_figure_is_there(metrics, line):
    line.now = dataclasses.replace(IDLE, state=State.HALTED, bits=Bits.CLOCK_UNSYNCED)
    timeout = answer(4, None, verdict=PartVerdict.TIMEOUT, reason=Reason.DEADLINE, bundle="", ms={"total": 100.0})
    metrics.put(answer(4, 9.0, verdict=PartVerdict.TIMEOUT, late=True))
    put(metrics, answer(1), answer(2), answer(3, None, reason=Reason.OVERRUN, bundle="", ms={}), timeout)
    found = figures(metrics)
    assert found["goodpart_parts_total", ("product", "bracket"), ("verdict", "GOOD")] == 2
    assert found["goodpart_parts_total", ("product", "bracket"), ("verdict", "TIMEOUT")] == 1
    assert found["goodpart_parts_total", ("product", "bracket"), ("verdict", "REFUSED")] == 1
    assert found["goodpart_late_total",] == 1
    for stage, seconds in {"grab": 0.0112, "queue": 0.0002, "embed": 0.0241, "search": 0.0039, "total": 0.041}.items():
        assert found["goodpart_stage_seconds_count", ("stage", stage)] == 3
        total = 2 * seconds + 0.1 if stage == "total" else 3 * seconds
        assert found["goodpart_stage_seconds_sum", ("stage", stage)] == pytest.approx(total)
    assert found["goodpart_sink_dropped_total", ("sink", "mqtt")] == 3
    assert found["goodpart_state",] == State.HALTED
    assert found["goodpart_product",] == 1
    assert found["goodpart_clock_synced",] == 0
    assert found["goodpart_drift_evidence",] == 0
    assert found["goodpart_ring_bytes",] == 12345
    assert found["goodpart_bundle_info", ("digest", BUNDLE), ("serial", "12")] == 1
    assert found["process_open_fds",] > 0


def test_an_alarm_of_drift_is_named(metrics, drift):
    for seq in range(2, 5000):
        drift._take(answer(seq, 1.0 if seq < 2700 else 2.5))
    assert drift.is_alarm
    found = figures(metrics)
    assert found["goodpart_drift_evidence",] >= 1
    assert found["goodpart_drift_alarm", ("statistic", "score")] == 1


def test_prometheus_own_checker_is_content(metrics):
    metrics.put(answer(1, late=True))
    put(metrics, answer(1), answer(2, 9.0))
    promtool = peer("promtool", "prometheus")
    found = subprocess.run([promtool, "check", "metrics"], input=metrics.text(), capture_output=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")


def test_labels_do_not_grow_with_the_parts(metrics):
    put(metrics, answer(1))
    few = len(figures(metrics))
    put(metrics, *(answer(seq) for seq in range(2, 200)))
    assert len(figures(metrics)) == few


def test_without_drift_ring_and_bundle_the_others_are_there(line):
    found = figures(Metrics(line))
    assert found["goodpart_state",] == State.READY
    assert not [name for name, *_ in found if "drift" in name or "ring" in name or "bundle" in name]


def test_two_stations_of_one_process_share_nothing(line, metrics):
    put(metrics, answer(1))
    assert not [key for key in figures(Metrics(line)) if key[0] == "goodpart_parts_total"]


def test_figures_of_a_minute(metrics):
    put(metrics, *(answer(seq, ms={"total": float(seq)}) for seq in range(1, 101)))
    assert metrics.stats() == {
        "parts": {"GOOD": 100},
        "late": 0,
        "parts_since": 100,
        "total_ms": {"p50": 51.0, "p99": 100.0},
        "dropped": {"mqtt": 3},
        "drift": {"phase": "LEARNING", "evidence": 0.0},
    }
    again = metrics.stats()
    assert (again["parts"], again["parts_since"], again["total_ms"]) == ({"GOOD": 100}, 0, None)


def test_without_the_library_they_name_the_extra(monkeypatch, line):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtraError, match=r"prometheus-client.*'\./station\[web\]'"):
        Metrics(line)
