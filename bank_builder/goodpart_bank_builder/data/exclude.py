"""Exclude: images that the user leaves out, by name."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from goodpart.errors import UsageError
from goodpart.frames.listing import is_image

SHA256 = "sha256:"
"""How an entry begins that names an image by the sha256 of its file."""


def leave_out(
    images: Sequence[Path], folder: Path, exclude: Sequence[str], *, names: Mapping[Path, str] | None = None
) -> tuple[list[Path], dict[str, str]]:
    """Leaves images out.

    Args:
        images: what was found.
        folder: what the names are relative to.
        exclude: names of images below `folder`, paths of images in it, `sha256:` and the sha256 of an image, or paths
            of text files with one of these per line. Blank lines and lines that begin with `#` are passed over.
        names: what the images are called; None for their names below `folder`.

    Returns:
        the other images in the same order, and the sha256 of every image that is left out, by name.

    Raises:
        UsageError: a list cannot be read, or a name matches no image.
    """
    called = names or {path: path.relative_to(folder).as_posix() for path in images}
    by_name = {called[path]: path for path in images}
    found: dict[str, str] = {}
    by_digest: dict[str, str] | None = None
    for entry in exclude:
        named = entry.startswith(SHA256) or is_image(Path(entry))
        for name in [entry] if named else _listed(Path(entry)):
            if name.startswith(SHA256):
                by_digest = by_digest or {_sha256(path): each for each, path in by_name.items()}
                known = by_digest.get(name.removeprefix(SHA256))
            else:
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
