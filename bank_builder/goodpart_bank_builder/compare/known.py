"""Known: which images each of two bundles has learned, and which of them are test images."""

import dataclasses

from goodpart.bundle.bundle import Bundle
from goodpart.facts.learned import LearnedImage


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownImages:
    """The images of two bundles.

    Attributes:
        old, new: what each has learned, by sha256; None where the bundle does not list it, as in format 1.
    """

    old: dict[str, LearnedImage] | None
    new: dict[str, LearnedImage] | None

    @property
    def added(self) -> dict[str, LearnedImage]:
        """What NEW has learned and OLD has not, by sha256; nothing where one does not say."""
        return _less(self.new, self.old)

    @property
    def removed(self) -> dict[str, LearnedImage]:
        """What OLD has learned and NEW has not, by sha256; nothing where one does not say."""
        return _less(self.old, self.new)

    def learned_by(self, sha256: str) -> tuple[bool, bool]:
        """Whether OLD, and whether NEW, has learned an image."""
        return sha256 in (self.old or {}), sha256 in (self.new or {})


def known_images(old: Bundle, new: Bundle) -> KnownImages:
    """Reads both lists of images.

    Raises:
        BundleError: one is damaged.
    """
    return KnownImages(old=_listed(old), new=_listed(new))


def _listed(bundle: Bundle) -> dict[str, LearnedImage] | None:
    images = bundle.read_images()
    return None if images is None else {image.sha256: image for image in images.images}


def _less(one: dict[str, LearnedImage] | None, other: dict[str, LearnedImage] | None) -> dict[str, LearnedImage]:
    if one is None or other is None:
        return {}
    return {sha256: image for sha256, image in one.items() if sha256 not in other}
