"""Published figures of other methods, with their sources: `published.json`."""

import dataclasses
import re
from importlib import resources

from goodpart._host import strict_json


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """What somebody has published of one method.

    Attributes:
        name, backbone: what it is called, and the network it was run with.
        citation: who says so, and where.
        url: where the figures stand, None if they stand in no page of the web.
        image_auroc, pixel_auroc: 0 to 1 by category.
    """

    name: str
    backbone: str
    citation: str
    url: str | None
    image_auroc: dict[str, float]
    pixel_auroc: dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """Figures on the categories of one public data set, at its images' full size."""

    dataset: str
    methods: tuple[Method, ...]

    @property
    def sources(self) -> list[tuple[str, str | None]]:
        """Citation and address of every source once, in the order of the methods."""
        return list(dict.fromkeys((method.citation, method.url) for method in self.methods))

    def source_number(self, method: Method) -> int:
        """Which of the sources a method's figures are from, from 1."""
        return self.sources.index((method.citation, method.url)) + 1

    def match(self, name: str) -> str | None:
        """The public category that a folder is named after, or None.

        A folder that is not called exactly like it must also name the data set: a `magnetic_tile` is none of MVTec AD's
        tiles, but `mvtec_bottle_half` holds its bottles.

        Args:
            name: of a category's folder.
        """
        known = sorted({category for method in self.methods for category in method.image_auroc}, key=len, reverse=True)
        words = "_".join(re.findall(r"[a-z0-9]+", name.lower()))
        if words in known:
            return words
        if not words.startswith(self.dataset.lower().split()[0]):
            return None
        return next((category for category in known if f"_{category}_" in f"_{words}_"), None)


def load_published() -> Published:
    """The figures that ship with this package."""
    text = resources.files("goodpart_bank_builder.report").joinpath("published.json").read_bytes()
    return strict_json.decode(Published, text, where="published.json")
