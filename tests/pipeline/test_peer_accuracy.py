"""The plain parts of the accuracy of peers: 8 bits, the greedy choice, SPADE's formula, figures, lines and table."""

import importlib
import itertools
import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tomllib

from goodpart.errors import UsageError
from goodpart.frames.images import ImageReader
from goodpart_bank_builder.data.dataset import TestImage
from goodpart_bank_builder.evaluate.metrics import auroc

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "benchmarks" / "peers"
NAME = re.compile(r"[A-Za-z0-9_-]+")
READER = ImageReader()


@pytest.fixture
def peer_module(monkeypatch):
    """Imports a module of the peers as their scripts do: as a neighbour."""
    monkeypatch.syspath_prepend(str(PEERS.parent))
    monkeypatch.syspath_prepend(str(PEERS))
    yield importlib.import_module
    for path in (*PEERS.glob("*.py"), *PEERS.parent.glob("*.py")):
        sys.modules.pop(path.stem, None)


def test_what_our_distributions_require_is_in_the_list_of_the_peers():
    """They are installed with --no-deps, so that the list alone decides what the README's commands find."""
    required = {"goodpart"}
    for folder in ("runtime", "export", "bank_builder"):
        project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        extras = project.get("optional-dependencies", {})
        required |= {NAME.match(text)[0] for text in itertools.chain(project["dependencies"], *extras.values())}
    listed = {line.partition("==")[0] for line in (PEERS / "requirements.txt").read_text().splitlines() if "==" in line}
    assert required - listed == {"goodpart"}


def test_counts_are_stretched_over_the_range_of_the_good_images(tmp_path, peer_module):
    ramp = np.arange(10_000, 20_000, dtype=np.uint16).reshape(100, 100)
    cv2.imwrite(str(tmp_path / "ramp.png"), ramp)
    frames = peer_module("eight_bits").EightBits.learned([tmp_path / "ramp.png"], READER)
    assert frames.value_range == (10_100, 19_989)
    found = frames.read(tmp_path / "ramp.png", READER)
    assert (found.shape, found.dtype) == ((100, 100, 3), np.uint8)
    assert (found[0, 0] == 0).all()
    assert (found[-1, -1] == 255).all()
    assert frames.stretch(np.array([[10_100, 15_044, 15_045, 19_989, 65_535]], np.uint16)).tolist() == [
        [0, 127, 128, 255, 255]
    ]


def test_pictures_of_8_bits_are_taken_as_they_are(tmp_path, peer_module):
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture[:, :, ::-1])
    frames = peer_module("eight_bits").EightBits.learned([tmp_path / "a.png"], READER)
    assert frames.value_range is None
    assert (frames.read(tmp_path / "a.png", READER) == picture).all()


def test_a_thermogram_without_contrast_is_refused(tmp_path, peer_module):
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((8, 8), 900, np.uint16))
    with pytest.raises(UsageError, match="contrast"):
        peer_module("eight_bits").EightBits.learned([tmp_path / "flat.png"], READER)


