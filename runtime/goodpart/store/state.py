"""State of a store, and its changes: a step forward or back."""

import dataclasses

from goodpart.errors import UsageError
from goodpart.facts.spec import SHA256

_HISTORY = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoreState:
    """The active bundle of a store, and the bundles that were active before.

    Attributes:
        active: digest of the active bundle, None before the first activation.
        history: digests of the bundles that were active before, the latest last; a rollback activates the latest.
        highest_serial: the highest serial of all bundles that were ever active in the store.
        fallback: why the store last fell back by itself, None if the active bundle was chosen.
        product: name of the product that the store was last switched to; None in states of older versions.
    """

    active: str | None = None
    history: tuple[str, ...] = ()
    highest_serial: int = 0
    fallback: str | None = None
    product: str | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        digests = [*self.history, *([] if self.active is None else [self.active])]
        if odd := [digest for digest in digests if not SHA256.fullmatch(digest)]:
            raise UsageError(f"state: expected digests of bundles, found {odd[0][:80]!r}")

    def forward(self, digest: str, serial: int, product: str) -> "StoreState":
        """The state after the activation of a bundle of a product."""
        past = [old for old in (*self.history, self.active) if old not in (None, digest)]
        # each digest once, at its latest position
        history = [old for index, old in enumerate(past) if old is not None and old not in past[index + 1 :]]
        return StoreState(
            active=digest,
            history=tuple(history[-_HISTORY:]),
            highest_serial=max(self.highest_serial, serial),
            product=product,
        )

    def back(self, digest: str, fallback: str | None = None) -> "StoreState":
        """The state after a step back to a bundle of the history; later bundles are removed from the history."""
        before = self.history[: self.history.index(digest)]
        return dataclasses.replace(self, active=digest, history=before, fallback=fallback)
