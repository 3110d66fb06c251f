"""An interrupt at any moment: the output is whole or absent, and nothing half-written is left."""

import contextlib
import gc
import json
import re
import sys

import pytest

from goodpart._host.atomic import check_file, staged_folder, write_file

MARK, OWN = "manifest.json", re.compile(r"manifest\.json|golden/x")


def folder(place, text="new"):
    with staged_folder(place / "out", force=True, mark=MARK, own=OWN) as staging:
        (staging / MARK).write_text(text)
        (staging / "golden").mkdir()
        (staging / "golden" / "x").write_text(text)


def file(place, text="new"):
    write_file(place / "out", text.encode())


def nothing(place):
    check_file(place / "out")


def interrupted(work, place, moment):
    """Does the work; at this moment comes an interrupt. Returns whether the work had that many moments."""
    seen = 0

    # where Python looks for signals: at the start of its functions, and after each call of another one
    def profile(frame, event, argument):
        nonlocal seen
        if event in ("call", "c_return", "c_exception"):
            seen += 1
            if seen == moment:
                raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        try:
            sys.setprofile(profile)
            work(place)
        finally:
            sys.setprofile(None)
    return seen >= moment


def content(place):
    return {path.relative_to(place).as_posix(): path.read_text() for path in place.rglob("*") if path.is_file()}


# in a destructor Python ignores an interrupt, and says so
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("work", [folder, file, nothing])
def test_it_leaves_the_old_or_the_new_output_and_nothing_else(tmp_path, work, is_there):
    found, moments = set(), 0
    while True:
        place = tmp_path / str(moments)
        place.mkdir()
        if is_there:
            (folder if work is folder else file)(place, "old")
        if not interrupted(work, place, moments + 1):
            break
        moments += 1
        if any(path.name != "out" for path in place.iterdir()):
            # some interrupts tear a generator off; it tidies up when it is found, at the latest when the process ends
            gc.collect()
        assert {path.name for path in place.iterdir()} <= {"out"}, moments
        found.add(json.dumps(content(place), sort_keys=True))
    assert moments > 50
    old = [content(tmp_path / "0")]
    new = [] if work is nothing else [content(place)]
    assert sorted(found) == sorted(json.dumps(each, sort_keys=True) for each in old + new)
