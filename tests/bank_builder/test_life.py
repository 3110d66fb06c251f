"""The life of a bank: update, exclude and reproduce."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.recipe.recipe import read_recipe
from small_frames import draw_small
from small_network import small_backbone

RECIPE = """[product]
name = "bar"   # the product
[backbone]
file = "backbone.onnx"
[[batch]]
name = "start"
images = "good"
[calibration]
false_reject_rate = 0.1
[bank]
head = "off"
"""


def draw(folder, numbers):
    folder.mkdir()
    for number in numbers:
        np.save(folder / f"{number:02}.npy", draw_small(number))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    draw(folder / "good", range(20))
    draw(folder / "new", range(50, 54))
    small_backbone(folder / "backbone.onnx", head=True)
    (folder / "r.toml").write_text(RECIPE)
    assert main(["build", str(folder / "r.toml"), "--threads", "1"]) == 0
    return folder


@pytest.fixture
def product(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "product"))


def run(code, *arguments):
    assert main([*map(str, arguments), "--threads", "1"]) == code


def bundle(product):
    return read_bundle(product / "bundles" / "bar")


def batches(product):
    return [(each.name, each.images.name, each.calibrates) for each in read_recipe(product / "r.toml").settings.batches]


def write_labels(folder, *, reasons=("random",) * 4, labels=("good",) * 4, **first):
    lines = []
    for path, reason, label in zip(sorted(folder.glob("*.npy")), reasons, labels, strict=True):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        facts = {"file": path.name, "sha256": digest, "label": label, "kept_for": reason, "at": "2026-11-27", "by": "a"}
        lines.append(json.dumps(facts))
    good = sum(pair == ("random", "good") for pair in zip(reasons, labels, strict=True))
    counts = {"drawn": good, "good": good, "defect": 0, "unlabelled": 0} | first
    (folder / "labels.jsonl").write_text("\n".join([json.dumps(counts), *lines]) + "\n")


def refused(capsys, *arguments):
    run(2, *arguments)
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("selected", [False, True])
def test_update_appends_a_batch_and_builds(product, selected):
    before = bundle(product)
    run(0, "update", product / "r.toml", "--good", product / "new", *["--selected"] * selected)
    after = bundle(product)
    assert batches(product) == [("start", "good", True), ("new", "new", not selected)]
    assert "# the product" in (product / "r.toml").read_text()
    assert after.manifest.provenance.parent == before.digest
    assert len(after.calibration.scores) == (20 if selected else 24)


def test_update_is_what_a_build_of_the_longer_recipe_makes(product):
    run(0, "update", product / "r.toml", "--good", product / "new")
    made = bundle(product)
    out = product / "again"
    run(0, "build", product / "r.toml", "--out", out, "--no-workspace", "--serial", made.manifest.serial)
    again = read_bundle(out)
    differing = {name for name, facts in made.manifest.files.items() if again.manifest.files[name] != facts}
    assert differing == set()


def test_labels_say_which_frames_set_the_threshold(product):
    write_labels(
        product / "new",
        reasons=("random", "random", "near", "random"),
        labels=("good", "good", "good", "defect"),
        drawn=3,
        defect=1,
    )
    run(0, "update", product / "r.toml", "--good", product / "new", "--name", "line")
    assert batches(product)[1:] == [
        ("line random", "goodpart-random.txt", True),
        ("line selected", "goodpart-selected.txt", False),
    ]
    assert (product / "new" / "goodpart-random.txt").read_text() == "50.npy\n51.npy\n"
    assert len(bundle(product).calibration.scores) == 22
    assert bundle(product).manifest.provenance.images == 23


def test_random_frames_that_were_picked_out_are_refused(product, capsys):
    write_labels(product / "new", drawn=9, good=9)
    before = (product / "r.toml").read_bytes()
    error = refused(capsys, "update", product / "r.toml", "--good", product / "new")
    assert "expected all 9 random frames that were labelled good, found 4" in error
    assert (product / "r.toml").read_bytes() == before
    run(2, "update", product / "r.toml", "--good", product / "new", "--selected")


def test_many_unlabelled_random_frames_count_as_selected(product, capsys):
    write_labels(product / "new", drawn=5, unlabelled=1)
    run(0, "update", product / "r.toml", "--good", product / "new")
    assert "WARNING     " in capsys.readouterr().err
    assert batches(product)[1:] == [("new selected", "goodpart-selected.txt", False)]


def test_frames_of_another_product_are_a_warning(product, capsys):
    write_labels(product / "new", product="nut")
    run(0, "update", product / "r.toml", "--good", product / "new")
    assert (
        "expected frames of 'bar', found those of 'nut': look whether both are one product" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace('"drawn": 4', '"drawn": 5'), "labels.jsonl:1: expected drawn ="),
        (lambda text: text.replace('"label": "good"', '"label": "fine"', 1), "labels.jsonl:2: label: expected one of"),
        (lambda text: text.replace('"50.npy"', '"../50.npy"'), "labels.jsonl:2: name: expected"),
        (lambda text: text.replace('"50.npy"', '"51.npy"'), "labels.jsonl:3: expected each file once"),
        (lambda text: text.replace('"50.npy"', '"99.npy"'), "labels.jsonl:2: expected the frame 99.npy"),
        (lambda text: text.replace('"sha256": "', '"sha256": "0', 1), "labels.jsonl:2: sha256: expected"),
        (lambda text: text.replace('"drawn"', '"simulated": true, "drawn"'), "found those of a replay"),
        (lambda text: "", "expected labels, found an empty file"),
    ],
)
def test_wrong_labels(product, capsys, change, words):
    write_labels(product / "new")
    file = product / "new" / "labels.jsonl"
    file.write_text(change(file.read_text()))
    assert words in refused(capsys, "update", product / "r.toml", "--good", product / "new")


def test_a_failed_update_leaves_the_recipe(product, capsys):
    shutil.copy(product / "good" / "03.npy", product / "new" / "90.npy")
    before, digest = (product / "r.toml").read_bytes(), bundle(product).digest
    assert "found a copy of" in refused(capsys, "update", product / "r.toml", "--good", product / "new")
    assert ((product / "r.toml").read_bytes(), bundle(product).digest) == (before, digest)


def test_a_taken_name_is_refused(product, capsys):
    assert "'start'" in refused(capsys, "update", product / "r.toml", "--good", product / "new", "--name", "start")


def test_exclude_lists_and_only_with_yes_builds(product, capsys):
    before = bundle(product).digest
    frame = product / "frame.npy"
    shutil.copy(product / "good" / "07.npy", frame)
    run(0, "exclude", product / "r.toml", frame)
    printed = capsys.readouterr().out
    assert f"the same    {frame}: 07.npy (sha256 " in printed and "--yes" in printed
    assert bundle(product).digest == before
    run(0, "exclude", product / "r.toml", frame, "--yes", "--json")
    found = json.loads(capsys.readouterr().out)
    assert [(match["image"], match["identical"]) for match in found["matches"]] == [("07.npy", True)]
    after = bundle(product)
    assert [image.name for image in after.read_images().excluded] == ["07.npy"]
    assert after.manifest.provenance.parent == before


def test_exclude_finds_what_is_near_identical(product, capsys):
    noise = np.random.default_rng(0).integers(0, 2, draw_small(7).shape)
    np.save(product / "frame.npy", np.clip(draw_small(7).astype(int) + noise, 0, 255).astype(np.uint8))
    run(0, "exclude", product / "r.toml", product / "frame.npy", "--json")
    (match,) = json.loads(capsys.readouterr().out)["matches"]
    assert (match["image"], match["identical"]) == ("07.npy", False)


def test_exclude_of_a_stranger_does_nothing(product, capsys):
    np.save(product / "frame.npy", draw_small(99, defect=True))
    run(0, "exclude", product / "r.toml", product / "frame.npy", "--yes")
    assert capsys.readouterr().out.startswith("none        no learned image")


@pytest.fixture(scope="module")
def grown(built, tmp_path_factory):
    """A bundle of two batches, one image of which is left out, and its images under other names."""
    product = Path(shutil.copytree(built, tmp_path_factory.mktemp("grown") / "product"))
    run(0, "update", product / "r.toml", "--good", product / "new", "--selected")
    run(0, "exclude", product / "r.toml", product / "good" / "07.npy", "--yes")
    data = product / "archive"
    data.mkdir()
    for number, path in enumerate(sorted([*(product / "good").iterdir(), *(product / "new").iterdir()])):
        shutil.copy(path, data / f"{900 - number}.npy")
    return product / "bundles" / "bar", data


def test_reproduce_takes_bytes_under_any_name(grown, capsys):
    made, data = grown
    run(0, "reproduce", made, "--data", data)
    assert capsys.readouterr().out.splitlines()[-1].startswith("identical")


def test_another_seed_says_what_differs(grown, capsys):
    made, data = grown
    run(1, "reproduce", made, "--data", data, "--seed", "1", "--json")
    found = json.loads(capsys.readouterr().out)
    assert not found["identical"]
    assert "provenance.seed" in found["files"]["manifest.json"]
    assert found["files"]["bank.npy"].startswith("differs in")
    assert found["files"]["backbone.onnx"] == "identical"


def test_a_missing_image_is_named(grown, tmp_path, capsys):
    made, data = grown
    fewer = Path(shutil.copytree(data, tmp_path / "fewer"))
    (fewer / "900.npy").unlink()
    run(1, "reproduce", made, "--data", fewer)
    assert "missing     1: 00.npy; nothing was built" in capsys.readouterr().out


def test_another_cpu_is_said(grown, tmp_path, capsys):
    from broken_bundles import change_json

    made = Path(shutil.copytree(grown[0], tmp_path / "bar"))
    change_json(made / "manifest.json", lambda facts: facts["provenance"]["versions"].update(cpu="x86_64 0", numpy="1"))
    run(1, "reproduce", made, "--data", grown[1])
    printed = capsys.readouterr().out
    assert "other       cpu: x86_64 0 then" in printed and "other       numpy: 1 then" in printed
    assert "manifest.json differs in provenance.versions.cpu, provenance.versions.numpy" in printed


def test_a_bundle_without_a_recipe_cannot_be_reproduced(capsys):
    old = Path(__file__).parents[1] / "fixtures" / "format_1"
    assert "expected a bundle with its recipe" in refused(capsys, "reproduce", old, "--data", old.parent)
