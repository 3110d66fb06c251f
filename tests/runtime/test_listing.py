"""Listing: no file of a folder is passed over in silence."""

import os

import pytest

from goodpart.errors import UsageError
from goodpart.frames.listing import find_images, list_folder, unread_picture

GIF = b"GIF89a" + b"\0" * 20
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 20

FILES = {
    "images": {"a.png": b"", "b/c.JFIF": b"", "b/d.webp": b"", "e.jp2": b"", "f.npy": b""},
    "pictures": {"g.gif": GIF, "h.HEIC": b"", "b/i.dat": JPEG, "j": GIF, ".k.jpg": JPEG, "l.txt": GIF},
    "hidden": {"._a.png": b"\0\5\x16\7", ".git/m.png": JPEG, ".DS_Store": b"Bud1"},
    "overlays": {"a.png.overlay.png": JPEG},
    "others": {"Thumbs.db": b"\xd0\xcf", "b/notes.txt": b"BMW is no bitmap", "empty": b""},
}


@pytest.fixture
def folder(tmp_path):
    for files in FILES.values():
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
    return tmp_path


def test_every_file_has_one_place(folder):
    listing = list_folder(folder)
    for kind, files in FILES.items():
        expected = {name.replace(".git/m.png", ".git") for name in files}
        assert {path.relative_to(folder).as_posix() for path in getattr(listing, kind)} == expected, kind


def test_what_is_passed_over_is_counted_and_named(folder):
    assert list_folder(folder).passed_over() == [
        "pictures that cannot be read: 6, such as .k.jpg, b/i.dat, g.gif",
        "hidden files: 3, such as .DS_Store, ._a.png, .git",
        "overlays (*.overlay.png): 1, such as a.png.overlay.png",
        "other files: 3, such as Thumbs.db, b/notes.txt, empty",
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.gif", GIF, "found GIF; convert it"),
        ("x.heic", b"", "found suffix '.heic'; convert it"),
        ("x.dat", JPEG, "found JPEG; convert it"),
        (".x.jpg", JPEG, "found a hidden picture; rename or remove it"),
        ("x.heif", b"\0\0\0\x18ftypheic", "found HEIF; convert it"),
        ("x.bin", b"\0\0\0\x18ftypavif", "found AVIF; convert it"),
    ],
)
def test_a_picture_that_is_not_read_has_a_reason(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert list_folder(tmp_path).pictures == (tmp_path / name,)
    assert unread_picture(tmp_path / name).startswith(f"{tmp_path / name}: expected")
    assert words in unread_picture(tmp_path / name)


def test_a_folder_of_other_pictures_alone_says_what_they_are(tmp_path):
    (tmp_path / "x.gif").write_bytes(GIF)
    with pytest.raises(UsageError, match=r"found none; pictures that cannot be read: 1, such as x\.gif"):
        find_images(tmp_path)


def test_a_film_is_no_picture_and_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    os.mkfifo(tmp_path / "pipe")
    assert len(list_folder(tmp_path).others) == 2
