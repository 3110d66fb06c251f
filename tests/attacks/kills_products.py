"""Switches a store between the bundles of two products, kills it at random moments, and looks at its state.

    python tests/attacks/kills_products.py --activations 300 --kills 200 --seed 0

What happens to the store is told beforehand by a model: an operation that ends leaves the state that the model gives, a
killed one that or the one before, and nothing else. After each operation every bundle of the store is whole, and its
product is the active bundle's; after every fourth one it loads its active bundle without going back. One JSON object on
stdout; exit code 1 if anything was not.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from attacks.kills import Scene, ended, in_child, rehearse
from broken_bundles import change_json
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import BundleMissingError, UsageError
from goodpart.facts.manifest import Manifest
from goodpart.store.state import StoreState
from goodpart.store.store import Store

FIXTURE = Path(__file__).parents[1] / "fixtures" / "format_1"
OPERATIONS = ("activate", "add", "gc", "rollback")


class Products(Scene):
    """Two bundles of each of two products; `turn` says which one an operation is about."""

    manifests: list[Manifest]
    known: list[str]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.bundles = [folder / f"given{index}" for index in range(4)]

    def make(self) -> None:
        for index, bundle in enumerate(self.bundles):
            shutil.copytree(FIXTURE, bundle, ignore=shutil.ignore_patterns("manifest.sig"))
            facts = {"name": ("bar", "nut")[index % 2], "serial": index}
            change_json(bundle / "manifest.json", lambda manifest, facts=facts: manifest.update(facts))

    def look(self) -> None:
        """Learns the bundles by heart, so that the model needs no store."""
        found = [read_bundle(bundle) for bundle in self.bundles]
        self.manifests, self.known = [one.manifest for one in found], [one.digest for one in found]

    @property
    def index(self) -> int:
        return self.turn % len(self.bundles)

    def add(self) -> None:
        self.store.add(self.bundles[self.index], product=self.manifests[self.index].name)

    def activate(self) -> None:
        self.add()
        self.store.activate(self.known[self.index], product=self.manifests[self.index].name)

    def rollback(self) -> None:
        # an error is right where the model knows of nothing to go back to, for example because a killed gc removed it
        with contextlib.suppress(UsageError, BundleMissingError):
            self.store.rollback()

    def name(self, digest: str) -> str:
        return self.manifests[self.known.index(digest)].name

    def expected(self, operation: str) -> StoreState:
        """The state after an operation that nobody disturbs, told from the one before."""
        store, state = self.store, self.store.state
        if operation == "activate":
            return state.forward(
                self.known[self.index], self.manifests[self.index].serial, self.name(self.known[self.index])
            )
        there = [digest for digest in state.history if (store.path(digest) / "manifest.json").exists()]
        if operation == "rollback":
            earlier = [digest for digest in there if self.name(digest) == state.product]
            return state.back(earlier[-1]) if earlier else state
        if operation == "gc":
            last = {self.name(digest): digest for digest in there}
            there = [digest for digest in there if digest in last.values()]
            return StoreState(**{**vars(state), "history": tuple(there)})
        return state

    def check(self) -> None:
        """Whatever was killed, all of this holds."""
        store = Store(self.folder / "store")
        state = store.state
        if state.active is None:
            return
        assert state.product == self.name(state.active), state
        if self.turn % 16 < 4:  # a load takes seconds
            assert store.load(threads=1).bundle.digest == state.active, "the store had to go back"
            assert store.state == state
        for folder in store.folders():
            assert store.is_whole(folder), folder


def attempt(scene: Products, name: str, events: int | None, seconds: float, rng: np.random.Generator) -> str:
    """Runs an operation, kills it if `events` are given, and compares the state: "ended", "killed" or a fault."""
    before, after = scene.store.state, scene.expected(name)
    if events is None:
        code = ended(in_child(getattr(scene, name)))
    elif rng.random() < 0.5:
        code = ended(in_child(getattr(scene, name), quiet=True, kill_at=int(rng.integers(0, events))))
    else:
        child = in_child(getattr(scene, name), quiet=True)
        time.sleep(rng.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        code = ended(child)
    found = scene.store.state
    if code > 0 or found not in ((after,) if code == 0 else (before, after)):
        return f"{name} ended with {code}: expected {after}, found {found}"
    if ended(in_child(scene.check)) != 0:
        return f"{name} ended with {code}: what is left is not whole"
    return "ended" if code == 0 else "killed"


def run(
    activations: int, kills: int, seed: int, scene: Products, *, say: Callable[[str], object] = lambda _: None
) -> dict[str, object]:
    """Goes on until so many activations have ended and so many operations were killed."""
    rng, began = np.random.default_rng(seed), time.perf_counter()
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    assert ended(in_child(scene.make)) == 0
    scene.look()
    # so that each has something to do when it is rehearsed
    for scene.turn in (0, 1, 2, 3):
        assert ended(in_child(scene.activate)) == 0
    rehearsals = {name: rehearse(scene, name) for name in ("rollback", "gc", "add", "activate")}
    counts, killed, activated, fault = Counter[str](), 0, 0, None
    while fault is None and (killed < kills or activated < activations):
        scene.turn = int(rng.integers(0, 16))
        kill = killed < kills and (activated >= activations or rng.random() < 0.5)
        name = str(rng.choice(OPERATIONS, p=(0.4, 0.2, 0.2, 0.2) if kill else (0.7, 0.1, 0.1, 0.1)))
        rehearsal = rehearsals[name]
        outcome = attempt(scene, name, rehearsal.events if kill else None, rehearsal.seconds, rng)
        fault = None if outcome in ("ended", "killed") else outcome
        counts[f"{name} {outcome}"] += fault is None
        killed += outcome == "killed"
        activated += (name, outcome) == ("activate", "ended")
        say(f"\r{activated} of {activations} activations, {killed} of {kills} kills ")
    left = []
    if fault is None:
        # undisturbed, every operation also takes away what its killed predecessors left
        for name in ("activate", "gc"):
            assert ended(in_child(getattr(scene, name), quiet=True)) == 0, name
        left = scene.leftovers()
    return {
        "activations": activated,
        "kills": killed,
        "seed": seed,
        "operations": dict(sorted(counts.items())),
        "leftovers_in_the_end": left,
        "fault": fault,
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> int:
    """Runs as the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--activations", type=int, default=300, help="default %(default)s")
    parser.add_argument("--kills", type=int, default=200, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="goodpart-products-") as folder:
        scene = Products(Path(folder))
        found = run(
            options.activations,
            options.kills,
            options.seed,
            scene,
            say=lambda text: print(text, end="", file=sys.stderr),
        )
    print(file=sys.stderr)
    print(json.dumps(found))
    return 1 if found["fault"] or found["leftovers_in_the_end"] else 0


if __name__ == "__main__":
    sys.exit(main())
