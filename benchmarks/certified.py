"""Certified: checks that the image score equals that of brute force, for any bank and any graph.

Patches of real frames are drawn into many small frames, some with noise, some constant. They are searched in banks
that are hard for a graph: half of the vectors identical, tight clusters, too few links, too few directions. Every
image score and every patch above the pixel threshold is compared with an independent brute force in float64. The exit
code is 1 if any differs by more than 1e-5 sigmas. Where the bundle has a head, every patch carries its term in both
ways; how far the term lies from a head computed in float64 is told on its own.

    python benchmarks/certified.py BUNDLE --images CATEGORY/test --frames 10000
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from common import RUNTIME_PACKAGES, count, headline, load, parser, read_frames, tell
from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.term import load_term
from goodpart.cli.common import print_json, run
from goodpart.facts.calibration import Calibration
from goodpart.facts.head import HeadSpec, head_layers
from goodpart.facts.profile import IndexSpec
from goodpart.inspector import Inspector
from goodpart.model.seen import SeenFrame
from goodpart.scoring.scores import calibrate, image_score
from goodpart_bank_builder.build.index import build_index, principal_projection

Vectors: TypeAlias = npt.NDArray[np.float32]
Terms: TypeAlias = npt.NDArray[np.float64]

_LIMIT_SIGMAS = 1e-5
_PATCHES = 256
_VECTORS = 2000
_KINDS = ("as they are", "noisy", "one patch everywhere", "half of them one patch")


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--images", type=Path, required=True, metavar="DIR", help="real frames")
    made.add_argument("--frames", type=count, default=10_000, help="in all (default %(default)s)")
    return run(_certified, made, argv)


def _certified(options: argparse.Namespace) -> int:
    inspector, bundle = load(options.bundle, threads=1)
    frames = read_frames(options.images, inspector.backbone.spec.frame, limit=40, seed=options.seed)
    patches, terms = _seen(inspector, bundle, frames)
    rng = np.random.default_rng(options.seed)
    banks = _banks(bundle, inspector.bank.vectors, rng)
    results: list[dict[str, Any]] = []
    share = -(-options.frames // len(banks))
    for name, bank in banks.items():
        tell(f"bank {len(results) + 1} of {len(banks)}: {name}")
        results.append({"bank": name, **_compare(bank, patches, terms, bundle, frames=share, rng=rng)})
    worst = max(result["largest_error_sigmas"] for result in results)
    mismatches = sum(result["mismatches"] for result in results)
    head = bundle.manifest.head
    print_json(
        {
            **headline(
                "certified",
                seed=options.seed,
                digest=bundle.digest,
                packages=(*RUNTIME_PACKAGES, "goodpart-bank-builder"),
            ),
            "frames": sum(result["frames"] for result in results),
            "patches_per_frame": _PATCHES,
            "term": _term_kind(bundle),
            "limit_sigmas": _LIMIT_SIGMAS,
            "head": None if head is None else {"alpha": head.alpha, **_term_errors(bundle, head, patches)},
            "mismatches": mismatches,
            "largest_error_sigmas": worst,
            "cpu_s": round(time.process_time(), 1),
            "results": results,
        }
    )
    return 1 if mismatches else 0


def _seen(inspector: Inspector, bundle: Bundle, frames: list[npt.NDArray[Any]]) -> tuple[Vectors, Terms]:
    """The patches of all frames that count, and their known terms: of the head, of the excess, or 0."""
    term, counted = load_term(bundle), slice(None) if bundle.ignored is None else np.flatnonzero(~bundle.ignored)
    seen = [inspector.backbone.see(frame).only(counted) for frame in frames]
    embeddings = np.concatenate([each.embeddings for each in seen])
    return embeddings, np.zeros(len(embeddings)) if term is None else np.concatenate([term.of(each) for each in seen])


def _term_kind(bundle: Bundle) -> str | None:
    manifest = bundle.manifest
    return "excess" if manifest.excess is not None else "head" if manifest.head is not None else None


def _banks(bundle: Bundle, vectors: Vectors, rng: np.random.Generator) -> dict[str, Bank]:
    profile = bundle.manifest.backbone.profile
    some = vectors[rng.permutation(len(vectors))[:_VECTORS]]
    doubled = some.copy()
    doubled[rng.random(len(some)) < 0.5] = some[0]
    clustered, tighter = (
        _unit(some[rng.integers(0, 5, len(some))] + rng.normal(0, width, some.shape)) for width in (1e-3, 3e-5)
    )
    good, poor = profile.index, IndexSpec(directions=64, links=2, ef_construction=2, ef_search=1, candidates=1)
    blind = dataclasses.replace(good, directions=4)
    tried = {
        "part of the bundle's": (some, good),
        "half of it one vector": (doubled, good),
        "five tight clusters": (clustered, good),
        "five tighter clusters": (tighter, good),
        "two links per vector": (some, poor),
        "half of it one vector, two links": (doubled, poor),
        "four directions": (some, blind),
    }
    return {name: _bank(kept, index, neighbours=profile.neighbours) for name, (kept, index) in tried.items()}


def _bank(vectors: Vectors, index: IndexSpec, *, neighbours: int) -> Bank:
    projection = principal_projection(vectors, index.directions)
    graph = Graph(build_index(vectors, projection, index, seed=0), projection, ef_search=index.ef_search)
    return Bank(vectors, graph, neighbours=neighbours, candidates=index.candidates)


def _compare(
    bank: Bank, patches: Vectors, terms: Terms, bundle: Bundle, *, frames: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Searches so many frames both ways."""
    calibration, profile = bundle.calibration, bundle.manifest.backbone.profile
    top_k, neighbours = profile.top_k(_PATCHES), profile.neighbours
    limit = calibration.mean + calibration.pixel_threshold * calibration.std
    errors: list[float] = []
    recomputed: list[int] = []
    spent_s = 0.0
    kind = _term_kind(bundle)
    wide = bank.vectors.astype(np.float64).T
    known = load_term(bundle)
    for number in range(frames):
        drawn = _frame(patches, _KINDS[number % len(_KINDS)], rng)
        term = None if known is None or kind == "excess" else known.of(SeenFrame(embeddings=drawn))
        if kind == "excess":
            # drawn on their own: a term may lie on any patch, and the search must not rely on what goes together
            term = terms[rng.integers(0, len(terms), _PATCHES)]
        began = time.perf_counter()
        found = bank.search(drawn, top_k=top_k, exact_above=limit, term=term)
        spent_s += time.perf_counter() - began
        nearest = -np.partition(-(drawn.astype(np.float64) @ wide), neighbours - 1, axis=1)[:, :neighbours]
        true = 1.0 - nearest.mean(axis=1) + (0.0 if term is None else term)
        errors.append(_error_sigmas(found.sums, true, calibration, top_k=top_k, limit=limit))
        recomputed.append(found.recomputed)
    return {
        "frames": frames,
        "mismatches": int(np.sum(~(np.array(errors) <= _LIMIT_SIGMAS))),
        "largest_error_sigmas": float(np.max(errors)),
        "recomputed_patches": {"median": float(np.median(recomputed)), "max": int(np.max(recomputed))},
        "ms_per_frame": round(spent_s / frames * 1e3, 3),
    }


