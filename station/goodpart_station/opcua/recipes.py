"""RecipeManagement of a single program system: one recipe is prepared, and the station judges with it."""

import logging
from collections.abc import Sequence
from typing import Any

from goodpart import UsageError
from goodpart_station.codes import Command, Reason
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.callers import caller
from goodpart_station.opcua.catalogue import Judging, Recipe, catalogue_of, judging_of
from goodpart_station.opcua.given import Errands, Error, Handles, MismatchError, error_of, id_of, strict, whole
from goodpart_station.opcua.model import Model
from goodpart_station.opcua.outbox import News
from goodpart_station.opcua.shapes import Shapes, configuration_id
from goodpart_station.part import Status
from goodpart_station.tokens import Role

_log = logging.getLogger("goodpart_station.opcua")

_WHERE = "RecipeManagement"

_PAGE_MOST = 100

_NOT_PREPARED, _PREPARED, _EITHER = 0, 1, 2
"""The values of TriStateBooleanDataType."""


class Recipes:
    """The methods of RecipeManagement. What waits for the disk runs beside the server's loop."""

    def __init__(self, around: Around) -> None:
        """Takes what it works with."""
        self._around = around
        self._catalogue = catalogue_of(around)
        self._handles, self._errands = Handles(), Errands()

    async def build(self, model: Model) -> None:
        """Links the methods."""
        self._model, self._shapes = model, Shapes(model.vision, configuration_id(self._around))
        for name, handler, role in (
            ("PrepareRecipe", self._prepare_recipe, Role.OPERATOR),
            ("UnprepareRecipe", self._unprepare_recipe, Role.OPERATOR),
            ("PrepareProduct", self._prepare_product, Role.OPERATOR),
            ("UnprepareProduct", self._unprepare_product, Role.OPERATOR),
            ("GetRecipeListFiltered", self._listed, Role.VIEWER),
            ("ReleaseRecipeHandle", self._release, Role.VIEWER),
        ):
            await model.link(f"{_WHERE}/{name}", strict(handler), needs=role)

    async def tell(self, news: News) -> None:
        """Nothing."""

    async def follow(self, status: Status) -> None:
        """Nothing."""

    async def _prepare_recipe(self, external: Any, internal: Any) -> Sequence[Any]:
        number, digest = self._meant(external, internal)
        recipe, error = await self._prepare(number, digest)
        return self._shapes.recipe(recipe), not error and self._is_judging(recipe), error

    async def _prepare_product(self, product: Any) -> Sequence[Any]:
        asked = id_of(product)
        recipe, error = await self._prepare(self._catalogue.number(asked), asked=asked)
        return self._shapes.recipe(recipe), error

    async def _unprepare_recipe(self, external: Any, internal: Any) -> Sequence[Any]:
        return await self._unprepare(*self._meant(external, internal))

    async def _unprepare_product(self, product: Any) -> Sequence[Any]:
        return await self._unprepare(self._catalogue.number(id_of(product)))

    def _meant(self, external: Any, internal: Any) -> tuple[int, str]:
        """Number of the product and digest that ids name; the internal one counts if both are given."""
        external_id, internal_id = id_of(external), id_of(internal)
        if internal_id:
            return self._catalogue.meant(internal_id)
        return self._catalogue.number(external_id), ""

    async def _prepare(self, number: int, digest: str = "", *, asked: str = "") -> tuple[Recipe | None, int]:
        """Has a product prepared, as PREPARE of a PLC does; it does not wait until it is.

        Args:
            number: of the product, 0 for none.
            digest: of the bundle that it must be; "" for the one that is active.
            asked: what the client calls the product; "" if it asks for a recipe.

        Returns:
            the recipe, as far as it is known, and the output `Error`.
        """
        if not number:
            return None, Error.NO_RECIPE
        judging = judging_of(self._around)
        there = await self._there(number, judging)
        prepared = next((recipe for recipe in there if recipe.prepared), None)
        if prepared is not None and digest == prepared.digest:
            self._model.product_asked, self._model.recipe_asked = (number, asked), True
            return prepared, Error.NONE
        active = next((recipe for recipe in reversed(there) if not digest or recipe.digest == digest), None)
        if digest and active is None:
            return None, Error.NOT_ACTIVE
        reason = self._around.line.command(Command.PREPARE, product=number, who=caller().name or "opcua")
        if reason is not Reason.NONE:
            return active, error_of(reason)
        # what judges already is told once more: a client may wait for the event
        self._model.product_asked, self._model.recipe_asked = (number, asked), self._is_judging(active)
        if number == judging.number and active is not None and not active.prepared:
            # the product judges with the bundle before: it stays the prepared one until the new one is loaded
            self._around.products.refresh()
        return active, Error.NONE

    async def _unprepare(self, number: int, digest: str = "") -> Sequence[Any]:
        """A station that is in production has one product prepared: another one takes its place, or HALT ends it."""
        judging = judging_of(self._around)
        there = [] if not number else await self._there(number, judging)
        recipe = next((each for each in there if digest in ("", each.digest)), None)
        error = Error.NO_RECIPE if recipe is None else Error.NOT_SUPPORTED if recipe.prepared else Error.NOT_PREPARED
        return self._shapes.recipe(recipe), error

    async def _there(self, number: int, judging: Judging) -> list[Recipe]:
        """The recipes of a product; none if the disk does not answer."""
        try:
            return await self._errands.do(lambda: self._catalogue.recipes(judging, number=number))
        except UsageError as error:
            _log.warning("recipes of product %d: %s", number, error)
            return []

    def _is_judging(self, recipe: Recipe | None) -> bool:
        judging = judging_of(self._around)
        return recipe is not None and (recipe.number, recipe.digest) == (judging.number, judging.digest)

    async def _listed(
        self, external: Any, product: Any, is_prepared: Any, most: Any, start: Any, timeout: Any
    ) -> Sequence[Any]:
        numbers = {self._catalogue.number(text) for text in (id_of(external), id_of(product)) if text}
        state = _EITHER if is_prepared is None else whole(is_prepared, "Int32")
        if state not in (_NOT_PREPARED, _PREPARED, _EITHER):
            raise MismatchError
        start, most = whole(start, "UInt32"), min(whole(most, "UInt32") or _PAGE_MOST, _PAGE_MOST)
        whole(timeout, "Int32")
        if 0 in numbers or len(numbers) > 1:
            return True, 0, self._handles.new(), [], Error.NONE
        judging, number = judging_of(self._around), next(iter(numbers), 0)
        try:
            found = await self._errands.do(lambda: self._catalogue.recipes(judging, number=number))
        except UsageError as error:
            _log.warning("list of recipes: %s", error)
            return False, 0, 0, [], Error.DISK
        found = [recipe for recipe in found if state in (_EITHER, int(recipe.prepared))]
        page = [self._shapes.recipe(recipe) for recipe in found[start : start + most]]
        return start + most >= len(found), len(page), self._handles.new(), page, Error.NONE

    async def _release(self, handle: Any) -> Sequence[Any]:
        return (Error.NONE if self._handles.release(whole(handle, "UInt32")) else Error.NO_HANDLE,)
