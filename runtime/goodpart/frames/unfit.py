"""Unfit images: one error for all images of a folder that cannot be used, so that nobody meets them one at a time."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from goodpart._host.parallel import in_order
from goodpart.errors import FrameError, UnfitImagesError


def unfit_among(paths: Iterable[Path], look: Callable[[Path], object], *, workers: int = 1) -> list[FrameError]:
    """The errors of all images that a look at them finds.

    Args:
        paths: image files.
        look: raises FrameError for an image that cannot be used; must be safe on several threads.
        workers: threads, at least 1.
    """

    def error_of(path: Path) -> FrameError | None:
        try:
            look(path)
        except FrameError as error:
            return error
        return None

    return [error for _, error in in_order(error_of, paths, workers=workers) if error is not None]


def refusal(errors: Sequence[FrameError], *, images: int) -> FrameError:
    """The error to raise for some unfit images: of a single one its own.

    Args:
        errors: at least one, each naming its image.
        images: how many were looked at.
    """
    errors = sorted(errors, key=str)
    if len(errors) == 1:
        return errors[0]
    return UnfitImagesError(
        f"{errors[0]}; {len(errors) - 1} more of {images} images cannot be used: "
        f"{'; '.join(str(error) for error in errors[1:])}",
        errors=errors,
    )
