"""RecipePrepared names the product as the client did that asked for it, or as the station's file does."""

import asyncio
from types import SimpleNamespace

import pytest

from goodpart_station.opcua.machine import StateMachine


def live(digest):
    """What judges a product."""
    return SimpleNamespace(
        inspector=SimpleNamespace(bundle=SimpleNamespace(digest=digest, manifest=SimpleNamespace(serial=1)))
    )


@pytest.mark.parametrize(("prepared", "told"), [(1, "one"), (2, "the second"), (3, "three")])
def test_a_product_that_was_never_prepared_lends_its_name_to_no_other(prepared, told):
    products = SimpleNamespace(name={1: "one", 2: "two", 3: "three"}.__getitem__)
    machine = StateMachine(SimpleNamespace(products=products, hardware=False, triggered=True), None)
    sent = []

    async def send(kind, source, message, fields):
        sent.append(fields["ProductId"].Value)

    machine._events, machine._sub = SimpleNamespace(send=send), None
    machine._model = SimpleNamespace(product_asked=(2, "the second"), recipe_asked=False)
    machine._shapes = SimpleNamespace(
        internal_recipe=lambda *given: given, external_recipe=lambda given: given, product_id=lambda given: given
    )

    # it loads, or fails to
    products.get = lambda number: None
    asyncio.run(machine._tell_recipe(SimpleNamespace(product=2, bundle="")))
    products.get = lambda number: live("aa")
    asyncio.run(machine._tell_recipe(SimpleNamespace(product=prepared, bundle="aa")))
    assert sent == [told]
