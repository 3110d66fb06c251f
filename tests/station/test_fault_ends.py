"""A FAULT whose cause is gone says who ends it, and one whose cause is still there does not look gone."""

import dataclasses
import json

import pytest

from goodpart_station import check as checks
from goodpart_station.cli.main import main
from goodpart_station.codes import Command, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sinks.alarms import AlarmBoard, AlarmKind
from line_schedule import MS
from small_conductor import Desk
from station_files import LEAST
from still_line import IDLE

BACK = "the source is back, and RESET ends this FAULT: no cable"


def test_a_source_that_is_back_says_that_reset_ends_the_fault():
    desk = Desk(TriggerKind.SOFTWARE)
    desk.lose(0, "no cable")
    desk.source(10)
    assert (desk.state, desk.conductor.why) == ("FAULT", BACK)
    # told twice, it is said once
    desk.source(20)
    assert desk.conductor.why == BACK
    desk.lose(30, "no light")
    assert desk.conductor.why == "no light"
    desk.source(40)
    desk.command(Command.RESET, 50)
    assert (desk.state, desk.conductor.why) == ("READY", "")


def test_outputs_that_are_back_say_so():
    desk = Desk(TriggerKind.SOFTWARE)
    desk.conductor.outputs("the chip is gone", 0)
    desk.conductor.outputs("", 10 * MS)
    assert desk.conductor.why == "the outputs can be switched again, and RESET ends this FAULT: the chip is gone"


def test_a_reset_while_the_source_is_away_ends_no_alarm():
    board = AlarmBoard()

    def look(state, why=""):
        return board.look(dataclasses.replace(IDLE, state=state, why=why), None, {}, now_ns=0, at=1.0)

    look(State.FAULT, "no cable")
    (told,) = look(State.STARTING, "waits for the source (no cable)")
    assert (told.kind, told.is_active, told.words) == (AlarmKind.FAULT, True, "waits for the source (no cable)")
    (gone,) = look(State.READY)
    assert (gone.kind, gone.is_active) == (AlarmKind.FAULT, False)
    # a start is no alarm
    assert look(State.STARTING, "waits for the source") == ()


@pytest.mark.parametrize(
    ("station", "tables", "warns"),
    [
        ("", "", True),
        ("auto_reset = true\n", "", False),
        ("", '[page]\nlisten = "127.0.0.1:18321"\n', False),
        ("", 'trigger = "software"\npair_after_ms = 50\n[plc.modbus]\nlisten = "127.0.0.1:18321"\n', False),
    ],
)
def test_check_warns_if_nobody_can_reset(tmp_path, monkeypatch, capsys, station, tables, warns):
    monkeypatch.setattr("goodpart_station.cli.check.check", lambda plan: iter(()))
    monkeypatch.setattr(checks, "is_synced", lambda: True)
    (tmp_path / "frames").mkdir()
    (tmp_path / "line.toml").write_text(LEAST.replace("[[product]]", station + "[[product]]") + tables)
    assert main(["check", str(tmp_path / "line.toml"), "--json"]) == 0
    found = {one["check"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert ("auto_reset" in found) == warns
    if warns:
        assert found["auto_reset"]["warns"] and "set auto_reset = true" in found["auto_reset"]["detail"]
