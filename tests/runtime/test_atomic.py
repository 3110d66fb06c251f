"""Output appears whole or not at all."""

import re
import shutil
import subprocess
import sys

import pytest

from goodpart._host.atomic import check_target, staged_folder, write_file
from goodpart.errors import UsageError

MARK, OWN = "manifest.json", re.compile(r"manifest\.json|golden/x")


def fill(folder, text="new"):
    (folder / MARK).write_text(text)
    (folder / "golden").mkdir()
    (folder / "golden" / "x").write_text(text)


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_appears_at_the_end(tmp_path):
    out = tmp_path / "deep" / "out"
    with staged_folder(out, mark=MARK, own=OWN) as staging:
        fill(staging)
        assert not out.exists()
        assert staging.parent == out.parent  # the same file system, so that a rename suffices
    assert (out / "golden" / "x").read_text() == "new"
    assert listing(out.parent) == ["out"]
    assert out.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_inside_leaves_nothing(tmp_path, error):
    with pytest.raises(error), staged_folder(tmp_path / "out", mark=MARK, own=OWN) as staging:
        fill(staging)
        raise error
    assert listing(tmp_path) == []


def test_forcing_keeps_the_old_one_until_the_new_one_is_whole(tmp_path):
    out = tmp_path / "out"
    with staged_folder(out, mark=MARK, own=OWN) as staging:
        fill(staging, "old")
    with pytest.raises(ValueError, match="no"), staged_folder(out, force=True, mark=MARK, own=OWN) as staging:
        fill(staging)
        raise ValueError("no")
    assert (out / "golden" / "x").read_text() == "old"
    with staged_folder(out, force=True, mark=MARK, own=OWN) as staging:
        fill(staging)
        assert (out / MARK).read_text() == "old"
    assert (out / "golden" / "x").read_text() == "new"
    assert listing(tmp_path) == ["out"]


def test_an_existing_target_needs_force(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="--force"):
        check_target(tmp_path / "out", force=False, mark=MARK, own=OWN)
    check_target(tmp_path / "out", force=True, mark=MARK, own=OWN)  # an empty folder holds nothing to lose


def test_force_replaces_nothing_but_an_older_output(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("1")
    (tmp_path / "file").write_text("1")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    for name in ("thesis", "file", "link"):
        with pytest.raises(UsageError, match="expected a new folder or one that holds"):
            check_target(tmp_path / name, force=True, mark=MARK, own=OWN)


def test_force_removes_nothing_foreign_beside_an_older_output(tmp_path):
    app = tmp_path / "webapp"
    (app / "src").mkdir(parents=True)
    (app / MARK).write_text("{}")
    (app / "src" / "code.js").write_text("years of work")
    with pytest.raises(UsageError, match=r"found src/code\.js in it"):
        check_target(app, force=True, mark=MARK, own=OWN)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("1")
    with (
        pytest.raises(UsageError, match="can be written"),
        staged_folder(tmp_path / "file" / "out", mark=MARK, own=OWN),
    ):
        pass
    with pytest.raises(UsageError, match="can be written"):
        check_target(tmp_path / "file" / "out", force=False, mark=MARK, own=OWN)  # before any long work
    with pytest.raises(UsageError, match="can be written"):
        write_file(tmp_path / "file" / "out", b"1")


def test_a_file_never_replaces_a_folder(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").write_text("1")
    with pytest.raises(UsageError, match="nothing was written"):
        write_file(tmp_path / "out", b"1")
    assert listing(tmp_path) == ["out"]
    assert listing(tmp_path / "out") == ["kept"]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "file"
    write_file(path, b"old")
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert listing(path.parent) == ["file"]


def test_a_full_disk_leaves_the_old_and_says_so(tmp_path):
    write_file(tmp_path / "file", b"old")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "m").write_bytes(b"old")
    script = f"""
import re, resource, signal
from pathlib import Path
from goodpart._host.atomic import staged_folder, write_file
from goodpart.errors import UsageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
folder = Path({str(tmp_path)!r})
try:
    write_file(folder / "file", b"x" * 5000)
except UsageError as error:
    print(error)
try:
    with staged_folder(folder / "out", mark="m", own=re.compile("m")) as staging:
        (staging / "m").write_bytes(b"x" * 5000)
except UsageError as error:
    print(error)
try:
    with staged_folder(folder / "old", mark="m", own=re.compile("m"), force=True) as staging:
        (staging / "m").write_bytes(b"x" * 5000)
except UsageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert [line.count("nothing was written") for line in done.stdout.splitlines()] == [1, 1, 1], done.stdout
    assert listing(tmp_path) == ["file", "old"]
    assert (tmp_path / "old" / "m").read_bytes() == b"old"
    assert (tmp_path / "file").read_bytes() == b"old"


def test_what_a_killed_process_left_is_swept_by_the_next_one_and_nothing_else(tmp_path):
    left = [".out.abcd1234.partial", ".out.________.partial"]
    others = [
        ".out.abcd123.partial",
        ".other.abcd1234.partial",
        "out.abcd1234.partial",
        ".out.ABCD1234.partial",
        ".out",
    ]
    for name in (*left, *others):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("half")
    with staged_folder(tmp_path / "out", mark=MARK, own=OWN) as staging:
        (staging / MARK).write_text("new")
    assert listing(tmp_path) == sorted(["out", *others])
    (tmp_path / ".file.abcd1234.partial").write_text("half")
    (tmp_path / ".file.abcd5678.partial").symlink_to(tmp_path / "out")
    write_file(tmp_path / "file", b"new")
    assert listing(tmp_path) == sorted(["out", "file", *others])
    assert (tmp_path / "out" / MARK).read_text() == "new"


def test_what_a_living_process_writes_is_not_swept(tmp_path):
    with staged_folder(tmp_path / "out", mark=MARK, own=OWN) as one:
        (one / MARK).write_text("one")
        with staged_folder(tmp_path / "out", mark=MARK, own=OWN) as other:
            (other / MARK).write_text("other")
        assert (one / MARK).read_text() == "one"
        shutil.rmtree(tmp_path / "out")
    assert (tmp_path / "out" / MARK).read_text() == "one"
