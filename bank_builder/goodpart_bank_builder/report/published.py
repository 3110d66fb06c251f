"""Published figures of other methods, with their sources: `published.json`."""

import dataclasses
import re
from importlib import resources

from goodpart._host import strict_json


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """Published figures of one method.

    Attributes:
        name, backbone: names of the method and of its backbone network.
        citation: source of the figures.
        url: web page with the figures, None without one.
        image_auroc, pixel_auroc: 0 to 1, by category.
    """

    name: str
    backbone: str
    citation: str
    url: str | None
    image_auroc: dict[str, float]
    pixel_auroc: dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """Figures on the categories of one public data set, for images at full size."""

    dataset: str
    methods: tuple[Method, ...]

    @property
    def sources(self) -> list[tuple[str, str | None]]:
        """Citation and address of every source, without repetition, in the order of the methods."""
        return list(dict.fromkeys((method.citation, method.url) for method in self.methods))

    def source_number(self, method: Method) -> int:
        """Number of the source of a method's figures, counted from 1."""
        return self.sources.index((method.citation, method.url)) + 1

    def match(self, name: str) -> str | None:
        """The public category that a folder is named after, or None.

        The folder has the category's exact name, or its name begins with the data set and contains the category. So
        `mvtec_bottle_half` matches bottle, but `magnetic_tile` does not match MVTec AD's tile.

        Args:
            name: name of a category's folder.
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
