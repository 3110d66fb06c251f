"""A bundle with a head: it judges as it was built to, and every way in which its head can be wrong is refused."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import change_json, refused, write_manifest_aware
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.term import load_term
from goodpart.errors import BundleMissingError, ContractError, IntegrityError, ManifestError, SelfTestError
from goodpart.inspector import Inspector
from goodpart.model.seen import SeenFrame
from small_frames import draw_defect, draw_small

FORMAT_2 = Path(__file__).parents[1] / "fixtures" / "format_2"


@pytest.fixture
def headed(tmp_path):
    """A copy of the fixture with a head, to be broken."""
    return Path(shutil.copytree(FORMAT_2, tmp_path / "bar"))


def save(path, array):
    np.save(path, array, allow_pickle=False)
    write_manifest_aware(path, path.read_bytes())


@pytest.mark.parametrize("frame", [draw_small(100), draw_defect(100)])
def test_the_grid_holds_distance_and_term_by_brute_force(frame):
    bundle = read_bundle(FORMAT_2)
    vectors, _ = bundle.read_bank()
    with Inspector.load(FORMAT_2, threads=1) as inspector:
        embeddings = inspector.backbone.embed(frame)
        grid = inspector.inspect(frame).grid
    distances = np.sort(1 - embeddings.astype(np.float64) @ vectors.T.astype(np.float64), axis=1)[:, :3].mean(axis=1)
    sums = distances + load_term(bundle).of(SeenFrame(embeddings=embeddings))
    scores = (sums - bundle.calibration.mean) / bundle.calibration.std
    top = np.argsort(scores)[-4:]
    np.testing.assert_allclose(grid.ravel()[top], scores[top], atol=1e-4)
    # the others are exact, or upper bounds
    assert (grid.ravel() >= scores - 1e-4).all()


def test_the_head_counts(headed):
    """Without it the golden frames get other scores, so no device can lose it unseen."""

    def drop(facts):
        del facts["head"], facts["files"]["head.npy"]

    change_json(headed / "manifest.json", drop)
    refused(headed, SelfTestError, "golden")


def test_a_term_never_lowers_a_distance_by_more_than_its_limit():
    bundle = read_bundle(FORMAT_2)
    spec, term = bundle.manifest.head, load_term(bundle)
    strange = np.eye(8, dtype=np.float32)
    strange = np.concatenate([strange, -strange, 100 * strange])
    terms = term.of(SeenFrame(embeddings=strange))
    assert terms.min() >= spec.lowest
    assert dataclasses.replace(term, lowest=-np.inf).of(SeenFrame(embeddings=strange)).min() < spec.lowest


def test_missing_file(headed):
    (headed / "head.npy").unlink()
    refused(headed, BundleMissingError, "head.npy")


def test_flipped_bit(headed):
    data = bytearray((headed / "head.npy").read_bytes())
    data[-3] ^= 0x10
    (headed / "head.npy").write_bytes(data)
    refused(headed, IntegrityError, "head.npy", "sha256")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda flat: flat[:-1],
        lambda flat: flat.astype(np.float64),
        lambda flat: flat.reshape(1, -1),
        lambda flat: np.where(np.arange(len(flat)) == 5, np.float32("nan"), flat),
        lambda flat: np.where(np.arange(len(flat)) == 5, np.float32("inf"), flat),
    ],
    ids=["short", "float64", "two dimensions", "nan", "infinity"],
)
def test_weights_that_do_not_fit(headed, wrong):
    save(headed / "head.npy", wrong(np.load(headed / "head.npy")))
    refused(headed, ContractError, "head.npy", "finite float32")


def test_another_head_does_not_pass_the_self_test(headed):
    save(headed / "head.npy", np.ascontiguousarray(np.load(headed / "head.npy")[::-1]))
    refused(headed, SelfTestError, "golden")


def test_facts_without_the_file(headed):
    change_json(headed / "manifest.json", lambda facts: facts["files"].pop("head.npy"))
    refused(headed, ContractError, "missing ['head.npy']")


def test_the_file_without_its_facts(headed):
    change_json(headed / "manifest.json", lambda facts: facts.pop("head"))
    refused(headed, ContractError, "foreign ['head.npy']")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden", 0),
        ("hidden", 4096),
        ("alpha", 0.0),
        ("alpha", 9.0),
        ("weight", -1.0),
        ("lowest", 0.5),
        ("lowest", -9),
    ],
)
def test_impossible_facts(headed, key, value):
    change_json(headed / "manifest.json", lambda facts: facts["head"].update({key: value}))
    refused(headed, ManifestError, "head: expected")


def test_unknown_and_missing_facts(headed):
    change_json(headed / "manifest.json", lambda facts: facts["head"].update(layers=3))
    refused(headed, ManifestError, "unknown ['layers']")


def test_format_1_has_no_head(headed):
    change_json(headed / "manifest.json", lambda facts: facts.update(format_version=1))
    refused(headed, ManifestError, "format version 1")
