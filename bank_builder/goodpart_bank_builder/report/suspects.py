"""Suspects: a page that shows the good images which want a look, beside good ones, and what the threshold rests on."""

import dataclasses
import re
from pathlib import Path

from goodpart._host.atomic import check_target, staged_folder
from goodpart.facts.calibration import Calibration
from goodpart_bank_builder.data.settings import FolderSettings
from goodpart_bank_builder.doctor.doctor import Diagnosis
from goodpart_bank_builder.doctor.finding import OF_IMAGES, FindingKind
from goodpart_bank_builder.doctor.reasons import is_threshold, reason_in_words
from goodpart_bank_builder.report.look_closer import CloseLook, Closer
from goodpart_bank_builder.report.page import INDEX, MARK, environment
from goodpart_bank_builder.report.painted import Painted
from goodpart_bank_builder.report.small_picture import Picture, picture_of
from goodpart_bank_builder.report.text import apart, distance_scale

_OWN = re.compile(f"{re.escape(INDEX)}|{re.escape(MARK)}")
_PARTS, _PAIRS = 8, 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Suspect:
    """An image that wants a look.

    Attributes:
        name: below the folder of good images.
        why: why it is listed, in the words of the report of a bundle.
        score: its held-out score beside the threshold, in words; None if it was not scored.
        reasons: what was found, and what to do, for every finding.
        carries: whether the threshold rests on it.
        look: its pictures, None if it cannot be read.
    """

    name: str
    why: str
    score: str | None
    reasons: tuple[tuple[str, str], ...]
    carries: bool
    look: CloseLook | None


def check_suspects_folder(folder: Path) -> None:
    """Refuses a folder that the page cannot be written to; to be called before any long work.

    Raises:
        UsageError: the folder cannot be written, or holds files other than those of an earlier page.
    """
    check_target(folder, force=True, mark=MARK, own=_OWN)


def write_suspects(
    folder: Path,
    settings: FolderSettings,
    diagnosis: Diagnosis,
    closer: Closer,
    calibration: Calibration,
    *,
    painted: Painted | None = None,
) -> Path:
    """Writes the page; it appears at once, in place of an earlier one.

    Args:
        folder: a new or empty folder, or one with an earlier page.
        settings: what was looked at.
        diagnosis: what the doctor says of it.
        closer: makes the pictures.
        calibration: scale and thresholds of the same images.
        painted: what the head of the bundle was taught, None without a head.

    Returns:
        the page.

    Raises:
        UsageError: as in `check_suspects_folder`, or the page cannot be written.
        FrameError: an image can no longer be read.
    """
    unreadable = {
        one.name for found in diagnosis.findings if found.kind is FindingKind.UNREADABLE for one in found.images
    }
    names = [name for name in diagnosis.names if name not in unreadable]
    supporting = diagnosis.threshold.parts[:_PARTS]
    looks = closer.look_at(names, calibration)
    page = environment().get_template("suspects.html.j2").render(
        folder=settings.good_dir.resolve().name,
        diagnosis=diagnosis,
        headline=_headline(diagnosis),
        support=diagnosis.threshold,
        suspects=[_suspect(name, diagnosis, looks.get(name)) for name in diagnosis.names],
        others=diagnosis.threshold.parts[_PARTS:],
        supporting=[(part, _picture(settings, closer, part.image)) for part in supporting],
        pairs=[
            tuple((name, _picture(settings, closer, name)) for name in pair) for pair in diagnosis.pairs[:_PAIRS]
        ],
        whole=[found for found in diagnosis.findings if found.kind not in OF_IMAGES],
        compared=closer.compared,
        pixel_threshold=closer.pixel_threshold,
        distance_scale=distance_scale(calibration, pixel_threshold=closer.pixel_threshold),
        found_any=bool(names),
        painted=painted,
    )  # fmt: skip
    with staged_folder(folder, force=True, mark=MARK, own=_OWN) as staging:
        (staging / INDEX).write_text(page, encoding="utf-8", newline="\n")
        (staging / MARK).write_text(f"{INDEX}\n", encoding="ascii", newline="\n")
    return folder / INDEX


def _headline(diagnosis: Diagnosis) -> str:
    """All that was found, counted: single images first, then what concerns the folder as a whole."""
    verb = "wants" if diagnosis.look_at == 1 else "want"
    images = [f"{diagnosis.look_at} of {diagnosis.images} images {verb} a look"] if diagnosis.look_at else []
    # what stands in brackets is for the list of findings
    whole = [one.summary.partition(" (")[0] for one in diagnosis.findings if one.kind not in OF_IMAGES]
    return "; ".join([*images, *whole]) or "nothing stands out"


def _suspect(name: str, diagnosis: Diagnosis, look: CloseLook | None) -> _Suspect:
    listed = [
        (found, image)
        for found in diagnosis.findings
        if found.kind in OF_IMAGES
        for image in found.images
        if image.name == name
    ]
    score = diagnosis.held_out.get(name)
    return _Suspect(
        name=name,
        why=reason_in_words([found.kind.value for found, _ in listed], score, diagnosis.threshold.threshold),
        score=None if score is None else _beside_threshold(score, diagnosis.threshold.threshold),
        reasons=tuple((image.why, found.advice) for found, image in listed),
        carries=name in diagnosis.threshold.carried_by,
        look=look,
    )


def _beside_threshold(score: float, threshold: float) -> str:
    if is_threshold(score, threshold):
        return f"{score:.2f}: it is the threshold"
    where = "above" if score > threshold else "below"
    return f"{apart(score, threshold)}, {where} the threshold of {apart(threshold, score)} sigmas"


def _picture(settings: FolderSettings, closer: Closer, name: str) -> Picture:
    return picture_of(closer.visible(settings.path_of(name)))
