"""Exclude: images that the user leaves out, by name."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from goodpart.errors import UsageError
from goodpart.frames.listing import is_image


def leave_out(images: Sequence[Path], folder: Path, exclude: Sequence[str]) -> tuple[list[Path], dict[str, str]]:
    """Leaves images out.

    Args:
        images: what was found.
        folder: what the names are relative to.
        exclude: names of images below `folder`, paths of images in it, or paths of text files with one name per line.
            Blank lines and lines that begin with `#` are passed over.

    Returns:
        the other images in the same order, and the sha256 of every image that is left out, by name.

    Raises:
        UsageError: a list cannot be read, or a name matches no image.
    """
    by_name = {path.relative_to(folder).as_posix(): path for path in images}
    found: dict[str, str] = {}
    for entry in exclude:
        for name in [entry] if is_image(Path(entry)) else _listed(Path(entry)):
            known = _name_in(folder, name, by_name)
            if known is None:
                raise UsageError(f"--exclude: expected names of images below {folder}, found {name!r}, which is none")
            found[known] = _sha256(by_name[known])
    left_out = {by_name[name] for name in found}
    return [path for path in images if path not in left_out], dict(sorted(found.items()))


def _name_in(folder: Path, name: str, by_name: dict[str, Path]) -> str | None:
    """The relative name of an image that is named by it or by its path, or None."""
    if (plain := Path(name).as_posix()) in by_name:
        return plain
    path, root = Path(name).resolve(), folder.resolve()
    relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else None
    return relative if relative in by_name else None


def _listed(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise UsageError(
            f"--exclude {path}: expected an image's name or a text file with names, found neither ({error.strerror})"
        ) from error
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"--exclude: {path}: expected a readable file, found none ({error.strerror})") from error