@pytest.mark.parametrize("spread", [0.02, 1.0])
def test_the_greedy_choice_is_that_of_all_distances(peer_module, spread):
    """Tight heaps let most vectors be left out; with wide ones nearly all are computed."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    heaps = rng.normal(size=(20, 12))
    vectors = np.repeat(heaps, 50, axis=0) + rng.normal(scale=spread, size=(1000, 12))
    nearest = peer_module("coreset").Nearest(torch.from_numpy(vectors.astype(np.float32)), most=60)
    chosen = 7
    exact = np.full(1000, np.inf)
    for _ in range(60):
        found = nearest.add(chosen)
        exact = np.minimum(exact, np.linalg.norm(vectors - vectors[chosen], axis=1))
        found[chosen] = exact[chosen] = 0.0
        np.testing.assert_allclose(found.numpy(), exact, atol=2e-3)
        assert int(found.argmax()) == int(exact.argmax())
        chosen = int(exact.argmax())


def test_vectors_that_cannot_come_nearer_are_left_out(peer_module, monkeypatch):
    torch = pytest.importorskip("torch")
    module = peer_module("coreset")
    torch.manual_seed(0)
    vectors = torch.cat([torch.zeros(30, 2), torch.full((70, 2), 9.0)]) + torch.rand(100, 2)
    nearest = module.Nearest(vectors, most=4)
    exact, taken = module._distances, []

    def counting(rows, *rest):
        taken.append(len(rows))
        return exact(rows, *rest)

    monkeypatch.setattr(module, "_distances", counting)
    for number in (0, 30, 1):
        nearest.add(number)
    # every time the centres before, then the vectors: all, all, and for the third centre at most its own heap
    assert taken[1] == taken[3] == 100
    assert taken[5] <= 30


def test_spade_is_its_formula(peer_module):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    good, picture = rng.normal(size=(6, 5, 4)), rng.normal(size=(5, 4))
    score, apart = (
        peer_module("spade").Spade(torch.from_numpy(good).float(), images=3).score(torch.from_numpy(picture).float())
    )
    to_images = ((good.mean(axis=1) - picture.mean(axis=0)) ** 2).sum(axis=1)
    nearest = np.argsort(to_images)[:3]
    gallery = good[nearest].reshape(-1, 4)
    expected = ((picture[:, None] - gallery[None]) ** 2).sum(axis=2).min(axis=1)
    assert score == pytest.approx(np.sort(to_images)[:3].mean(), rel=1e-5)
    np.testing.assert_allclose(apart.numpy(), expected, rtol=1e-4)


def test_figures_are_those_of_full_size_masks_and_of_no_unit(tmp_path, peer_module):
    """Values that lie close to -1, as FastFlow's do, are told apart."""
    mask = np.zeros((40, 60), np.uint8)
    mask[8:16, 20:32] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    images = [
        TestImage(path=tmp_path / f"{name}.png", part=name, kind=kind, mask=mask_file)
        for name, kind, mask_file in (("a", "good", None), ("b", "hole", tmp_path / "mask.png"), ("c", "hole", None))
    ]
    maps = [np.zeros((20, 30), np.float32) for _ in images]
    maps[1][4:8, 10:16] = 1.0
    shapes, scores = [(40, 60)] * 3, np.array([0.1, 0.9, 0.05])
    module = peer_module("set_figures")
    found = module.figures_of(images, scores, maps, shapes, READER)
    assert found["pixel_auroc"] > 0.99
    assert found["image_auroc"] == auroc(np.array([False, True, True]), scores) == 0.5
    near = [(one * np.float32(1e-5) - np.float32(1.0)) for one in maps]
    assert module.figures_of(images, scores, near, shapes, READER)["pixel_auroc"] == pytest.approx(
        found["pixel_auroc"], abs=1e-4
    )


def line(**changed):
    return {
        "set": "bottle",
        "method": "padim",
        "input": "256x256",
        "seed": 0,
        "epochs": None,
        "image_auroc": 0.5,
        "pixel_auroc": 0.25,
        "aupro_30": None,
        "learn_cpu_s": 12.4,
        **changed,
    }


def test_a_result_once_written_is_not_measured_again(tmp_path, peer_module):
    module = peer_module("results")
    results = tmp_path / "new" / "results.jsonl"
    module.Done(results).add(line())
    again = module.Done(results)
    assert module.key_of(line()) in again
    assert module.key_of(line(seed=1)) not in again
    assert module.key_of(line(epochs=3)) not in again


def test_a_broken_line_is_named(tmp_path, peer_module):
    (tmp_path / "r.jsonl").write_text(json.dumps(line()) + '\n{"set": "bott\n')
    with pytest.raises(UsageError, match="line 2"):
        peer_module("results").Done(tmp_path / "r.jsonl")


def test_the_table_gives_mean_and_spread_of_the_seeds(peer_module):
    rows = peer_module("results").table([line(), line(seed=1, image_auroc=0.7), line(method="cfa", epochs=3)])
    assert rows.splitlines()[2:] == [
        "| bottle | padim | 256x256 | - | 0 1 | 0.6000 [0.5000..0.7000] | 0.2500 [0.2500..0.2500] | n/a | 12 |",
        "| bottle | cfa | 256x256 | 3 | 0 | 0.5000 | 0.2500 | n/a | 12 |",
    ]


def test_the_script_prints_a_table_without_anomalib(tmp_path, peer_module, capsys):
    (tmp_path / "r.jsonl").write_text(json.dumps(line()) + "\n")
    script = peer_module("peer_accuracy")
    assert script.main(["--results", str(tmp_path / "r.jsonl"), "--table"]) == 0
    assert "| bottle | padim |" in capsys.readouterr().out
    assert script.main(["--results", str(tmp_path / "r.jsonl")]) == 2
