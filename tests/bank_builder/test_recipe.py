"""The recipe is read strictly: whatever is wrong is one line with file and line number."""

import pytest

from goodpart._host.toml_lines import lines_of
from goodpart.errors import UsageError
from goodpart_bank_builder.recipe.recipe import read_recipe
from goodpart_bank_builder.recipe.schema import TABLES
from goodpart_bank_builder.recipe.stored import Pins, pinned, with_batch, with_excluded

DIGEST = "0a" * 32
FULL = f"""# what the bracket is built from
[product]
name = "bracket"
serial = "auto"     # one more than the last
bundle = "bundles/bracket"

[backbone]
file = "backbone.onnx"
sha256 = "{DIGEST}"

[[batch]]
name = "start"
images = "good"
calibrates = true
taken = "2026-10"
digest = "{DIGEST}"

[[batch]]
name = "2026-11, near"
images = "near.txt"
calibrates = false

[parts]
group = 'num_(\\d+)'
group_gap = 100

[calibration]
method = "split"
false_reject_rate = 0.02
unit = "part"
calibration_parts = 1000
calibrates_since = "2026-10-01"

[bank]
profile = "default"
seed = 3
ignore = "mask.png"
ignore_sha256 = "{DIGEST}"
exclude = ["sha256:{DIGEST}", "bad.png"]
head = 0.5
thumbnails = false
any_size = true
skip_unreadable = true
max_megapixels = 50

[workspace]
embeddings_mb = 64

[sign]
key = "line.key"
"""
WRONG = {
    "name": "7", "serial": '"first"', "bundle": "[]", "file": "1", "sha256": '"abc"', "images": "{}",
    "calibrates": '"yes"', "digest": f'"{DIGEST.upper()}"', "group": "3", "group_gap": "-1", "method": '"none"',
    "false_reject_rate": "1.0", "unit": '"frame"', "calibration_parts": "0", "profile": "false", "seed": "4294967296",
    "ignore": "true", "ignore_sha256": "2026-11-01", "exclude": '"one.png"', "head": '"on"', "thumbnails": "1",
    "any_size": "0", "skip_unreadable": '"false"', "max_megapixels": "nan", "key": "[1]", "embeddings_mb": "1.5",
    "taken": "2026-11-01", "calibrates_since": '"2026-13"',
}  # fmt: skip
"""A wrong value for every key."""


@pytest.fixture
def folder(tmp_path):
    for name in ("good/1.png", "near/2.png", "backbone.onnx", "mask.png", "line.key"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "near.txt").write_text("near/2.png\n")
    return tmp_path


def write(folder, text):
    (folder / "r.toml").write_text(text)
    return folder / "r.toml"


def refused(folder, text):
    file = write(folder, text)
    with pytest.raises(UsageError) as caught:
        read_recipe(file)
    message = str(caught.value)
    assert "\n" not in message
    assert "expected" in message and "found" in message
    return message.removeprefix(f"{file}")


def line(text, key):
    return next(number for number, each in enumerate(text.splitlines(), 1) if each.startswith(f"{key} ="))


def test_every_key_is_read(folder):
    recipe = read_recipe(write(folder, FULL))
    found = recipe.settings
    assert (found.name, recipe.serial, found.out) == ("bracket", None, folder / "bundles/bracket")
    assert (found.backbone, recipe.backbone_sha256) == (folder / "backbone.onnx", DIGEST)
    assert [batch.name for batch in found.batches] == ["start", "2026-11, near"]
    assert [batch.calibrates for batch in found.batches] == [True, False]
    assert [batch.digest for batch in found.batches] == [DIGEST, None]
    assert [batch.taken for batch in found.batches] == ["2026-10", None]
    assert found.calibrates_since == "2026-10-01"
    assert [batch.images for batch in found.batches] == [folder / "good", folder / "near.txt"]
    assert (found.group, found.group_gap) == (r"num_(\d+)", 100)
    assert (found.calibration.value, found.false_reject_rate, found.rate_per.value) == ("split", 0.02, "part")
    assert (found.calibration_parts, found.profile, found.seed) == (1000, "default", 3)
    assert (found.ignore, recipe.ignore_sha256) == (folder / "mask.png", DIGEST)
    assert found.exclude == (f"sha256:{DIGEST}", "bad.png")
    assert (found.head, found.thumbnails, found.any_size) == (0.5, False, True)
    assert (found.skip_unreadable, found.max_megapixels) == (True, 50.0)
    assert recipe.key == folder / "line.key"


def test_what_is_left_out_is_as_in_a_build_from_a_folder(folder):
    short = '[product]\nname = "a"\n[backbone]\nfile = "backbone.onnx"\n[[batch]]\nname = "s"\nimages = "good"\n'
    recipe = read_recipe(write(folder, short))
    fresh = type(recipe.settings)(good_dir=folder / "good", backbone=folder / "backbone.onnx", out=folder)
    for field in ("group", "calibration", "false_reject_rate", "rate_per", "seed", "head", "max_megapixels"):
        assert getattr(recipe.settings, field) == getattr(fresh, field)


