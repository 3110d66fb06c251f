"""What a station's file with [plc.opcua] means: who announces parts, and what the server is plugged into."""

import pytest

from goodpart import UsageError
from goodpart_station.config.config import read_config
from goodpart_station.running import put_together
from goodpart_station.station import plan_of

FILE = """\
[station]
name = "line1"
data = "data"
deadline_ms = 120
[[product]]
number = 1
name = "bar"
store = "bar"
[source]
kind = "folder"
path = "frames"
trigger = "{trigger}"
{more}
[plc.opcua]
"""
MODBUS = '[plc.modbus]\nlisten = "127.0.0.1:5020"\n'


@pytest.fixture
def plugged(tmp_path):
    """What a file plugs into the engine."""

    def read(trigger, more=""):
        (tmp_path / "frames").mkdir(exist_ok=True)
        file = tmp_path / "line.toml"
        file.write_text(FILE.format(trigger=trigger, more=more))
        engine, plugs = put_together(plan_of(read_config(file)))
        engine.products.close()
        return plugs

    return read


@pytest.mark.parametrize(
    ("trigger", "more", "takes_jobs", "triggered", "hardware"),
    [
        ("none", "", False, False, False),
        ("software", "", True, True, False),
        ("hardware", "min_spacing_ms = 180", True, True, True),
        # the PLC numbers the parts, over Modbus
        ("software", MODBUS, False, True, False),
    ],
)
def test_one_link_alone_announces_parts(plugged, trigger, more, takes_jobs, triggered, hardware):
    (link,) = plugged(trigger, more).links
    around = link._around
    assert (around.takes_jobs, around.triggered, around.hardware) == (takes_jobs, triggered, hardware)


def test_the_server_hears_each_step_of_a_part_and_its_result(plugged):
    plugs = plugged("software")
    (outbox,) = plugs.watchers
    assert outbox in plugs.sinks


def test_what_its_outbox_drops_is_counted_among_the_metrics(plugged):
    pytest.importorskip("prometheus_client")
    plugs = plugged("software", "[page]\n")
    page = next(link for link in plugs.links if link.name == "[page]")
    assert 'goodpart_sink_dropped_total{sink="opcua"} 0.0' in page._around.metrics().decode()


def test_without_triggers_modbus_is_refused_beside_it_all_the_same(plugged):
    with pytest.raises(UsageError, match=r'expected "software" or "hardware" beside .plc.modbus., found "none"'):
        plugged("none", MODBUS)
