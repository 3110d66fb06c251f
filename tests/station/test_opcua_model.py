"""The address space of a station: what it has of OPC 40100-1, and what it leaves out."""

import asyncio

import pytest
from asyncua import Server, ua

from goodpart_station.opcua.around import Around
from goodpart_station.opcua.model import Model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The model of a station, as it is before anything is linked."""
    around = Around(
        station="line.1", boot="b", data=tmp_path_factory.mktemp("data"), line=None, products=None, store_of=None,
        takes_jobs=True,
    )  # fmt: skip

    async def built():
        server = Server()
        await server.init()
        found = Model(server, around)
        await found.build()
        return found

    return asyncio.run(built())


def names(model):
    """The paths of the VisionSystem's nodes."""
    aspace = model.server.iserver.aspace
    own = [str(node.Identifier) for node in list(aspace.keys()) if node.NamespaceIndex == model.own]
    return {name.removeprefix("line.1.").replace(".", "/") for name in own if name != "line.1"}


def test_what_a_station_does_not_have_is_not_there(model):
    found = names(model)
    assert not [name for name in found if "StepModel" in name or "Transfer" in name or "Configuration" in name]
    assert {name.partition("/")[0] for name in found} == {
        "RecipeManagement",
        "ResultManagement",
        "SystemState",
        "VisionStateMachine",
    }


def test_no_reference_leads_to_what_was_left_out(model):
    aspace = model.server.iserver.aspace
    lost = [
        (node, reference.NodeId)
        for node in list(aspace.keys())
        for reference in aspace[node].references
        if reference.NodeId.NamespaceIndex == model.own and reference.NodeId not in aspace
    ]
    assert lost == []


def test_the_system_lies_below_objects_with_its_type(model):
    async def facts():
        children = await model.server.get_objects_node().get_children()
        kind = await model.system.read_type_definition()
        return [child.nodeid for child in children], kind

    children, kind = asyncio.run(facts())
    assert ua.NodeId("line.1", model.own) in children
    assert kind == ua.NodeId(1003, model.vision)
