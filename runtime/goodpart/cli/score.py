"""`goodpart score`: inspects image files and prints the verdict of each."""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goodpart._host.atomic import check_file
from goodpart._host.machine import usable_cores
from goodpart._host.opencv import load_opencv
from goodpart._host.parallel import in_order
from goodpart.cli.common import print_json
from goodpart.cli.explain import add_explain_option, check_explains, explained, explanation_lines
from goodpart.cli.learned import LearnedPictures
from goodpart.cli.options import (
    add_bundle_argument,
    add_json_option,
    add_megapixels_option,
    add_threads_option,
    bundle_folder,
    trust,
)
from goodpart.cli.rows import say, tell
from goodpart.errors import FrameError, UsageError, found_at
from goodpart.frames.images import ImageReader
from goodpart.frames.listing import OVERLAY_SUFFIX, list_folder, refuse_none, unread_picture
from goodpart.frames.pictures import with_caption, write_picture
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart.scoring.rounding import decimals_that_tell_apart

SUMMARY = "Inspect image files; the exit code is 1 if at least one has a defect."

_SCORE_DECIMALS = 3
"""Decimals of a score in the table; more are shown if a different score and threshold would look equal."""

_LONGEST_NAME_BYTES = 220
"""Of a file's name in that of its overlay: file systems take 255, and a file that is being written has 18 more."""

REFUSED = "REFUSED"
"""The outcome of a frame that has no verdict."""