def test_every_key_has_a_wrong_value():
    assert WRONG.keys() == {key for keys in TABLES.values() for key in keys}


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_type_is_one_line_with_its_place(folder, key):
    number = line(FULL, key)
    lines = FULL.splitlines()
    lines[number - 1] = f"{key} = {WRONG[key]}"
    message = refused(folder, "\n".join(lines))
    assert message.startswith(f":{number}: {key}: expected")


@pytest.mark.parametrize("table", ["product", "backbone", "batch", "parts", "calibration", "bank", "workspace", "sign"])
def test_an_unknown_key_is_one_line_with_its_place(folder, table):
    lines = FULL.splitlines()
    number = max(place for place, each in enumerate(lines, 1) if each.strip("[]") == table)
    lines.insert(number, "colour = 1")
    message = refused(folder, "\n".join(lines))
    assert message.startswith(f":{number + 1}: expected one of the keys")
    assert message.endswith("found 'colour'")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"backbone.onnx"', '"other.onnx"', "file"),
        ('"good"', '"bad"', "images"),
        ('"mask.png"', '"none.png"', "ignore"),
        ('"line.key"', '"good"', "key"),
    ],
)
def test_a_path_that_is_not_there(folder, old, new, where):
    message = refused(folder, FULL.replace(old, new))
    assert message.startswith(f":{line(FULL, where)}: expected a f")


def test_the_second_batch_is_named_by_its_own_line(folder):
    own = 'images = "near.txt"'
    message = refused(folder, FULL.replace(own, 'images = "gone"'))
    assert message.startswith(f":{FULL.splitlines().index(own) + 1}: ")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (FULL.replace("[sign]", "[signature]"), ":49: expected one of the tables"),
        (FULL.replace("seed = 3", "seed = "), ":36: expected TOML"),
        (FULL.replace("[[batch]]", "[batch]", 1).replace("[[batch]]", "[calibration2]"), ":"),
        (FULL.replace('name = "start"\n', ""), ":11: expected the key 'name'"),
        (FULL.replace('"start"', '"a/b"'), ":12: batch: expected"),
        (FULL.replace('"bracket"\ns', '"a/b"\ns'), ":3: name: expected"),
        ("colour = 1\n" + FULL, ":1: expected one of the tables"),
        ("product = 1\n", ":1: expected [product]"),
        ("", ": expected the table [product]"),
    ],
)
def test_other_mistakes(folder, text, start):
    assert refused(folder, text).startswith(start)


def test_bytes_that_are_no_utf_8(folder):
    (folder / "r.toml").write_bytes(b'[product]\nname = "\xff"\n')
    with pytest.raises(UsageError, match=r"r\.toml:2: expected UTF-8"):
        read_recipe(folder / "r.toml")


def test_a_changed_backbone_names_both_digests(folder):
    recipe = read_recipe(write(folder, FULL))
    with pytest.raises(UsageError, match=rf"r\.toml:{line(FULL, 'sha256')}: .*{DIGEST}, found e3b0c44298fc"):
        recipe.check_pins()


def test_lines_inside_a_text_of_several_lines_are_none():
    text = '[a]\nb = """\n[c]\nd = 1\n"""\ne = 2\n'
    assert lines_of(text) == {("a", 0, ""): 1, ("a", 0, "b"): 2, ("a", 0, "e"): 6}


def test_editing_keeps_every_comment(folder):
    bare = FULL.replace(f'sha256 = "{DIGEST}"\n', "", 1).replace(f'digest = "{DIGEST}"\n', "")
    text = pinned(bare, Pins(backbone_sha256="1b" * 32, ignore_sha256=None, digests=("2c" * 32, "3d" * 32)))
    text = with_batch(text, name="new", images=folder / "near.txt", calibrates=False)
    text = with_excluded(with_excluded(text, ["4e" * 32]), ["4e" * 32])
    assert "# what the bracket is built from" in text and "# one more than the last" in text
    recipe = read_recipe(write(folder, text))
    assert recipe.backbone_sha256 == "1b" * 32
    assert [batch.digest for batch in recipe.settings.batches] == ["2c" * 32, "3d" * 32, None]
    assert recipe.settings.batches[2].name == "new"
    assert recipe.settings.exclude == (f"sha256:{DIGEST}", "bad.png", f"sha256:{'4e' * 32}")


def test_a_pin_is_never_replaced():
    assert pinned(FULL, Pins(backbone_sha256="1b" * 32, ignore_sha256="1b" * 32, digests=("1b" * 32,))) == FULL
