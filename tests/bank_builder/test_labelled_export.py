"""Labelled export: labels.jsonl, line by line."""

import hashlib
import json

import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart_bank_builder.data.labelled_export import is_export, read_export, read_labels

FIRST = {"drawn": 5, "good": 2, "defect": 1, "unlabelled": 2}


def frame(name, label, **changes):
    return {
        "file": name,
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "label": label,
        "kept_for": "random",
        "at": "2026-11-03T10:00:00Z",
        "by": "anna",
        **changes,
    }


def write(folder, lines):
    folder.mkdir(exist_ok=True)
    for line in lines[1:]:
        if isinstance(line, dict) and isinstance(line.get("file"), str) and "/" not in line["file"]:
            np.save(folder / line["file"], np.zeros((4, 4, 3), np.uint8))
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "labels.jsonl").write_text(text)
    return folder


@pytest.fixture
def rows():
    return [FIRST, frame("a.npy", "good"), frame("b.npy", "defect", by=None), frame("c.npy", "good", kept_for="near")]


def test_an_export_is_a_test_set_of_two_kinds(tmp_path, rows):
    folder = write(tmp_path / "export", rows)
    assert is_export(folder)
    export = read_labels(folder)
    assert (export.drawn.drawn, export.drawn.unlabelled, len(export.frames)) == (5, 2, 3)
    assert (export.frames[1][1].by, export.frames[2][1].kept_for) == (None, "near")
    category = read_export(folder)
    assert [(image.path.name, image.kind, image.is_defective) for image in category.images] == [
        ("a.npy", "good", False),
        ("c.npy", "good", False),
        ("b.npy", "defect", True),
    ]


def test_groups_name_parts_within_a_label(tmp_path, rows):
    folder = write(tmp_path / "export", rows)
    category = read_export(folder, group=r"(.)\.npy$")
    assert [image.part for image in category.images] == ["good/a", "good/c", "defect/b"]


@pytest.mark.parametrize(
    ("row", "line", "says"),
    [
        (0, "", "expected"),
        (0, {**FIRST, "good": -1}, "expected drawn = good + defect + unlabelled, found"),
        (0, {"good": 2}, "expected"),
        (0, {**FIRST, "good": 3}, "expected drawn = good + defect + unlabelled, found"),
        (1, "{", "expected"),
        (1, "[]", "expected"),
        (1, {"file": "a.npy"}, "expected"),
        (1, frame("a.npy", "good", more=1), "more"),
        (1, frame("a.npy", "bad"), "label: expected one of"),
        (1, frame("a.npy", "good", sha256="12"), "sha256: expected 64 lower-case hex digits, found '12'"),
        (1, frame("a.npy", "good", at=3), "at: expected"),
        (1, frame("../a.npy", "good"), "name: expected"),
        (1, frame("/a.npy", "good"), "name: expected"),
        (3, frame("b.npy", "good"), "expected each file once, found b.npy again (line 3)"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, rows, row, line, says):
    rows[row] = line
    with pytest.raises(UsageError) as caught:
        read_labels(write(tmp_path / "export", rows))
    assert says in str(caught.value)
    assert f"labels.jsonl:{row + 1}: " in str(caught.value)


def test_an_image_that_is_not_there_is_named(tmp_path, rows):
    folder = write(tmp_path / "export", rows)
    (folder / "b.npy").unlink()
    with pytest.raises(UsageError, match=r"labels.jsonl:3: expected an image at .*b.npy, found none"):
        read_export(folder)
