"""The workspace: cold and warm builds make the same bytes, damage is named and mended, nothing is left half-written."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from goodpart_bank_builder.build import build as building
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.learn import embed, lessons
from goodpart_bank_builder.learn.coreset import Chooser, Coreset
from goodpart_bank_builder.learn.workspace import Workspace, cpu_digest
from small_frames import draw_small
from small_network import small_backbone

RECIPE = """[product]
name = "bar"
serial = 4
[backbone]
file = "backbone.onnx"
[[batch]]
name = "start"
images = "good"
[calibration]
false_reject_rate = 0.1
"""
MORE = '[[batch]]\nname = "more"\nimages = "more"\n'


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    for name, numbers in (("good", range(20)), ("more", range(50, 58))):
        (folder / name).mkdir()
        for number in numbers:
            np.save(folder / name / f"{number:02}.npy", draw_small(number))
    small_backbone(folder / "backbone.onnx", head=True)
    (folder / "r.toml").write_text(RECIPE)
    return folder


@pytest.fixture
def product(drawn, tmp_path):
    return Path(shutil.copytree(drawn, tmp_path / "product"))


def build(product, out, *options):
    """Builds into a place of its own, so that no build replaces another one; returns the bytes of its files."""
    target = product / "bundles" / out
    assert main(["build", str(product / "r.toml"), "--out", str(target), "--threads", "1", *options]) == 0
    return {path.relative_to(target): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def kept(product, kind):
    return sorted((product / "workspace" / "bar" / kind).glob("*.npz"))


@pytest.fixture
def counted(monkeypatch):
    """How many images are embedded and how many coresets are chosen."""
    counts = {"embedded": 0, "chosen": 0}
    embed_now, choose = embed.GoodImages._embed_now, Chooser.of

    def embedding(self, path):
        counts["embedded"] += 1
        return embed_now(self, path)

    def choosing(self, *args, **kwargs):
        counts["chosen"] += 1
        return choose(self, *args, **kwargs)

    monkeypatch.setattr(embed.GoodImages, "_embed_now", embedding)
    monkeypatch.setattr(Chooser, "of", choosing)
    return counts


def test_cold_and_warm_builds_make_the_same_bytes(product, counted):
    cold = build(product, "cold", "--head", "off")
    assert (counted["embedded"], counted["chosen"]) == (20, 5)
    assert (len(kept(product, "embeddings")), len(kept(product, "coresets"))) == (20, 5)
    assert build(product, "warm", "--head", "off") == cold
    assert (counted["embedded"], counted["chosen"]) == (20, 5)


def test_images_that_were_embedded_before_teach_a_head_the_same(product, counted, monkeypatch):
    monkeypatch.setattr(lessons, "_GOOD_PATCHES", 80)
    (product / "r.toml").write_text(RECIPE.replace("good", "more").replace("= 0.1", "= 0.2"))
    cold = build(product, "cold", "--head", "1")
    assert Path("head.npy") in cold
    assert build(product, "warm", "--head", "1") == cold
    assert counted["embedded"] == 8


def test_an_appended_batch_costs_its_own_images_and_makes_the_bytes_of_a_rebuild(product, counted):
    build(product, "first", "--head", "off")
    (product / "r.toml").write_text(RECIPE.replace("[calibration]", MORE + "[calibration]"))
    # fewer than 60 parts are dealt in turn, so that a batch which calibrates moves some
    warm = build(product, "warm", "--head", "off")
    assert counted["embedded"] == 28
    assert build(product, "cold", "--head", "off", "--no-workspace") == warm


def test_a_selected_batch_leaves_every_coreset_alone(product, counted):
    build(product, "first", "--head", "off")
    selected = f"{MORE}calibrates = false\n"
    (product / "r.toml").write_text(RECIPE.replace("[calibration]", selected + "[calibration]"))
    warm = build(product, "warm", "--head", "off")
    assert (counted["embedded"], counted["chosen"]) == (28, 6)
    assert build(product, "cold", "--head", "off", "--no-workspace") == warm


def test_damaged_files_are_named_and_made_again(product, capsys):
    whole = build(product, "cold", "--head", "off")
    paths = [kept(product, kind)[1] for kind in ("embeddings", "coresets")]
    before = [path.read_bytes() for path in paths]
    for path, data in zip(paths, before, strict=True):
        path.write_bytes(data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :])
    capsys.readouterr()
    assert build(product, "warm", "--head", "off") == whole
    said = capsys.readouterr().err
    assert all(f"{path}: expected a whole file, found damage" in said for path in paths)
    assert [path.read_bytes() for path in paths] == before


def small_coreset():
    vectors = np.eye(3, dtype=np.float32)
    return Coreset(vectors=vectors, keys=np.arange(3.0), duplicates=2, origins=np.array([9, 4, 7]))


@pytest.mark.parametrize("place", np.linspace(0, 1, 12))
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other"])
def test_no_damage_goes_unnoticed(tmp_path, damage, place):
    """Flipped bits where zip files say nothing of importance may pass, with the right content."""
    workspace = Workspace(tmp_path, decides=(), embeddings_bytes=0)
    origins = np.array([4, 7, 8, 9])
    workspace.coreset(("one",), origins, small_coreset)
    (path,) = (tmp_path / "coresets").iterdir()
    data = bytearray(whole := path.read_bytes())
    spot = int(place * (len(data) - 1))
    data[spot] ^= 0x40
    path.write_bytes({"flip": bytes(data), "cut": whole[:spot], "empty": b"", "other": b"PK\3\4 no"}[damage])
    found = workspace.coreset(("one",), origins, small_coreset)
    np.testing.assert_array_equal(found.vectors, small_coreset().vectors)
    np.testing.assert_array_equal(found.origins, small_coreset().origins)
    assert found.duplicates == 2


@pytest.mark.parametrize("change", [["--seed", "1"], ["--max-megapixels", "7"], ["--ignore", "mask.npy"]])
def test_what_decides_bits_decides_the_key(product, counted, change):
    build(product, "cold", "--head", "off")
    if "--ignore" in change:
        import cv2

        mask = np.zeros((24, 18), np.uint8)
        mask[20:] = 255
        cv2.imwrite(str(product / "mask.png"), mask)
        change = ["--ignore", str(product / "mask.png")]
    before = counted["chosen"]
    changed = build(product, "warm", "--head", "off", *change)
    assert counted["chosen"] == before + 5
    assert counted["embedded"] == (20 if "--seed" in change else 40)
    assert build(product, "again", "--head", "off", "--no-workspace", *change) == changed


def test_an_interrupted_build_leaves_nothing_half_written(product, monkeypatch):
    whole = build(product, "whole", "--head", "off", "--no-workspace")
    recipe = (product / "r.toml").read_bytes()

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(building, "choose_index", interrupt)
        assert main(["build", str(product / "r.toml"), "--head", "off", "--threads", "1"]) == 130
    assert not (product / "bundles" / "bar").exists()
    assert (product / "r.toml").read_bytes() == recipe
    assert not (product / "workspace" / "bar" / "built.json").exists()
    # what was finished before is of use
    assert len(kept(product, "coresets")) == 5
    assert not list(product.rglob("*.partial"))
    assert build(product, "next", "--head", "off") == whole


def test_no_room_for_embeddings(product, counted):
    (product / "r.toml").write_text(RECIPE + "[workspace]\nembeddings_mb = 0\n")
    build(product, "cold", "--head", "off")
    build(product, "warm", "--head", "off")
    assert kept(product, "embeddings") == []
    assert (counted["embedded"], counted["chosen"]) == (40, 5)


def test_scores_of_held_out_images_are_kept(product):
    build(product, "one", "--head", "off")
    (path,) = (product / "workspace" / "bar" / "heldout").iterdir()
    with np.load(path) as file:
        assert len(file["scores"]) == len(file["peaks"]) == len(set(file["sha256"])) == 20
        assert (file["peaks"] >= file["scores"]).all()


def test_the_size_is_told(product, capsys):
    build(product, "one", "--head", "off")
    assert "workspace/bar, 0 MB; taken from it: 0 of 5 coresets, 0 embeddings" in capsys.readouterr().err
    build(product, "two", "--head", "off")
    assert "taken from it: 5 of 5 coresets, 20 embeddings" in capsys.readouterr().err


def test_the_oldest_unused_files_go_first(tmp_path):
    workspace = Workspace(tmp_path, decides=(), embeddings_bytes=100)
    (tmp_path / "embeddings").mkdir()
    for number in range(4):
        (tmp_path / "embeddings" / f"{number}.npz").write_bytes(bytes(40))
    assert workspace.tidy() == 80


def test_another_cpu_has_another_digest(tmp_path):
    for name, flags in (("one", "fpu avx2"), ("other", "fpu avx512f")):
        (tmp_path / name).write_text(f"processor : 0\nmodel name : X\nflags : {flags}\ncpu MHz : 2000\n" * 2)
    (tmp_path / "faster").write_text("processor : 7\nmodel name : X\nflags : fpu avx2\ncpu MHz : 3000\n")
    one, other, faster = (cpu_digest(tmp_path / name) for name in ("one", "other", "faster"))
    assert one == faster != other