def _error_sigmas(
    found: npt.NDArray[np.float64],
    true: npt.NDArray[np.float64],
    calibration: Calibration,
    *,
    top_k: int,
    limit: float,
) -> float:
    """The larger of the image score's error and that of any patch that lies above the limit in either."""
    scores, wanted = calibrate(found, calibration), calibrate(true, calibration)
    above = (found > limit) | (true > limit)
    patches = np.abs(found - true)[above].max(initial=0.0) / calibration.std
    return float(max(abs(image_score(scores, top_k) - image_score(wanted, top_k)), patches))


def _term_errors(bundle: Bundle, spec: HeadSpec, patches: Vectors) -> dict[str, float]:
    """How far the terms of real patches lie from those of the same head in float64."""
    term, flat = load_term(bundle), bundle.read_head()
    if term is None or flat is None:
        return {}
    outputs, weights = patches.astype(np.float64), flat.astype(np.float64)
    layers = head_layers(spec.hidden, patches.shape[1])
    for number, (rows, columns) in enumerate(layers, start=1):
        matrix, bias, weights = np.split(weights, [rows * columns, rows * columns + rows])
        outputs = outputs @ matrix.reshape(rows, columns).T + bias
        outputs = outputs if number == len(layers) else np.maximum(outputs, 0.0)
    wanted = np.maximum(spec.weight * (outputs.ravel() - spec.offset), spec.lowest)
    errors = np.abs(term.of(SeenFrame(embeddings=patches)) - wanted) / bundle.calibration.std
    return {"patches": len(patches), "largest_term_error_sigmas": float(errors.max())}


def _frame(patches: Vectors, kind: str, rng: np.random.Generator) -> Vectors:
    drawn = patches[rng.integers(0, len(patches), _PATCHES)]
    if kind == "noisy":
        return _unit(drawn + rng.normal(0, rng.choice([1e-4, 1e-3, 1e-2]), drawn.shape))
    if kind == "one patch everywhere":
        drawn[:] = drawn[0]
    if kind == "half of them one patch":
        drawn[rng.random(_PATCHES) < 0.5] = drawn[0]
    return drawn


def _unit(vectors: npt.NDArray[Any]) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


if __name__ == "__main__":
    sys.exit(main())
