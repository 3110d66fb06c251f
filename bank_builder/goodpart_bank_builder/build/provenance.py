"""What a bundle says of where it comes from: its images, the origin of every bank vector, and what the doctor found."""

import importlib.metadata
import platform
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from goodpart.facts.learned import (
    BatchFacts,
    Examination,
    ImageList,
    LearnedImage,
    ListedImage,
    OddImage,
    ThresholdWarning,
)
from goodpart.facts.manifest import Provenance
from goodpart.facts.spec import GridSpec
from goodpart_bank_builder.data.batches import contents_of
from goodpart_bank_builder.data.dataset import dataset_digest
from goodpart_bank_builder.data.good_folder import GoodFolder
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.doctor.doctor import Diagnosis
from goodpart_bank_builder.doctor.finding import OF_IMAGES
from goodpart_bank_builder.learn.learn import Learned
from goodpart_bank_builder.learn.workspace import cpu_digest

_PACKAGES = ("goodpart", "goodpart-bank-builder", "numpy", "onnxruntime", "hnswlib", "opencv-python-headless")


def provenance(settings: BuildSettings, learned: Learned, found: GoodFolder, diagnosis: Diagnosis) -> Provenance:
    """What the bundle is built from.

    Args:
        settings: of the build.
        learned: from the images.
        found: in the folder of good images.
        diagnosis: what the doctor says of the images.
    """
    return Provenance(
        dataset_sha256=dataset_digest(_by_name(learned, found)),
        images=len(learned.images),
        parts=learned.parts,
        skipped_images=len(learned.unreadable),
        patches=learned.patches,
        seed=settings.seed,
        versions=own_versions(),
        excluded_images=len(found.excluded),
        examination=_examination(diagnosis),
        parent=settings.parent,
        batches=batch_facts(found, learned),
        calibrates_since=settings.calibrates_since,
    )


def own_versions() -> dict[str, str]:
    """The versions of everything that decides the bits of a build, and the kind of CPU."""
    return {
        "python": platform.python_version(),
        "cpu": f"{platform.machine()} {cpu_digest()}",
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def batch_facts(found: GoodFolder, learned: Learned) -> tuple[BatchFacts, ...]:
    """Name, digest, count and role of every batch."""
    return tuple(
        BatchFacts(
            name=shown(each.batch.name),
            digest=each.batch.digest or dataset_digest(contents_of(each.listing, learned.images)),
            images=sum(path in learned.images for path in each.images),
            calibrates=each.batch.calibrates,
            taken=each.batch.taken,
        )
        for each in found.batches
    )


def _by_name(learned: Learned, found: GoodFolder) -> dict[str, str]:
    """The sha256 of every image, by name, in the order of their paths."""
    named = {PurePosixPath(found.names[path]): sha256 for path, sha256 in learned.images.items()}
    return {name.as_posix(): sha256 for name, sha256 in sorted(named.items())}


def image_list(learned: Learned, found: GoodFolder) -> ImageList:
    """The images that were learned and those that were left out, by ascending name.

    Args:
        learned: from the images.
        found: in the folder.
    """
    batch_of = {path: shown(each.batch.name) for each in found.batches for path in each.images}
    images = [
        LearnedImage(
            name=shown(found.names[path]),
            sha256=sha256,
            part=shown(found.parts[path]),
            height_px=learned.frames[path].height_px,
            width_px=learned.frames[path].width_px,
            batch=batch_of[path],
        )
        for path, sha256 in learned.images.items()
    ]
    excluded = [ListedImage(name=shown(name), sha256=sha256) for name, sha256 in found.excluded.items()]
    return ImageList(
        images=tuple(sorted(images, key=lambda image: image.name)),
        excluded=tuple(sorted(excluded, key=lambda image: image.name)),
    )


def bank_origins(learned: Learned, images: ImageList, grid: GridSpec, names: dict[Path, str]) -> npt.NDArray[np.int32]:
    """`(N, 3) int32` image, row and column of the patch that each bank vector comes from.

    Args:
        learned: with the bank.
        images: from `image_list`.
        grid: of the backbone.
        names: what the images are called.
    """
    position = {image.name: number for number, image in enumerate(images.images)}
    in_list = np.array([position[shown(names[path])] for path in learned.images])
    number, patch = np.divmod(learned.bank.origins, grid.patches)
    return np.stack([in_list[number], patch // grid.columns, patch % grid.columns], axis=1).astype(np.int32)


def pictured(learned: Learned, images: ImageList, origins: npt.NDArray[np.int32], names: dict[Path, str]) -> list[Path]:
    """The files of the images that the bank holds vectors of, in the order of the list.

    Args:
        learned: from the images.
        images: from `image_list`.
        origins: from `bank_origins`.
        names: what the images are called.
    """
    path_of = {shown(names[path]): path for path in learned.images}
    return [path_of[images.images[number].name] for number in np.unique(origins[:, 0])]


def shown(name: str) -> str:
    """A name that everybody can print: anything else, and the backslash, as an escape. Different names stay different.

    File names may hold any byte but zero, and a part's name has zeros between its groups.
    """
    return "".join(
        each if each.isprintable() and each != "\\" else each.encode("unicode_escape").decode("ascii") for each in name
    )


def _examination(diagnosis: Diagnosis) -> Examination:
    support = diagnosis.threshold
    odd: dict[str, list[str]] = {name: [] for name in diagnosis.names}
    for found in diagnosis.findings:
        for image in found.images:
            if found.kind in OF_IMAGES and image.name in odd:
                odd[image.name].append(found.kind.value)
    warning = None
    if support.threshold_without is not None:
        warning = ThresholdWarning(
            images=tuple(map(shown, support.carried_by)),
            threshold=support.threshold,
            threshold_without=support.threshold_without,
        )
    return Examination(
        look_at=diagnosis.look_at,
        images=tuple(
            OddImage(name=shown(name), score=diagnosis.held_out.get(name), findings=tuple(kinds))
            for name, kinds in odd.items()
        ),
        warning=warning,
    )
