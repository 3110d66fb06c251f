"""What `goodpart-station check` warns of: it says so, and passes. A PC without a network has no time service."""

import json

import pytest

from goodpart_station import check as checks
from goodpart_station.cli import check as command
from goodpart_station.cli.main import main
from station_files import LEAST


@pytest.fixture
def checked(tmp_path, monkeypatch, capsys):
    """What `check` says of a file, by the names of its checks, and its exit code. Products are not tried."""
    monkeypatch.setattr(checks, "is_synced", lambda: True)
    monkeypatch.setattr(checks, "_product", lambda plan, product: iter(()))
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    (tmp_path / "frames").mkdir()

    def check(text):
        (tmp_path / "line.toml").write_text(text)
        code = main(["check", str(tmp_path / "line.toml"), "--json"])
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return {one["check"]: one for one in found}, code

    return check


@pytest.mark.parametrize(("synced", "warns"), [(True, False), (False, True), (None, False)])
def test_a_clock_that_nobody_keeps_is_a_warning(checked, monkeypatch, synced, warns):
    monkeypatch.setattr(checks, "is_synced", lambda: synced)
    found, code = checked(LEAST)
    assert (found["clock"]["passed"], found["clock"]["warns"], code) == (True, warns, 0)


def test_a_warning_is_a_line_of_its_own_kind(capsys):
    for passed, warns in ((True, False), (True, True), (False, False)):
        command._print(checks.Finding(name="x", passed=passed, warns=warns, detail="why"), as_json=False)
    assert capsys.readouterr().out == "pass  x: why\nwarn  x: why\nFAIL  x: why\n"


@pytest.mark.parametrize(
    ("keys", "warns"),
    [
        ('trigger = "software"', True),
        ('trigger = "software"\npair_after_ms = 100', False),
        ('trigger = "none"', False),
        ('trigger = "hardware"\nmin_spacing_ms = 500', False),
    ],
)
def test_a_window_that_nobody_chose_is_a_warning(checked, keys, warns):
    """Exposure, a PNG file and a rename often take longer than the 100 ms, and then every part is REFUSED."""
    found, code = checked(LEAST.replace("[[product]]", "auto_reset = true\n[[product]]") + keys + "\n")
    assert ("pair_after_ms" in found, code) == (warns, 0)
    # nobody announces parts here, which is a warning of its own
    assert {name for name, one in found.items() if one["warns"]} - {"trigger"} == (
        {"pair_after_ms"} if warns else set()
    )
    if warns:
        assert "none given, so 100 ms" in found["pair_after_ms"]["detail"]


def test_a_replay_has_its_frames_at_once(checked):
    found, _ = checked(LEAST.replace('"folder"', '"replay"') + 'trigger = "software"\n')
    assert "pair_after_ms" not in found
