"""Model: the nodes of a station, and what links them with the station."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from typing import Any, Protocol

from asyncua import Node, Server, ua
from asyncua.common.instantiate_util import instantiate
from asyncua.common.manage_nodes import delete_nodes
from asyncua.common.ua_utils import data_type_to_variant_type

from goodpart_station.opcua.around import Around
from goodpart_station.opcua.callers import caller, role_of
from goodpart_station.opcua.options import NAMESPACE
from goodpart_station.opcua.outbox import News
from goodpart_station.part import Status
from goodpart_station.tokens import Role

VISION = "http://opcfoundation.org/UA/MachineVision"
"""The namespace of OPC 40100-1."""

_NODESET = "nodeset/Opc.Ua.MachineVision.NodeSet2.xml"

_SYSTEM_TYPE = 1003

_ABSENT = (
    "ConfigurationManagement",
    "SafetyStateManagement",
    "DiagnosticLevel",
    "RecipeManagement/AddRecipe",
    "RecipeManagement/RemoveRecipe",
    "RecipeManagement/UnlinkProduct",
    "RecipeManagement/RecipeTransfer",
    "RecipeManagement/Recipes",
    "RecipeManagement/Products",
    "ResultManagement/Results",
    "ResultManagement/ResultTransfer",
    "VisionStateMachine/ConfirmAll",
    "VisionStateMachine/ErrorStepModel",
    "VisionStateMachine/HaltedStepModel",
    "VisionStateMachine/PreoperationalStepModel",
    "VisionStateMachine/AutomaticModeStateMachine/InitializedStepModel",
    "VisionStateMachine/AutomaticModeStateMachine/ReadyStepModel",
    "VisionStateMachine/AutomaticModeStateMachine/SingleExecutionStepModel",
    "VisionStateMachine/AutomaticModeStateMachine/ContinuousExecutionStepModel",
)
"""Optional parts of a VisionSystem that a station does not have."""

Handler = Callable[..., Awaitable[Sequence[Any] | ua.StatusCode]]
"""A method: it gets its arguments as plain values, and gives those that go out, or a status."""


class Piece(Protocol):
    """A part of the model that follows the station. Everything of it runs in the server's loop."""

    async def build(self, model: "Model") -> None:
        """Adds its nodes and links its methods. Called once, before the server listens."""

    async def tell(self, news: News) -> None:
        """Something has happened to a part."""

    async def follow(self, status: Status) -> None:
        """A tenth of a second has passed."""


class Model:
    """The address space of one station.

    Attributes:
        server: it belongs to.
        around: the station.
        vision, own: the indices of the namespaces of OPC 40100-1 and of the station's own nodes.
        system: the VisionSystem.
        take_in: tells all pieces what has happened to parts until now.
        product_asked: the product that was asked for last, and what PrepareProduct called it; "" if that is told.
        recipe_asked: whether a client has asked for the recipe that judges already, and was not told that it does.
    """

    take_in: Callable[[], Awaitable[None]]
    product_asked = 0, ""
    recipe_asked = False

    system: Node
    vision: int
    own: int

    def __init__(self, server: Server, around: Around) -> None:
        """Has no nodes yet."""
        self.server, self.around = server, around

    async def build(self) -> None:
        """Reads the companion specification, and makes the VisionSystem of the station."""
        text = resources.files("goodpart_station.opcua").joinpath(_NODESET).read_text(encoding="utf-8")
        await self.server.import_xml(xmlstring=text)
        self.vision = await self.server.get_namespace_index(VISION)
        self.own = await self.server.register_namespace(NAMESPACE)
        name = self.around.station
        made = await instantiate(
            self.server.get_objects_node(),
            self.type_node(_SYSTEM_TYPE),
            nodeid=ua.NodeId(name, self.own),
            bname=ua.QualifiedName(name, self.own),
            dname=ua.LocalizedText(name),
        )
        self.system = made[0]
        await self._remove({self.node(path).nodeid.Identifier for path in _ABSENT})

    async def _remove(self, roots: set[str]) -> None:
        """Removes nodes with all below them: asyncua would search the whole address space anew for each of them."""
        aspace = self.server.iserver.aspace
        known = list(aspace.keys())
        own = {node: f"{node.Identifier}." for node in known if node.NamespaceIndex == self.own}
        gone = {node for node, name in own.items() if any(name.startswith(f"{root}.") for root in roots)}
        nodes = [self.server.get_node(node) for node in gone]
        await delete_nodes(self.server.iserver.isession, nodes, delete_target_references=False)
        for node in known:
            if node not in gone:
                references = aspace[node].references
                references[:] = [reference for reference in references if reference.NodeId not in gone]

    def type_node(self, number: int) -> Node:
        """A node of OPC 40100-1.

        Args:
            number: its identifier in the specification's node set.
        """
        return self.server.get_node(ua.NodeId(number, self.vision))

    def node(self, path: str) -> Node:
        """A node of the VisionSystem.

        Args:
            path: the names from the VisionSystem on, such as "VisionStateMachine/Halt".
        """
        return self.server.get_node(ua.NodeId(f"{self.around.station}.{path.replace('/', '.')}", self.own))

    async def link(self, path: str, handler: Handler, *, needs: Role = Role.OPERATOR) -> None:
        """Gives a method of the VisionSystem what it does.

        Args:
            path: as for `node`.
            handler: a coroutine function that gets the arguments.
            needs: the role that its caller must have.
        """
        method = self.node(path)
        if not inspect.iscoroutinefunction(handler):
            raise TypeError(
                f"{path}: expected a coroutine function; a method in another thread does not know its caller"
            )
        count = len(await self._arguments(path, "InputArguments"))
        kinds = [
            await data_type_to_variant_type(self.server.get_node(each.DataType))
            for each in await self._arguments(path, "OutputArguments")
        ]

        async def called(parent: ua.NodeId, *given: ua.Variant) -> Any:
            role = role_of(caller())
            if role is None or not role.may(needs):
                return ua.StatusCode(ua.StatusCodes.BadUserAccessDenied)
            if len(given) != count:
                few = len(given) < count
                return ua.StatusCode(ua.StatusCodes.BadArgumentsMissing if few else ua.StatusCodes.BadTooManyArguments)
            answer = await handler(*(each.Value for each in given))
            if isinstance(answer, ua.StatusCode):
                return answer
            return [ua.Variant(value, kind) for value, kind in zip(answer, kinds, strict=True)]

        self.server.link_method(method, called)

    async def _arguments(self, path: str, name: str) -> list[ua.Argument]:
        node = self.node(f"{path}/{name}")
        if node.nodeid not in self.server.iserver.aspace:
            return []
        found: list[ua.Argument] = await node.read_value()
        return found
