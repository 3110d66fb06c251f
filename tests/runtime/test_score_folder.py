"""`goodpart score` of a folder: every picture has an outcome, and every trouble one true line."""

import json
import os
import re
import resource
import subprocess
import sys

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.cli.main import main
from goodpart.frames.listing import OVERLAY_SUFFIX
from small_frames import draw_good

GIF = b"GIF89a" + b"\0" * 20


@pytest.fixture
def folder(tmp_path):
    """One good frame, and what is no picture."""
    place = tmp_path / "frames"
    place.mkdir()
    np.save(place / "good.npy", draw_good(900))
    (place / "Thumbs.db").write_bytes(b"\xd0\xcf")
    (place / f"good.npy{OVERLAY_SUFFIX}").write_bytes(b"\x89PNG\r\n\x1a\n")
    (place / "._good.jpg").write_bytes(b"\0\5\x16\7")
    return place


def results(capsys):
    captured = capsys.readouterr()
    return {line["file"]: line for line in map(json.loads, captured.out.splitlines())}, captured.err


def test_other_files_are_only_counted(built_bundle, folder, capsys):
    assert main(["score", str(built_bundle), str(folder)]) == 0
    found, said = results(capsys)
    assert list(found) == [str(folder / "good.npy")]
    assert said.splitlines()[:3] == [
        f"goodpart score: {folder}: not scored: hidden files: 1, such as ._good.jpg",
        f"goodpart score: {folder}: not scored: overlays (*.overlay.png): 1, such as good.npy.overlay.png",
        f"goodpart score: {folder}: not scored: other files: 1, such as Thumbs.db",
    ]


@pytest.mark.parametrize("name", ["x.gif", "x.heic", "x.txt", "x", ".x.png"])
def test_a_picture_that_was_not_scored_is_refused_by_name(built_bundle, folder, name, capsys):
    (folder / name).write_bytes(GIF)
    assert main(["score", str(built_bundle), str(folder)]) == 4
    found, said = results(capsys)
    assert found[str(folder / "good.npy")]["verdict"] == "GOOD"
    assert found[str(folder / name)]["verdict"] == "REFUSED"
    assert str(folder / name) in found[str(folder / name)]["error"]
    assert "1 REFUSED, 1 GOOD" in said


def test_a_folder_of_unreadable_pictures_alone(built_bundle, tmp_path, capsys):
    (tmp_path / "x.gif").write_bytes(GIF)
    assert main(["score", str(built_bundle), str(tmp_path)]) == 4
    assert list(results(capsys)[0]) == [str(tmp_path / "x.gif")]


def test_a_file_without_permission_is_refused_by_name(built_bundle, folder):
    np.save(folder / "secret.npy", draw_good(901))
    (folder / "secret.npy").chmod(0)
    for place in (folder, *folder.parents):
        if place != place.parent and place.owner() and place.stat().st_uid == os.getuid():
            place.chmod(place.stat().st_mode | 0o755)
        if place.name.startswith("pytest-of"):
            break
    code = f"""
import os
from pathlib import Path
from goodpart.errors import ImageFileError
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
spec = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)
# whatever is imported late is imported now: another user may not see this Python
read_image(Path({str(folder / "good.npy")!r}), spec)
if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)
for path in find_images(Path({str(folder)!r})):
    try:
        read_image(path, spec)
    except ImageFileError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/")
    assert "secret.npy" in done.stdout, done.stderr
    assert "Permission denied" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_the_limit_of_pixels_is_an_option(built_bundle, folder, capsys):
    assert main(["score", str(built_bundle), str(folder), "--max-megapixels", "0.0001"]) == 4
    assert "give a higher --max-megapixels" in results(capsys)[1]
    with pytest.raises(SystemExit):
        main(["score", str(built_bundle), str(folder), "--max-megapixels", "0"])


def test_names_of_250_characters_have_overlays(built_bundle, tmp_path, capsys):
    pytest.importorskip("cv2")
    for end in "ab":
        np.save(tmp_path / f"{'x' * 245}{end}.npy", draw_good(900))
    assert main(["score", str(built_bundle), str(tmp_path), "--maps", str(tmp_path / "maps")]) == 0
    maps = {line["map"] for line in results(capsys)[0].values()}
    assert len(maps) == 2
    assert all(name.endswith(OVERLAY_SUFFIX) and os.path.getsize(name) for name in maps)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["score", "BUNDLE", "FOLDER"], ["info", "BUNDLE"]])
def test_a_full_output_is_one_line_and_no_verdict(built_bundle, folder, arguments):
    places = {"BUNDLE": str(built_bundle), "FOLDER": str(folder)}
    command = [sys.executable, "-m", "goodpart.cli.main", *(places.get(word, word) for word in arguments)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last == (
        "goodpart: stdout: expected room for the results, found none (No space left on device); they are incomplete"
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_memory_limit_is_one_line_that_names_it(built_bundle, folder):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (150 << 20,) * 2)

    command = [sys.executable, "-m", "goodpart.cli.main", "score", str(built_bundle), str(folder), "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode in (2, 3), done.stderr
    assert "Traceback" not in done.stderr
    assert re.match("goodpart: .*ulimit -v", done.stderr.splitlines()[-1])


def test_an_index_is_opened_where_proc_cannot_be_seen(built_bundle, monkeypatch):
    exists = os.path.exists

    def without_proc(self, **options):
        return not str(self).startswith("/proc") and exists(self)

    monkeypatch.setattr("pathlib.Path.exists", without_proc)
    with read_bundle(built_bundle).open_index() as path:
        assert not str(path).startswith("/proc")
        assert path.read_bytes() == (built_bundle / "bank.hnsw").read_bytes()


def test_an_opencv_that_does_not_load_says_why(tmp_path):
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
    )
    code = (
        "from goodpart._host.opencv import load_opencv\ntry: load_opencv('x')\nexcept Exception as error: print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.strip() == (
        "x needs OpenCV, which is installed but does not load (libGL.so.1: cannot open shared object file: No such "
        "file or directory); install opencv-python-headless in its place"
    )
