"""The folder of good images that a build learns and the doctor looks at."""

import dataclasses
from pathlib import Path

from goodpart.frames.listing import Listing, list_folder, refuse_none
from goodpart_bank_builder.data.dataset import refuse_category
from goodpart_bank_builder.data.exclude import leave_out
from goodpart_bank_builder.data.folders import refuse_classes
from goodpart_bank_builder.data.parts import group_parts
from goodpart_bank_builder.data.settings import FolderSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoodFolder:
    """The contents of a folder of good images.

    Attributes:
        listing: all files in it.
        parts: the part of every image to learn.
        excluded: the sha256 of every image that was left out on demand, by name.
    """

    listing: Listing
    parts: dict[Path, str]
    excluded: dict[str, str]


def read_good_folder(settings: FolderSettings) -> GoodFolder:
    """Lists a folder of good images; refuses a folder that does not hold good images alone.

    Raises:
        UsageError: no images; a whole category, classes or masks in it; names to exclude or to group by that do not
            match.
    """
    refuse_category(settings.good_dir)
    listing = list_folder(settings.good_dir)
    refuse_none(listing)
    refuse_classes(listing)
    images, excluded = leave_out(list(listing.images), settings.good_dir, settings.exclude)
    parts = group_parts(images, settings.good_dir, pattern=settings.group, gap=settings.group_gap)
    return GoodFolder(listing=listing, parts=parts, excluded=excluded)
