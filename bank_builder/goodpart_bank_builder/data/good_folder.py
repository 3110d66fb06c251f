"""The good images that a build learns and the doctor looks at: a folder of them, or the batches of a recipe."""

import dataclasses
from pathlib import Path

from goodpart.errors import UsageError
from goodpart.facts.learned import is_before
from goodpart.frames.listing import Listing
from goodpart_bank_builder.data.batches import Batch, list_batch
from goodpart_bank_builder.data.dataset import refuse_category
from goodpart_bank_builder.data.exclude import leave_out
from goodpart_bank_builder.data.folders import refuse_classes
from goodpart_bank_builder.data.parts import BatchRole, group_named
from goodpart_bank_builder.data.settings import FolderSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoodBatch:
    """The contents of a batch.

    Attributes:
        batch: what the recipe says of it.
        listing: all files in it.
        images: those to learn.
        is_old: whether it was taken before batches calibrate.
    """

    batch: Batch
    listing: Listing
    images: tuple[Path, ...]
    is_old: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoodFolder:
    """The contents of a folder of good images, or of several batches.

    Attributes:
        listing: all files in the folder; of several batches, those in the first.
        parts: the part of every image to learn.
        excluded: the sha256 of every image that was left out on demand, by name.
        batches: all batches, in order.
        names: what every image is called: in the first batch by its name below the folder, in every other one by the
            batch's name before it.
    """

    listing: Listing
    parts: dict[Path, str]
    excluded: dict[str, str]
    batches: tuple[GoodBatch, ...]
    names: dict[Path, str]

    @property
    def roles(self) -> list[BatchRole]:
        """What each batch is good for."""
        return [
            BatchRole(images=each.images, calibrates=each.batch.calibrates, is_old=each.is_old) for each in self.batches
        ]

    def passed_over(self) -> list[str]:
        """A phrase for every kind of file that is not read; it names the batch where there are several."""
        if len(self.batches) == 1:
            return self.listing.passed_over()
        return [f"{each.batch.name}: {phrase}" for each in self.batches for phrase in each.listing.passed_over()]


def read_good_folder(settings: FolderSettings) -> GoodFolder:
    """Lists good images; refuses a folder that does not hold good images alone.

    Raises:
        UsageError: no images; a whole category, classes or masks among them; names to exclude or to group by that do
            not match; batches whose images have the same names.
    """
    batches = settings.all_batches
    listings = []
    for batch in batches:
        refuse_category(batch.folder)
        listing = list_batch(batch)
        refuse_classes(listing)
        listings.append(listing)
    names, below = _names(batches, listings)
    every = [path for listing in listings for path in listing.images]
    images, excluded = leave_out(every, batches[0].folder, settings.exclude, names=names)
    seen = below if settings.group is not None else names
    parts = group_named({path: seen[path] for path in images}, pattern=settings.group, gap=settings.group_gap)
    found = tuple(
        GoodBatch(
            batch=batch,
            listing=listing,
            images=tuple(path for path in listing.images if path in parts),
            is_old=is_before(batch.taken, settings.calibrates_since),
        )
        for batch, listing in zip(batches, listings, strict=True)
    )
    return GoodFolder(listing=listings[0], parts=parts, excluded=excluded, batches=found, names=names)


def _names(batches: tuple[Batch, ...], listings: list[Listing]) -> tuple[dict[Path, str], dict[Path, str]]:
    """What every image is called, and its name within its batch."""
    names: dict[Path, str] = {}
    below: dict[Path, str] = {}
    first = listings[0]
    folders = {path.relative_to(first.folder).parts[0] for path in first.images if path.parent != first.folder}
    for number, (batch, listing) in enumerate(zip(batches, listings, strict=True)):
        if number and batch.name in folders:
            raise UsageError(
                f"batch {batch.name!r}: expected another name than a folder of batch {batches[0].name!r} has; name it "
                f"otherwise"
            )
        for path in listing.images:
            if path in names:
                raise UsageError(f"batch {batch.name!r}: expected images of its own, found {path} in two batches")
            below[path] = path.relative_to(listing.folder).as_posix()
            names[path] = f"{batch.name}/{below[path]}" if number else below[path]
    return names, below
