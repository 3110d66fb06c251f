"""Batch summary: what each batch of images was good for in a build."""

import dataclasses
import enum

from goodpart_bank_builder.data.good_folder import GoodBatch, GoodFolder
from goodpart_bank_builder.learn.learn import Learned

_OF_PATCHES, _OF_BANK = 0.001, 0.01


class BatchUse(enum.Enum):
    """What a batch was good for."""

    CALIBRATES = "sets the threshold"
    SELECTED = "bank only"
    OLD = "bank only, too old to set the threshold"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchSummary:
    """One batch.

    Attributes:
        name: of the batch.
        images: that were learned.
        use: what they were good for.
        taken: when the first of them was taken, or None.
        patches: of these images.
        new_patches: how many vectors of the bank come from it and show what no earlier batch shows; None for the first
            batch, and where the bank is a random sample.
        is_needed: whether that is at least 0.1 % of its patches or 1 % of the bank. True where it is not known.
        left_out: names of images that are neither in the bank nor scored: selected or old ones of parts that calibrate
            by the split method.
    """

    name: str
    images: int
    use: BatchUse
    taken: str | None
    patches: int
    new_patches: int | None
    is_needed: bool
    left_out: tuple[str, ...]


def batch_summaries(found: GoodFolder, learned: Learned) -> tuple[BatchSummary, ...]:
    """What each batch was good for.

    Args:
        found: the batches.
        learned: from their images.
    """
    per_image = learned.patches // len(learned.images)
    summaries = []
    for number, batch in enumerate(found.batches):
        images = sum(path in learned.images for path in batch.images)
        new = learned.new_vectors.get(number)
        unread = [path for path in batch.images if path not in learned.images and path not in learned.unreadable]
        summaries.append(
            BatchSummary(
                name=batch.batch.name,
                images=images,
                use=_use(batch),
                taken=batch.batch.taken,
                patches=images * per_image,
                new_patches=new,
                is_needed=new is None
                or new >= min(_OF_PATCHES * images * per_image, _OF_BANK * len(learned.bank.vectors)),
                left_out=tuple(found.names[path] for path in unread),
            )
        )
    return tuple(summaries)


def _use(batch: GoodBatch) -> BatchUse:
    if not batch.batch.calibrates:
        return BatchUse.SELECTED
    return BatchUse.OLD if batch.is_old else BatchUse.CALIBRATES
