"""Doctor: looks at good images before anybody believes them. It says what to look at, never what is defective."""

import dataclasses
from pathlib import Path

from goodpart.facts.calibration import CalibrationMethod, RateUnit
from goodpart.facts.spec import Channels
from goodpart.model.backbone import Backbone
from goodpart_bank_builder.data.good_folder import read_good_folder
from goodpart_bank_builder.data.parts import make_folds
from goodpart_bank_builder.data.settings import FolderSettings, LearnSettings
from goodpart_bank_builder.doctor.finding import LISTED, OF_IMAGES, Finding, FindingKind, OddImage, counted, finding
from goodpart_bank_builder.doctor.kinds import kinds_of_picture
from goodpart_bank_builder.doctor.outliers import ThresholdSupport, find_outliers, outlier_scores, threshold_support
from goodpart_bank_builder.doctor.pictures import odd_pictures
from goodpart_bank_builder.learn.learn import Learned, learn


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What the doctor says of a folder of good images.

    Attributes:
        images: how many were looked at.
        look_at: how many of them want a look.
        names: at most 20 of these, in the order of the findings.
        findings: what was found, one for each kind.
        pairs: at most 20 pairs of nearly identical images, by name, the nearest first.
        threshold: what the threshold rests on.
        held_out: held-out scores of `names`, in sigmas, by name; without those that were not scored.
        grey_as_colour: whether all images are grey although the backbone takes colour.
    """

    images: int
    look_at: int
    names: tuple[str, ...]
    findings: tuple[Finding, ...]
    pairs: tuple[tuple[str, str], ...]
    threshold: ThresholdSupport
    held_out: dict[str, float]
    grey_as_colour: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """What was looked at, and what the doctor says.

    Attributes:
        folder: of good images.
        parts: good parts that its images show.
        excluded: the sha256 of every image that was left out, by name.
        passed_over: a phrase for every kind of file in the folder that is not read: how many, and the first names.
        diagnosis: what the doctor says.
    """

    folder: str
    parts: int
    excluded: dict[str, str]
    passed_over: tuple[str, ...]
    diagnosis: Diagnosis


def examine_folder(settings: FolderSettings) -> DoctorReport:
    """What `learn_and_examine` says of a folder."""
    return learn_and_examine(settings)[0]


def learn_and_examine(settings: FolderSettings) -> tuple[DoctorReport, Learned, Backbone]:
    """Looks at a folder as a build does, without making a bundle.

    All parts are held out in turn (cross-conformal), whatever `settings.calibration` says. Images that cannot be read
    are findings. A rate that needs more parts is a finding, and the least rate that they support takes its place.

    Args:
        settings: the folder, the backbone and how to learn.

    Returns:
        what the doctor says, what the images taught, and the backbone.

    Raises:
        UsageError: folders, parts or a mask that cannot work.
        BundleError: the backbone is refused.
    """
    found = read_good_folder(settings)
    parts = found.parts
    cross = dataclasses.replace(settings, calibration=CalibrationMethod.CROSS_CONFORMAL)
    count = cross.supporting(parts=len(set(parts.values())), images=len(parts))
    supported = 1.0 / (count + 1)
    learning = dataclasses.replace(
        cross,
        skip_unreadable=True,
        false_reject_rate=max(settings.false_reject_rate, supported) if settings.false_reject_rate > 0 else 0.0,
    )
    folds = make_folds(parts, learning)
    backbone = Backbone.load(settings.backbone, threads=1)
    learned = learn(backbone, parts, folds, learning)
    rate = settings.false_reject_rate
    few = _few_parts(count, learning.counted, rate) if rate < supported else []
    report = DoctorReport(
        folder=str(settings.good_dir),
        parts=learned.parts,
        excluded=found.excluded,
        passed_over=tuple(found.listing.passed_over()),
        diagnosis=examine(learned, parts, learning, settings.good_dir, backbone.spec.frame.channels, also=few),
    )
    return report, learned, backbone


def examine(
    learned: Learned,
    parts: dict[Path, str],
    settings: LearnSettings,
    folder: Path,
    channels: Channels,
    *,
    also: list[Finding] | None = None,
) -> Diagnosis:
    """Looks at what good images taught.

    Args:
        learned: of these images.
        parts: the part of every image.
        settings: with which they were learned.
        folder: what names are relative to.
        channels: what the backbone takes.
        also: findings from elsewhere.
    """
    scores = outlier_scores(learned)
    findings = [
        *find_outliers(scores, folder),
        *odd_pictures({_name(path, folder): facts for path, facts in learned.frames.items()}),
        *_unreadable(learned, folder),
        *kinds_of_picture({_name(path, folder): sketch for path, sketch in learned.sketches.items()}),
        *_lookalikes(learned, folder),
        *(also or []),
    ]
    names = dict.fromkeys(image.name for one in findings if one.kind in OF_IMAGES for image in one.images)
    listed, calibration = tuple(names)[:LISTED], learned.calibration
    held_out = {
        _name(path, folder): (raw - calibration.mean) / calibration.std
        for path, raw in zip(learned.held_out, learned.worst, strict=True)
    }
    return Diagnosis(
        images=len(learned.images) + len(learned.unreadable),
        look_at=len(names),
        names=listed,
        findings=tuple(dataclasses.replace(one, images=one.images[:LISTED]) for one in findings),
        pairs=tuple((_name(one, folder), _name(other, folder)) for one, other in learned.lookalikes.nearest),
        threshold=threshold_support(learned, parts, settings, scores, folder),
        held_out={name: held_out[name] for name in listed if name in held_out},
        grey_as_colour=channels is not Channels.GRAY and all(facts.colour == 0.0 for facts in learned.frames.values()),
    )


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _unreadable(learned: Learned, folder: Path) -> list[Finding]:
    odd = [OddImage(name=_name(path, folder), figure=0.0, why=why) for path, why in learned.unreadable.items()]
    return finding(
        FindingKind.UNREADABLE,
        odd,
        summary="{count} that cannot be learned",
        advice="copy or photograph them again, or leave them out",
    )


def _lookalikes(learned: Learned, folder: Path) -> list[Finding]:
    pairs = learned.lookalikes
    if not pairs.count:
        return []
    images = dict.fromkeys(
        (_name(one, folder), f"nearly identical to {_name(other, folder)}") for one, other in pairs.nearest
    )
    return [
        Finding(
            kind=FindingKind.LOOKALIKES,
            summary=f"{counted(pairs.count, 'pair')} of nearly identical images that were held out apart",
            advice="if they show one part, name parts with --group, because the threshold is too low otherwise",
            count=pairs.count,
            images=tuple(OddImage(name=name, figure=0.0, why=why) for name, why in images),
            figures={"pairs": float(pairs.count)},
        )
    ]


def _few_parts(count: int, unit: RateUnit, rate: float) -> list[Finding]:
    return [
        Finding(
            kind=FindingKind.FEW_PARTS,
            summary=f"{counted(count, unit.value)}, too few for a false-reject rate of {rate:g}",
            advice=f"photograph at least {_needed(rate)} good {unit.value}s, "
            f"or allow a rate of {1.0 / (count + 1):.4g}",
            count=count,
            images=(),
            figures={
                f"{unit.value}s": float(count),
                f"{unit.value}s needed": float(_needed(rate)),
                "least rate": 1.0 / (count + 1),
            },
        )
    ]


def _needed(rate: float) -> int:
    """The fewest parts or images that support a rate."""
    count = max(1, int(1.0 / rate) - 2)
    while (count + 1) * rate < 1.0 - 1e-9:
        count += 1
    return count
