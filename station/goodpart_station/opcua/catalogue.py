"""The catalogue: which recipes the station has. A recipe is the active bundle of a product's store."""

import dataclasses
import logging
from collections.abc import Callable

from goodpart import BundleError, Store, UsageError
from goodpart.bundle.manifest_file import read_manifest
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.record import recipe_id

log = logging.getLogger("goodpart_station.opcua")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One bundle of one product.

    Attributes:
        number, product: of the product; the name without spaces around it.
        digest: of the bundle.
        serial: of the bundle.
        prepared: whether it judges now.
    """

    number: int
    product: str
    digest: str
    serial: int
    prepared: bool

    @property
    def recipe_id(self) -> str:
        """What it is called."""
        return recipe_id(self.product, self.digest)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judging:
    """What judges now.

    Attributes:
        number: of the product; 0 for none.
        digest, serial: of its bundle; "" and 0 for none.
    """

    number: int = 0
    digest: str = ""
    serial: int = 0


class Catalogue:
    """The products of the station's file, and their stores."""

    def __init__(self, names: dict[int, str], store_of: Callable[[int], Store]) -> None:
        """Reads nothing yet.

        Args:
            names: of the products, by number.
            store_of: opens the store of a product, by its number.
        """
        self._names = {number: name.strip() for number, name in names.items()}
        self._numbers = {name: number for number, name in self._names.items()}
        self._store_of = store_of
        self._told: dict[int, str] = {}

    def number(self, product: str) -> int:
        """The number of the product that a client means by its name or its number; 0 if there is none.

        A name counts before a number: a product may be called "2" and be another one than number 2.
        """
        if product in self._numbers:
            return self._numbers[product]
        return next((number for number in self._names if str(number) == product), 0)

    def name(self, number: int) -> str:
        """The name of a product, "" if there is none."""
        return self._names.get(number, "")

    def meant(self, internal: str) -> tuple[int, str]:
        """Product and digest that the internal id of a recipe names; 0 and "" if it is none."""
        product, _, digest = internal.rpartition("@")
        number = self._numbers.get(product, 0)
        return (number, digest) if number and digest else (0, "")

    def active(self, number: int, judging: Judging) -> Recipe | None:
        """The recipe that a product has now, None if its store has none or cannot be read. It reads the disk."""
        try:
            store = self._store_of(number)
            if (digest := store.state.active) is None:
                return None
            serial = read_manifest(store.path(digest))[0].serial
        except (BundleError, UsageError, OSError) as error:
            self._tell(number, str(error))
            return None
        return self._recipe(number, digest, serial, judging)

    def recipes(self, judging: Judging, *, number: int = 0) -> list[Recipe]:
        """All recipes, in the order of the file. It reads the disk.

        A store's bundle that was replaced, and judges until the station takes the new one, is a recipe as well.

        Args:
            judging: what judges now.
            number: of the only product that is asked for; 0 for all.
        """
        found: list[Recipe] = []
        for each in [number] if number else self._names:
            active = self.active(each, judging)
            if each == judging.number and (active is None or not active.prepared):
                found.append(self._recipe(each, judging.digest, judging.serial, judging))
            if active is not None:
                found.append(active)
        return found

    def _tell(self, number: int, why: str) -> None:
        """Once for each reason: clients may ask every second."""
        if self._told.get(number) != why:
            self._told[number] = why
            log.warning("product %d (%s) has no recipe: %s", number, self._names[number], why)

    def _recipe(self, number: int, digest: str, serial: int, judging: Judging) -> Recipe:
        prepared = (number, digest) == (judging.number, judging.digest)
        return Recipe(number=number, product=self._names[number], digest=digest, serial=serial, prepared=prepared)


def catalogue_of(around: Around) -> Catalogue:
    """The catalogue of a station."""
    products = around.products
    return Catalogue({number: products.name(number) for number in products.numbers}, around.store_of)


def judging_of(around: Around) -> Judging:
    """What judges now at a station."""
    number = around.line.status().product
    live = around.products.get(number)
    if live is None:
        return Judging()
    bundle = live.inspector.bundle
    return Judging(number=number, digest=bundle.digest, serial=bundle.manifest.serial)
