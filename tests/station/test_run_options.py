"""Options of `goodpart-station run` that would do nothing: who leaves `--simulate` out would run the real line."""

import types

import pytest

from goodpart_station.cli import run
from goodpart_station.cli.main import main
from goodpart_station.conductor.rules import TriggerKind


@pytest.fixture
def never(monkeypatch):
    def start(*_):
        raise AssertionError("it started")

    monkeypatch.setattr(run, "run_station", start)
    monkeypatch.setattr(run, "read_config", start)
    monkeypatch.setattr(run, "simulation", start)


@pytest.mark.parametrize("given", [["--rate", "5"], ["--shuffle"], ["--once"], ["--dim", "0.9"], ["--defocus", "1.5"]])
def test_an_option_of_a_simulation_needs_one(never, given, capsys):
    assert main(["run", "line1.toml", *given]) == 2
    assert f"{given[0]}: expected --simulate DIR beside it" in capsys.readouterr().err


def test_a_bundle_is_the_only_product(never, tmp_path, capsys):
    assert main(["run", "--simulate", str(tmp_path), "--bundle", "b", "--product", "2"]) == 2
    assert "--product: expected FILE.toml beside it" in capsys.readouterr().err


def test_triggers_set_the_pace_of_a_simulation(never, tmp_path, monkeypatch, capsys):
    source = types.SimpleNamespace(trigger=TriggerKind.HARDWARE)
    monkeypatch.setattr(run, "read_config", lambda _: types.SimpleNamespace(source=source))
    assert main(["run", "line1.toml", "--simulate", str(tmp_path), "--rate", "5"]) == 2
    assert "--rate: expected trigger none in line1.toml" in capsys.readouterr().err
