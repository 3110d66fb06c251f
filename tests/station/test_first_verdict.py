"""What docs/station-first.md shows works as it stands there."""

import re
from pathlib import Path

import pytest

from goodpart_station.cli.main import main
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.station import plan_of

PAGE = (Path(__file__).parents[2] / "docs" / "station-first.md").read_text()


def block(begins):
    """The indented block of the page that begins so, without its indentation."""
    blocks = re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", PAGE)
    (found,) = [one for one in blocks if one.strip().startswith(begins)]
    return re.sub(r"(?m)^    ", "", found)


def test_the_file_is_a_plan(read_text, tmp_path):
    plan = plan_of(read_text(block("[station]")))
    assert (plan.product, plan.rules.trigger) == (1, TriggerKind.SOFTWARE)
    # the one window must lie inside the other, or each slow frame would be a TIMEOUT
    assert plan.rules.pair_after_ns < plan.rules.deadline_ns
    assert plan.store_of(1).folder == tmp_path / "data" / "stores" / "bracket"


def test_the_file_for_the_first_pictures_is_one_with_a_camera(read_text, monkeypatch):
    # the maker's software is not here
    monkeypatch.setattr("goodpart_station.config.config.refuse_producer", lambda path: None)
    config = read_text(block("# camera.toml"))
    assert (config.source.KIND, config.source.trigger) == ("genicam", TriggerKind.NONE)


def test_every_command_is_one(capsys):
    """Options and sub-commands of the page exist: `--help` behind each line would end with another code if not."""
    for line in re.findall(r"(?m)^    goodpart-station (.*)$", PAGE):
        words = line.split()
        path = words[: 2 if words[0] in ("products", "token") else 1]
        with pytest.raises(SystemExit) as stop:
            main([*path, "--help"])
        assert stop.value.code == 0
        shown = capsys.readouterr().out
        assert all(word in shown for word in words if word.startswith("--"))
