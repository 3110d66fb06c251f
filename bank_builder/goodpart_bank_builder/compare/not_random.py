"""Not random: whether labels say that what NEW calibrates on was picked out.

A threshold keeps its rate only if the images that set it were picked at random. A bundle says which batches were marked
so. Where the labelled data holds images of such a batch, its labels say how they came to be kept.
"""

from collections.abc import Sequence

from goodpart.bundle.bundle import Bundle
from goodpart.facts.learned import LearnedImage, ListedImage, is_before
from goodpart_bank_builder.data.labelled_export import (
    MOST_UNLABELLED,
    RANDOM,
    Label,
    LabelledExport,
    LabelledFrame,
)

_NAMED = 3


def not_random(new: Bundle, export: LabelledExport) -> list[str]:
    """Why batches that set the threshold of NEW were not picked at random, in sentences; empty if nothing says so.

    Args:
        new: the bundle.
        export: the labels of the data.
    """
    calibrating = _calibrating(new)
    learned = [(frame, calibrating[frame.sha256]) for _, frame in export.frames if frame.sha256 in calibrating]
    sentences = []
    for batch in sorted({batch for _, batch in learned}):
        picked = [frame for frame, own in learned if own == batch and frame.kept_for != RANDOM]
        if picked:
            reasons = ", ".join(sorted({frame.kept_for for frame in picked}))
            sentences.append(
                f"Batch {batch!r} of NEW sets the threshold as if picked at random, but {_counted(len(picked))} "
                f"kept for another reason ({reasons}): {_named([frame.file for frame in picked])}"
            )
    random = [(frame, batch) for frame, batch in learned if frame.kept_for == RANDOM]
    if random:
        sentences += _incomplete(new, export, [frame for frame, _ in random], sorted({batch for _, batch in random}))
    return sentences


def _calibrating(bundle: Bundle) -> dict[str, str]:
    """The batch of every image that could set the threshold, by sha256."""
    origin, images = bundle.manifest.provenance, bundle.read_images()
    names = {
        batch.name
        for batch in origin.batches or ()
        if batch.calibrates and not is_before(batch.taken, origin.calibrates_since)
    }
    found = () if images is None else images.images
    return {image.sha256: image.batch for image in found if image.batch is not None and image.batch in names}


def _incomplete(
    new: Bundle, export: LabelledExport, learned: Sequence[LabelledFrame], batches: Sequence[str]
) -> list[str]:
    """Why the random frames that NEW has learned are not all that there were.

    The data may cover more time than a batch does. So only frames count that were labelled between the first and the
    last one that NEW has learned.
    """
    drawn, named = export.drawn, " and ".join(map(repr, batches))
    good = [frame for _, frame in export.frames if frame.kept_for == RANDOM and frame.label is Label.GOOD]
    if len(good) < drawn.good:
        return [
            f"The labels list {len(good)} of {drawn.good} random frames that were labelled good, and {named} of NEW "
            f"holds some of them: picking out is a selection"
        ]
    times = [frame.at for frame in learned]
    between = [frame for frame in good if min(times) <= frame.at <= max(times)]
    known = {image.sha256 for image in _listed(new)}
    absent = [frame.file for frame in between if frame.sha256 not in known]
    if absent:
        return [
            f"{named} of NEW lacks {len(absent)} of the {len(between)} random frames that were labelled good in its "
            f"time: {_named(absent)}; picking out is a selection"
        ]
    if len(between) == len(good) and not drawn.is_mostly_labelled:
        return [
            f"{drawn.unlabelled} of {drawn.drawn} random frames have no label, more than {MOST_UNLABELLED * 100:g} %: "
            f"{named} of NEW was not picked at random"
        ]
    return []


def _listed(bundle: Bundle) -> list[LearnedImage | ListedImage]:
    """What a bundle has learned, or left out because it turned out to be bad."""
    images = bundle.read_images()
    return [] if images is None else [*images.images, *images.excluded]


def _counted(number: int) -> str:
    return f"{number} image{' was' if number == 1 else 's were'}"


def _named(files: Sequence[str]) -> str:
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return ", ".join(files[:_NAMED]) + more
