"""What would have no effect is refused, because somebody counts on it; what goes away meanwhile is not missed."""

import argparse
from pathlib import Path

import pytest

from goodpart import UsageError
from goodpart_station.cli.run import add_options, run
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.config import read_config
from goodpart_station.config.tables import ReplayTable
from goodpart_station.station import plan_of

_FILE = """
[station]
name = "line1"
data = "data"
deadline_ms = 100
[[product]]
number = 1
name = "bar"
store = "bar"
[source]
kind = "folder"
path = "frames"
trigger = "software"
"""


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Runs with options in place of what really runs, and returns the error."""

    def ran(*_):
        raise AssertionError("it ran")

    monkeypatch.setattr("goodpart_station.cli.run.run_station", ran)
    (tmp_path / "frames").mkdir()
    (tmp_path / "line.toml").write_text(_FILE)
    parser = argparse.ArgumentParser()
    add_options(parser)

    def refused(*options):
        with pytest.raises(UsageError) as error:
            run(parser.parse_args([option.format(folder=tmp_path) for option in options]))
        return str(error.value)

    return refused


@pytest.mark.parametrize(
    "options", [("--rate", "5"), ("--shuffle",), ("--once",), ("--dim", "0.9"), ("--defocus", "1.5")]
)
def test_what_changes_a_simulation_needs_one(refused, options):
    """Whoever writes one of these believes that nothing of it reads as GOOD."""
    assert refused("{folder}/line.toml", *options).startswith(f"{options[0]}: expected --simulate DIR beside it")


def test_a_rate_is_refused_where_triggers_ask_for_each_image(refused):
    found = refused("{folder}/line.toml", "--simulate", "{folder}/frames", "--rate", "5")
    assert found.startswith("--rate: expected a file without triggers")
    with pytest.raises(UsageError, match=r"^rate: expected no such key"):
        ReplayTable(path=".", trigger=TriggerKind.SOFTWARE, rate=5.0)


def test_a_product_is_refused_beside_a_bundle(refused):
    found = refused("--simulate", "{folder}/frames", "--bundle", "{folder}/bundle", "--product", "2")
    assert found.startswith("--product: expected FILE.toml beside it")


def test_a_ring_that_a_running_station_writes_can_be_measured(tmp_path, monkeypatch):
    (tmp_path / "frames").mkdir()
    (tmp_path / "data" / "ring").mkdir(parents=True)
    (tmp_path / "data" / "ring" / "kept.png").write_bytes(bytes(1000))
    (tmp_path / "data" / "ring" / "gone.png").write_bytes(bytes(1000))
    (tmp_path / "line.toml").write_text(_FILE + '[ring]\nmax_bytes = "1 GB"\n')
    is_file = Path.is_file

    def goes_away(self):
        found = is_file(self)
        if self.name == "gone.png":
            self.unlink()
        return found

    config = read_config(tmp_path / "line.toml")
    monkeypatch.setattr(Path, "is_file", goes_away)
    assert plan_of(config).room_bytes == 10**9 - 1000