# the worst outcome decides; a frame without a verdict is worse than a found defect
_EXIT_CODES = {REFUSED: 4, Verdict.UNKNOWN.value: 5, Verdict.DEFECT.value: 1, Verdict.GOOD.value: 0}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_bundle_argument(parser)
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="image file, or a folder of them")
    parser.add_argument("--maps", type=Path, metavar="DIR", help="write an overlay picture of each frame below DIR")
    add_explain_option(parser)
    add_threads_option(parser, what="threads per frame; images at a time if there are several")
    add_megapixels_option(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Scores every image. A refused image is reported, and the others are still scored.

    A picture in a folder that cannot be read counts as refused: nobody may take its part for a good one.

    Prints a JSON object per frame, or a table row per frame if stdout is a terminal and `--json` is not given.

    Returns:
        4 if a frame was refused, else 5 if one is UNKNOWN, else 1 if one is a DEFECT, else 0.
    """
    if options.maps is not None:
        load_opencv("--maps")
    paths, unread = _files(options.images)
    overlays = {} if options.maps is None else _overlay_paths(paths, options.maps)
    for overlay in {overlay.parent: overlay for overlay in overlays.values()}.values():
        check_file(overlay)
    inspector, workers = _load(options, images=len(paths))
    learned = LearnedPictures(inspector.bundle)
    if options.explain:
        check_explains(inspector)
    reader = ImageReader(max_megapixels=options.max_megapixels, say=_say)
    if (warning := inspector.backbone.spec.weights.warning) is not None:
        tell(warning)
    counts = dict.fromkeys(_EXIT_CODES, 0)

    def score_one(path: Path) -> dict[str, Any]:
        if path in unread:
            return _refused(path, unread_picture(path))
        result = _score_one(inspector, reader, path, overlays.get(path), explain=options.explain)
        return result if learned.name_of(path) is None else result | {"learned": True}

    rows = not options.json and sys.stdout.isatty()
    if rows:
        say(_HEADER)
    began = time.perf_counter()
    for _, result in in_order(score_one, paths, workers=workers):
        counts[result["verdict"]] += 1
        if rows:
            say(_row(result), *explanation_lines(result))
        else:
            print_json(result)
    listed = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    maps = f"; overlays in {options.maps}" if options.maps else ""
    rate = len(paths) / (time.perf_counter() - began)
    tell(f"goodpart score: {len(paths)} frames: {listed}, {rate:.1f} per second{maps}")
    return next((code for outcome, code in _EXIT_CODES.items() if counts[outcome]), 0)


def _load(options: argparse.Namespace, *, images: int) -> tuple[Inspector, int]:
    """Loads an Inspector, and chooses how many images to inspect at a time.

    Several images at a time on one thread each are faster than one image at a time on all threads.
    """
    folder, threads = bundle_folder(options), options.threads
    if images == 1 or threads == 1:
        return Inspector.load(folder, threads=threads, **trust(options)), 1
    workers: int = usable_cores() if threads is None else threads
    # a number that is refused as threads per frame is refused here as well
    threads_each = 1 if 1 <= workers <= 256 else workers
    return Inspector.load(folder, threads=threads_each, **trust(options)), workers


def _files(given: Sequence[Path]) -> tuple[list[Path], set[Path]]:
    """The pictures that the arguments name, and which of them cannot be read; other files are only counted.

    Raises:
        UsageError: an argument is neither a file nor a folder, or a folder holds no pictures.
    """
    paths: list[Path] = []
    unread: set[Path] = set()
    for place in given:
        found = found_at(place)
        if found == "a file":
            paths.append(place)
        elif found == "a folder":
            listing = list_folder(place)
            if not listing.pictures:
                refuse_none(listing)
            paths += sorted((*listing.images, *listing.pictures), key=lambda path: path.relative_to(place).as_posix())
            unread.update(listing.pictures)
            for phrase in listing.passed_over():
                _say(f"{place}: not scored: {phrase}")
        else:
            raise UsageError(f"{place}: expected an image file or a folder of them, found {found}")
    return paths, unread


def _overlay_paths(paths: list[Path], folder: Path) -> dict[Path, Path]:
    """The path of each overlay: below `folder`, with the image's path relative to the common folder of all images."""
    # without `..`, which would lead out of the folder
    places = {path: Path(os.path.normpath(path.absolute())) for path in paths}
    root = os.path.commonpath([place.parent for place in places.values()])
    # the suffix stays in the name, because part.png and part.jpg are two frames
    return {
        path: folder / place.relative_to(root).with_name(_overlay_name(place.name)) for path, place in places.items()
    }


def _overlay_name(name: str) -> str:
    """The name of the overlay of a file; a name that would become too long is cut, and ends in its sha256's begin."""
    encoded = os.fsencode(name)
    if len(encoded) > _LONGEST_NAME_BYTES:
        digest = hashlib.sha256(encoded).hexdigest()[:8]
        name = f"{os.fsdecode(encoded[: _LONGEST_NAME_BYTES - 9])}-{digest}"
    return name + OVERLAY_SUFFIX


def _score_one(
    inspector: Inspector, reader: ImageReader, path: Path, overlay: Path | None, *, explain: bool
) -> dict[str, Any]:
    warning = inspector.backbone.spec.weights.warning
    try:
        frame = reader.read(path, inspector.backbone.spec.frame)
        inspection = inspector.inspect(frame)
    except FrameError as error:
        return _refused(path, str(error))
    if overlay is not None:
        picture = inspection.overlay(frame, outlines=True)
        write_picture(overlay, with_caption(picture, inspection, also=() if warning is None else (warning,)))
    result = _result(path, inspection, overlay, untrained=warning is not None)
    return result | {"explanations": explained(inspection)} if explain else result


def _refused(path: Path, reason: str) -> dict[str, Any]:
    _say(reason)
    return {"file": str(path), "verdict": REFUSED, "error": reason}


def _say(text: str) -> None:
    tell(f"goodpart score: {text}")


def _result(path: Path, inspection: Inspection, overlay: Path | None, *, untrained: bool) -> dict[str, Any]:
    """The printed facts of one frame: its file, those of `Inspection.to_dict`, and those of some runs only."""
    result = {"file": str(path), **inspection.to_dict()}
    if untrained:
        result["untrained"] = True
    if overlay is not None:
        result["map"] = str(overlay)
    return result


def _row(result: dict[str, Any]) -> str:
    if result["verdict"] == REFUSED:
        # the row names the file already
        return _line(REFUSED, "", "", result["file"], result["error"].removeprefix(f"{result['file']}: "))
    score, threshold = result["score"], result["threshold"]
    decimals = decimals_that_tell_apart([(score, threshold)], at_least=_SCORE_DECIMALS)
    numbers = f"{score:.{decimals}f} of {threshold:.{decimals}f}"
    remarks = [] if result["reason"] is None else [result["reason"]]
    if result.get("learned"):
        remarks.append("(the bundle has learned this picture)")
    return _line(result["verdict"], numbers, f"{result['p_value']:.3f}", result["file"], "  ".join(remarks) or None)


def _line(verdict: str, numbers: str, p_value: str, file: str, reason: str | None) -> str:
    """A line of the table, the reason last because it is long."""
    return f"{verdict:<8} {numbers:>20}  {p_value:>5}  {file}{'' if reason is None else f'  {reason}'}"


_HEADER = _line("verdict", "score of threshold", "p", "file", None)
