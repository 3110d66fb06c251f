"""The parts of an Inspector, from a checked bundle."""

from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.names import INDEX
from goodpart.facts.head import HeadSpec
from goodpart.model.head import Head
from goodpart.scoring.term import KnownTerm


def load_bank(bundle: Bundle, *, threads: int) -> Bank:
    """The bank of a checked bundle.

    Args:
        bundle: from `read_bundle`.
        threads: for one frame.

    Raises:
        BundleError: a file has changed since it was checked, or is not what the manifest says.
    """
    profile = bundle.manifest.backbone.profile
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
        candidates=profile.index.candidates,
        search=bundle.manifest.bank.search,
        threads=threads,
    )


def load_term(bundle: Bundle) -> KnownTerm | None:
    """The known term of a checked bundle's patches, None if they have none.

    Raises:
        BundleError: a file has changed since it was checked, or is not what the manifest says.
    """
    spec, flat = bundle.manifest.head, bundle.read_head()
    if spec is None or flat is None:
        return None
    return head_term(Head(flat, hidden=spec.hidden, dimension=bundle.manifest.backbone.grid.dimension), spec)


def head_term(head: Head, spec: HeadSpec) -> KnownTerm:
    """The known term that a head gives."""
    return KnownTerm(raw=lambda seen: head.logits(seen.embeddings), offset=spec.offset, weight=spec.weight)
