"""Row: what became of one product."""

import dataclasses
import enum

from goodpart_bank_builder.life.stamp import Built


class State(enum.Enum):
    """What became of a product."""

    BUILT = "built"
    UP_TO_DATE = "up to date"
    FAILED = "failed"
    OUT_OF_DATE = "out of date"
    """Not built yet, or another build was at work on it when its turn came."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One product.

    Attributes:
        recipe: the recipe file.
        product: its name; None if the recipe cannot be read.
        bundle: the bundle folder; None if the recipe cannot be read.
        state: what became of it.
        because: why it was out of date, in words.
        digest: of the bundle; None if there is none.
        images, threshold, suspects: of the bundle: learned images, sigmas, and images that want a look.
        seconds: wall time of the build; None if nothing was built.
        warning: the warning that marks all results of the bundle, or None.
        reason: why it failed, in one line, or None.
    """

    recipe: str
    product: str | None
    bundle: str | None
    state: State
    because: tuple[str, ...] = ()
    digest: str | None = None
    images: int | None = None
    threshold: float | None = None
    suspects: int | None = None
    seconds: float | None = None
    warning: str | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        """The product, or the recipe where that is all that is known."""
        return self.recipe if self.product is None else self.product

    def of_bundle(self, built: Built, state: State) -> "Row":
        """The row with what is known of the bundle; the time only if it was built now."""
        return dataclasses.replace(
            self,
            state=state,
            digest=built.digest,
            images=built.images,
            threshold=built.threshold,
            suspects=built.suspects,
            seconds=built.seconds if state is State.BUILT else None,
            warning=built.warning,
        )

    def failed(self, reason: str) -> "Row":
        """The row of a product that could not be built."""
        return dataclasses.replace(self, state=State.FAILED, reason=reason)

    @property
    def why(self) -> str:
        """Name and reason; a reason that begins with the recipe, which is the name of a product not read, says both."""
        reason = self.reason or ""
        return reason if reason.startswith(self.name) else f"{self.name}: {reason}"
