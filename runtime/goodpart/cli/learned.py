"""Whether a picture that is scored is one that the bundle has learned: its score then says nothing about new parts."""

import hashlib
from pathlib import Path

from goodpart.bundle.bundle import Bundle
from goodpart.cli.rows import tell
from goodpart.errors import BundleError


class LearnedPictures:
    """The pictures that a bundle has learned, by the sha256 of their files; none where a bundle does not list them."""

    def __init__(self, bundle: Bundle) -> None:
        """Reads the list. A damaged one is said on stderr; it takes no part in verdicts."""
        self._names: dict[str, str] = {}
        try:
            images = bundle.read_images()
        except BundleError as error:
            tell(f"goodpart score: {error}; learned pictures are not noted")
            return
        if images is not None:
            self._names = {image.sha256: image.name for image in images.images}

    def name_of(self, path: Path) -> str | None:
        """Under which name the bundle has learned this very file; None if it has not, or cannot say."""
        if not self._names:
            return None
        try:
            return self._names.get(hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError:
            return None  # it was there when it was scored
