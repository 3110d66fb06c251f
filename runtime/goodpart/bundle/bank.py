"""The bank of a bundle."""

from goodpart._host.inner_products import inner_products
from goodpart.bank.graph import Graph, Products
from goodpart.bank.search import Bank
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.names import INDEX


def load_bank(bundle: Bundle, *, threads: int, products: Products = inner_products) -> Bank:
    """The bank of a checked bundle.

    Args:
        bundle: from `read_bundle`.
        threads: for one frame.
        products: multiplies while the graph is compared with the bank.

    Raises:
        BundleError: a file has changed since it was checked, or is not what the manifest says.
    """
    profile, facts = bundle.manifest.backbone.profile, bundle.manifest.bank
    vectors, projection = bundle.read_bank()
    with bundle.open_index() as path:
        graph = Graph.load(
            path,
            vectors=vectors,
            projection=projection,
            index=profile.index,
            threads=threads,
            where=str(bundle.folder / INDEX),
            products=products,
        )
    return Bank(
        vectors,
        graph,
        neighbours=profile.neighbours,
        candidates=profile.index.candidates if facts.candidates is None else facts.candidates,
        search=facts.search,
        threads=threads,
    )
