"""Outputs on the command line: the file, `release` after the end, and what `check` says."""

import errno
import re
import sys
from pathlib import Path

import pytest

from goodpart_station.cli.main import main
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.template import template
from goodpart_station.engine import Engine
from goodpart_station.links.gpio import GpioLink
from goodpart_station.links.gpio_table import GpioTable
from goodpart_station.station import plan_of, plugs
from small_gpio import small_chip
from station_files import LEAST

FULL = """
[plc.gpio]
chip = "/dev/gpiochip0"
pass_line = 1
reject_line = "GATE"
ready_line = 3
active_low = true
pulse_ms = 20
gap_ms = 4.5
"""
TOLD = LEAST + 'trigger = "software"\n'


@pytest.fixture
def chip(monkeypatch):
    return small_chip(monkeypatch)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "line.toml").write_text(TOLD + FULL)
    return tmp_path / "line.toml"


def test_every_key(read_text):
    config = read_text(TOLD + FULL)
    assert config.gpio == GpioTable(
        chip=Path("/dev/gpiochip0"),
        pass_line=1,
        reject_line="GATE",
        ready_line=3,
        active_low=True,
        pulse_ms=20.0,
        gap_ms=4.5,
    )
    assert config.gpio.ids == {"pass": 1, "reject": "GATE", "ready": 3}


@pytest.mark.parametrize("source", ['kind = "folder"\npath = "frames"', 'kind = "stream"\nurl = "rtsp://10.0.0.2/cam"'])
def test_pictures_that_may_have_waited_give_no_pulse(refused, source):
    text = LEAST.replace('kind = "folder"\npath = "frames"', source) + FULL
    assert "kind: expected a camera, or triggers, beside [plc.gpio], found " in refused(text)


def test_a_camera_without_triggers_may_have_outputs(read_text):
    camera = 'kind = "aravis"\npixel_format = "BGR8"'
    config = read_text(LEAST.replace('kind = "folder"\npath = "frames"', camera) + FULL)
    assert config.source.trigger is TriggerKind.NONE


@pytest.mark.parametrize(
    ("line", "wrong", "words"),
    [
        ('chip = "/dev/gpiochip0"', "chip = 0", "chip: expected a path"),
        ("pass_line = 1", "pass_line = -1", "pass_line: expected the offset of a line, from 0 on, or its name"),
        ("pass_line = 1", 'pass_line = "1"', "pass_line: expected the offset of a line, from 0 on, or its name"),
        ('reject_line = "GATE"', "reject_line = true", "reject_line: expected the offset of a line"),
        ("ready_line = 3", "ready_line = 1", "ready_line: expected a line of its own, found 1 again"),
        ("active_low = true", "active_low = 1", "active_low: expected true or false"),
        ("pulse_ms = 20", "pulse_ms = 0", "pulse_ms: expected a number above 0"),
        ("gap_ms = 4.5", "gap_ms = 0", "gap_ms: expected a number above 0"),
    ],
)
def test_every_key_wrong(refused, line, wrong, words):
    message = refused((TOLD + FULL).replace(f"{line}\n", f"{wrong}\n"))
    assert re.match(r"line\.toml:\d+: ", message)
    assert words in message


def test_the_pass_line_is_needed(refused):
    assert "expected the key 'pass_line' in [plc.gpio]" in refused((TOLD + FULL).replace("pass_line = 1\n", ""))


def test_a_pulse_that_the_next_part_would_cut_is_refused(refused):
    hardware = LEAST + 'trigger = "hardware"\npair_after_ms = 10\nmin_spacing_ms = 24\n' + FULL
    assert refused(hardware) == (
        "line.toml:22: pulse_ms: expected less than min_spacing_ms (24) together with gap_ms (4.5), found 20; the next "
        "part would cut each pulse short: make it shorter"
    )


def test_the_template_shows_the_defaults():
    block = re.search(r"(?ms)^# \[plc\.gpio\].*?^\n", template())[0]
    shown = dict(re.findall(r"(?m)^# (\w+) = ([^ \n]+)", block))
    table = GpioTable(pass_line=17)
    assert (shown["chip"], shown["active_low"]) == (f'"{table.chip}"', "false")
    assert (float(shown["pulse_ms"]), float(shown["gap_ms"])) == (table.pulse_ms, table.gap_ms)


def test_the_outputs_hear_each_step_and_each_result_first(read_text, chip):
    config = read_text(TOLD + FULL + '[sink.jsonl]\npath = "log.jsonl"\n')
    plan = plan_of(config)
    engine = Engine(plan.rules, products=lambda engine: _Still(), source=lambda engine: _Still())
    plugged = plugs(config, engine)
    (outputs,) = plugged.watchers
    assert isinstance(outputs, GpioLink)
    assert plugged.sinks[0] is outputs
    # nothing is held before the start
    assert chip.holders == {}


class _Still:
    """Neither frames nor products."""

    repeats = simulated = False

    def get(self, number):
        return None


def test_release_switches_off_and_gives_back(file, chip, capsys):
    chip.high = {1: False, 2: False, 3: False}
    assert main(["release", str(file)]) == 0
    # with active_low, off is the high level
    assert [chip.next() for _ in range(3)] == [(1, True), (2, True), (3, True)]
    assert chip.holders == {}
    assert capsys.readouterr().out.startswith("[plc.gpio]: pass, reject, ready switched off, and given back;")


def test_release_while_the_station_holds_its_lines(file, chip, capsys):
    chip.holders |= {1: "goodpart line1", 2: "goodpart line1", 3: "goodpart line1"}
    assert main(["release", str(file)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "line 1 held by goodpart line1" in said
    assert said.endswith("another program, or a station that runs, holds it: end that first")
    assert chip.told.empty()


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOENT, "correct its name"), (errno.EACCES, "give the station's user access")]
)
def test_release_without_a_chip(file, chip, capsys, number, words):
    chip.shut = number
    assert main(["release", str(file)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("goodpart-station: [plc.gpio]: expected output lines of the GPIO chip /dev/gpiochip0, found")
    assert words in said


def test_release_without_gpiod(file, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gpiod", None)
    assert main(["release", str(file)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "[plc.gpio] needs gpiod, which is not installed; install the extra goodpart-station[gpio]" in said


def test_check_looks_at_the_lines_and_leaves_them(file, chip, capsys):
    main(["check", str(file)])
    said = "pass is line 1, reject is line 2 (GATE), ready is line 3 of gpiochip0 (pinctrl-small)"
    assert f"pass  gpio: {said}; not run on hardware by its makers" in capsys.readouterr().out
    assert chip.told.empty()


def test_check_knows_the_lines_of_the_station_that_runs(file, chip, capsys):
    chip.holders |= {1: "goodpart line1", 2: "goodpart line1", 3: "heating"}
    assert main(["check", str(file)]) == 1
    out = capsys.readouterr().out
    assert "FAIL  gpio: [plc.gpio] ready: expected a free line, found 3 of /dev/gpiochip0 held by heating" in out
    del chip.holders[3]
    main(["check", str(file)])
    assert (
        "pass is line 1, held by the station, reject is line 2 (GATE), held by the station" in capsys.readouterr().out
    )


def test_the_real_library_on_a_pc_without_a_chip(file, capsys):
    """Nothing of gpiod is replaced here."""
    file.write_text(file.read_text().replace("/dev/gpiochip0", "/dev/null"))
    assert main(["release", str(file)]) == 2
    assert "the GPIO chip /dev/null, found: No such device; name a GPIO chip" in capsys.readouterr().err
