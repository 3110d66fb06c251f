"""A station with products of several names and a ring that serves OPC UA, and a client that calls its methods."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
from goodpart import Store
from goodpart_station.codes import State
from goodpart_station.engine import Engine
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.running import Plugs
from goodpart_station.sinks.ring import RingSink
from goodpart_station.tokens import Role
from opcua_site import OpcuaSite
from station_parts import until

STATION = "line1"


@dataclasses.dataclass(frozen=True)
class Named:
    """A product with a name of its own, which stays loaded: a change-over takes no time."""

    number: int
    name: str
    preload: bool = True


class JobsSite(OpcuaSite):
    """A station with these products, and a ring that keeps every frame; a product named "nothing" has no bundle."""

    def __init__(self, folder: Path, *names: str) -> None:
        super().__init__(folder, products=len(names))
        self.ring = Ring(folder / "ring", RingConfig(random_rate=1.0), boot=self.boot)
        products = tuple(Named(number, name) for number, name in enumerate(names, 1))
        self.plan = dataclasses.replace(self.plan, products=products)
        for product in products:
            if product.name == "nothing":
                self.stores[product.number] = Store(folder / "nothing")

    def _plugs(self, engine: Engine) -> Plugs:
        plugs = super()._plugs(engine)
        return dataclasses.replace(plugs, sinks=[*plugs.sinks, RingSink(self.ring)])


class Mes:
    """opcua_jobs.js."""

    def __init__(self, talker: peers.Talker) -> None:
        self._talker = talker

    def ask(self, **asked: Any) -> dict[str, Any]:
        """What it answers to a line."""
        answer: dict[str, Any] = self._talker.ask(**asked)
        assert "error" not in answer, answer["error"]
        return answer

    def call(self, method: str, *given: Any) -> list[Any]:
        """The outputs of a method, nothing of which is null."""
        answer = self.ask(call=method, **{"in": given})
        assert (answer["code"], answer["nulls"]) == ("Good", []), answer
        outputs: list[Any] = answer["out"]
        return outputs

    def status(self, method: str, *given: Any) -> str:
        """The status of a call."""
        return str(self.ask(call=method, **{"in": given})["code"])

    def event(self, kind: str) -> dict[str, Any]:
        """The next event of a type, nothing of which is null."""
        answer = self.ask(event=kind)
        assert answer["nulls"] == [], answer
        event: dict[str, Any] = answer["event"]
        return event


@contextlib.contextmanager
def mes(site: OpcuaSite, role: Role = Role.OPERATOR) -> Iterator[Mes]:
    """A client that is connected, and hears the events of the VisionSystem."""
    login = site.url, STATION, role.value, site.tokens[role]
    with peers.node("opcua_jobs.js", *login, package="node-opcua-client") as talker:
        assert talker.hear() == {"ready": True}
        yield Mes(talker)


NO_IDS = [
    [f"{name}DataType", {"id": ""}]
    for name in (
        "MeasId",
        "PartId",
        "RecipeIdExternal",
        "RecipeIdInternal",
        "ConfigurationId",
        "ConfigurationId",
        "ProductId",
        "JobId",
    )
]
"""The arguments of GetResultListFiltered that are ids, empty."""

EITHER = 2
"""Of TriStateBooleanDataType."""


@dataclasses.dataclass
class There:
    """A station in production, and a client of it."""

    site: JobsSite
    engine: Engine
    client: Mes

    def job(self, seed: int = 1, *, defect: bool = False, part_id: int = 0, product: int = 0) -> dict[str, Any]:
        """The event of a part that is triggered now; one of another product gets no picture."""
        self.engine.trigger(None, part_id=part_id, product=product)
        if not product:
            self.site.picture(seed, defect=defect)
        return self.client.event("ResultReadyEventType")

    def by_id(self, text: str, method: str = "GetResultById") -> list[Any]:
        """What a method gives for the id of a result."""
        return self.client.call(f"ResultManagement/{method}", ["ResultIdDataType", {"id": text}], ["Int32", 0])

    def results(self, *, state: int = 0, most: int = 0, start: int = 0, **ids: str) -> tuple[bool, list[str]]:
        """Whether the list ends, and the ids of the results in it; ids by the names of their types."""
        given = [[kind[0], {"id": ids.get(kind[0].removesuffix("DataType"), "")}] for kind in NO_IDS]
        page = [["UInt32", most], ["UInt32", start], ["Int32", 0]]
        return self._listed("ResultManagement/GetResultListFiltered", ["Int32", state], *given, *page)

    def recipes(
        self, *, external: str = "", product: str = "", state: int = EITHER, most: int = 0, start: int = 0
    ) -> tuple[bool, list[str]]:
        """Whether the list ends, and the ids of the recipes in it."""
        given = [["RecipeIdExternalDataType", {"id": external}], ["ProductIdDataType", {"id": product}]]
        page = [["UInt32", most], ["UInt32", start], ["Int32", -1]]
        return self._listed("RecipeManagement/GetRecipeListFiltered", *given, ["Int32", state], *page)

    def _listed(self, method: str, *given: Any) -> tuple[bool, list[str]]:
        complete, count, handle, found, error = self.client.call(method, *given)
        assert (count, error) == (len(found), 0) and handle
        return complete, [each["resultId"]["id"] if "resultId" in each else each["id"] for each in found]

    def recipe(self, method: str = "PrepareRecipe", *, external: str = "", internal: str = "") -> tuple[Any, ...]:
        """What PrepareRecipe or UnprepareRecipe gives: the internal id, and the rest."""
        given = [["RecipeIdExternalDataType", {"id": external}], ["RecipeIdInternalDataType", {"id": internal}]]
        recipe, *rest = self.client.call(f"RecipeManagement/{method}", *given)
        return (recipe["id"], *rest)

    def product(self, name: str, method: str = "PrepareProduct") -> tuple[str, int]:
        """What PrepareProduct or UnprepareProduct gives: the internal id and the error."""
        recipe, error = self.client.call(f"RecipeManagement/{method}", ["ProductIdDataType", {"id": name}])
        return recipe["id"], error

    def prepared(self) -> tuple[str, str]:
        """The internal id and the product of the next RecipePrepared."""
        event = self.client.event("RecipePreparedEventType")
        assert event["ExternalId"]["id"] == event["InternalId"]["id"].partition("@")[0]
        return event["InternalId"]["id"], event["ProductId"]["id"]

    def recipe_of_next_job(self) -> str:
        """The internal id of the recipe that judges the next part."""
        until(lambda: self.engine.status().state is State.READY)
        recipe: str = self.job()["InternalRecipeId"]["id"]
        return recipe
