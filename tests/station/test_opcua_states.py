"""The station's states in the words of OPC 40100-1, held against the specification's own node set."""

import xml.etree.ElementTree as ET
from importlib import resources
from itertools import pairwise, product

import pytest

from goodpart_station.codes import State
from goodpart_station.opcua.states import MACHINE_STEPS, MODE_STEPS, Machine, Mode, machine_of, path, system_state_of

NODESET = resources.files("goodpart_station.opcua").joinpath("nodeset/Opc.Ua.MachineVision.NodeSet2.xml")
SPACE = "{http://opcfoundation.org/UA/2011/03/UANodeSet.xsd}"


@pytest.fixture(scope="module")
def specified():
    """Name, state before and state after of all transitions, and the names of all states, by their numbers."""
    nodes = {node.get("NodeId"): node for node in ET.fromstring(NODESET.read_text()) if node.get("NodeId")}
    found = {}
    for node in nodes.values():
        name = node.get("BrowseName").removeprefix("1:")
        kinds = {"i=51": "before", "FromState": "before", "i=52": "after", "ToState": "after"}
        ends = {kinds.get(each.get("ReferenceType")): each.text for each in node.iter(f"{SPACE}Reference")}
        ends = {
            kind: nodes[ends[kind]].get("BrowseName").removeprefix("1:") for kind in ends.keys() & {"before", "after"}
        }
        found[int(node.get("NodeId").rpartition("=")[2])] = (name, ends)
    return found


@pytest.mark.parametrize("step", [*MACHINE_STEPS, *MODE_STEPS], ids=lambda step: step.name)
def test_every_transition_is_one_of_the_specification(specified, step):
    ends = {"before": step.before.value[0], "after": step.after.value[0]}
    assert specified[step.number] == (step.name, ends)


@pytest.mark.parametrize("state", [*Machine, *Mode])
def test_every_state_is_one_of_the_specification(specified, state):
    text, number = state.value
    assert specified[number][0] == text


@pytest.mark.parametrize(("states", "steps"), [(Machine, MACHINE_STEPS), (Mode, MODE_STEPS)])
def test_every_state_is_reached_from_every_other_by_transitions_that_there_are(states, steps):
    for before, after in product(states, states):
        way = path(steps, before, after)
        assert [step.before for step in way][:1] == [before] * bool(way)
        assert [step.after for step in way][-1:] == [after] * bool(way)
        assert all(one.after is other.before for one, other in pairwise(way))
        assert bool(way) is (before is not after)


def test_only_a_station_that_takes_parts_is_in_production():
    states = {state: (machine_of(state), system_state_of(state).name) for state in State}
    assert states == {
        State.STARTING: (Machine.PREOPERATIONAL, "STANDBY"),
        State.INITIALIZED: (Machine.OPERATIONAL, "STANDBY"),
        State.READY: (Machine.OPERATIONAL, "PRODUCTION"),
        State.BUSY: (Machine.OPERATIONAL, "PRODUCTION"),
        State.HALTED: (Machine.HALTED, "SCHEDULED_DOWN"),
        State.OUT_OF_STEP: (Machine.ERROR, "UNSCHEDULED_DOWN"),
        State.FAULT: (Machine.ERROR, "UNSCHEDULED_DOWN"),
    }
