"""What `goodpart-station check` says of a file that is right in each key, and does not work as a whole."""

from types import SimpleNamespace

import pytest

from goodpart_station.cli.check import _announcer
from goodpart_station.conductor.rules import TriggerKind


@pytest.mark.parametrize(
    ("trigger", "plc", "warns"),
    [
        ("software", (), True),
        ("hardware", (), True),
        ("none", (), False),
        ("software", ("modbus",), False),
        ("hardware", ("opcua",), False),
    ],
)
def test_a_trigger_that_nobody_can_give_is_a_warning(trigger, plc, warns):
    tables = {name: object() if name in plc else None for name in ("modbus", "opcua")}
    config = SimpleNamespace(source=SimpleNamespace(trigger=TriggerKind(trigger)), **tables)
    found = list(_announcer(config))
    assert [(one.name, one.passed, one.warns) for one in found] == [("trigger", True, True)] * warns
    for one in found:
        assert f'expected [plc.modbus] or [plc.opcua] beside "{trigger}", found neither; nobody can' in one.detail
