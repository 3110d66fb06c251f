"""The bank of a bundle."""

from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.names import INDEX


def load_bank(bundle: Bundle, *, threads: int) -> Bank:
    """The bank of a checked bundle.

    Args:
        bundle: from `read_bundle`.
        threads: for one frame.

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
        )
    return Bank(
        vectors,
        graph,
        neighbours=profile.neighbours,
        candidates=profile.index.candidates if facts.candidates is None else facts.candidates,
        search=facts.search,
        threads=threads,
    )
