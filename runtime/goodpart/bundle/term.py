"""The known term of a bundle's patches."""

from goodpart.bundle.bundle import Bundle
from goodpart.facts.head import HeadSpec
from goodpart.model.head import Head
from goodpart.scoring.term import KnownTerm


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
    return KnownTerm(
        raw=lambda seen: head.logits(seen.embeddings), offset=spec.offset, weight=spec.weight, lowest=spec.lowest
    )
