"""Kills build, sign, store add, activate, rollback and gc at random moments, and looks at what is left.

    python tests/attacks/kills.py --kills 500 --seed 0

Half of the kills come after a random time, half before a random one of the operation's own file operations, where
half-written output is likeliest. What is left must be whole, old or new: a bundle loads and passes its self-test, a
signature is that of the old or the new key, a store loads its active bundle. One JSON object on stdout; exit code 1 if
anything was not.
"""

import argparse
import dataclasses
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

# a forked child inherits the locks of threads that it does not have, so there are none
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from goodpart.bundle.bundle import read_bundle
from goodpart.errors import SignatureError
from goodpart.inspector import Inspector
from goodpart.store.store import Store
from goodpart_bank_builder.build.sign import make_keys, sign_bundle
from small_network import small_bundle

_FILE_EVENTS = ("open", "os.", "shutil.", "tempfile.", "ctypes.", "subprocess.")


class Scene:
    """Two bundles, two keys, a bundle that is replaced and a store that is switched, again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.turn = folder, 0
        self.keys = [folder / "key0", folder / "key1"]
        self.bundles = [folder / "given0", folder / "given1"]
        self.built = folder / "built"

    def make(self) -> None:
        for index in range(2):
            make_keys(self.keys[index])
            small_bundle(self.folder / "from", self.bundles[index], serial=index, seed=index)
        small_bundle(self.folder / "from", self.built)
        sign_bundle(self.bundles[0], self.keys[0])
        self.prepare()

    @property
    def digests(self) -> list[str]:
        return [read_bundle(bundle).digest for bundle in self.bundles]

    def prepare(self) -> None:
        """Undisturbed: both bundles in the store, the one of this turn was active before the other one."""
        for index in (self.turn, self.turn + 1):
            self.store.activate(self.store.add(self.bundles[index % 2]).digest)

    @property
    def store(self) -> Store:
        return Store(self.folder / "store")

    def build(self) -> None:
        small_bundle(self.folder / "from", self.built, serial=self.turn, seed=self.turn % 3, force=True)

    def sign(self) -> None:
        sign_bundle(self.bundles[0], self.keys[self.turn % 2])

    def add(self) -> None:
        self.store.add(self.built)

    def activate(self) -> None:
        self.store.activate(self.digests[self.turn % 2])

    def rollback(self) -> None:
        self.store.rollback()

    def gc(self) -> None:
        self.store.gc()

    def check(self) -> None:
        """Whatever was killed, all of this holds."""
        Inspector.load(self.built, threads=1).self_test()
        Inspector.load(self.bundles[0], threads=1).self_test()
        signed_by = [key for key in self.keys if _is_signed(self.bundles[0], key)]
        assert len(signed_by) == 1, signed_by
        active = self.store.state.active
        assert active in self.digests
        assert self.store.load(threads=1).bundle.digest == active, "the store had to go back"
        for entry in self.store.bundles():
            assert entry.error is None, entry.error
            Inspector.load(self.store.path(entry.digest), threads=1).self_test()

    def leftovers(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob(".*.partial"))


OPERATIONS = ("build", "sign", "add", "activate", "rollback", "gc")


def _is_signed(bundle: Path, key: Path) -> bool:
    try:
        read_bundle(bundle, public_key=key.with_name(key.name + ".pub"))
    except SignatureError:
        return False
    return True


def in_child(call: Callable[[], object], *, quiet: bool = False, kill_at: int | None = None) -> int:
    """Starts `call` in a child process; it kills itself before its `kill_at`-th file operation, if there is one."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        for stream in (1, 2)[: 1 + quiet]:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        if kill_at is not None:
            _kill_before(kill_at)
        call()
        code = 0
    except BaseException:  # noqa: BLE001 - a child must never go on as a second parent
        traceback.print_exc()
    finally:
        os._exit(code)


def _kill_before(number: int) -> None:
    left = [number]

    def hook(event: str, _: object) -> None:
        if event.startswith(_FILE_EVENTS) and event != "os.kill":
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


@dataclasses.dataclass
class Rehearsal:
    """What an operation takes when nobody kills it."""

    seconds: float
    events: int


def rehearse(scene: Scene, name: str) -> Rehearsal:
    """Runs an operation to its end, and counts."""
    read, write = os.pipe()

    def counted() -> None:
        count = [0]

        def hook(event: str, _: object) -> None:
            count[0] += event.startswith(_FILE_EVENTS)

        sys.addaudithook(hook)
        getattr(scene, name)()
        os.write(write, str(count[0]).encode())

    began = time.perf_counter()
    assert ended(in_child(counted, quiet=True)) == 0, name
    seconds = time.perf_counter() - began
    events = int(os.read(read, 100))
    os.close(read)
    os.close(write)
    return Rehearsal(seconds=seconds, events=events)


def ended(child: int) -> int:
    """The exit code; one that does not end for a minute is a fault of its own."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 99


def attempt(scene: Scene, name: str, rehearsal: Rehearsal, rng: np.random.Generator) -> str:
    """Runs an operation, kills it, and checks the scene: "killed", "finished" or "FAULT"."""
    scene.turn = int(rng.integers(0, 1000))
    if name in ("activate", "rollback", "gc") and ended(in_child(scene.prepare)) != 0:
        return "FAULT"
    if rng.random() < 0.5:
        child = in_child(getattr(scene, name), quiet=True, kill_at=int(rng.integers(0, rehearsal.events)))
    else:
        child = in_child(getattr(scene, name), quiet=True)
        time.sleep(rng.uniform(0, rehearsal.seconds))
        os.kill(child, signal.SIGKILL)
    code = ended(child)
    if code > 0 or ended(in_child(scene.check)) != 0:
        return "FAULT"
    return "killed" if code < 0 else "finished"


def run(
    kills: int,
    seed: int,
    scene: Scene,
    *,
    operations: Sequence[str] = OPERATIONS,
    say: Callable[[str], object] = lambda _: None,
) -> dict[str, object]:
    """Kills so many operations, taking turns, and tells what was left."""
    rng = np.random.default_rng(seed)
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    assert ended(in_child(scene.make)) == 0
    assert ended(in_child(scene.check)) == 0
    rehearsals: dict[str, Rehearsal] = {}
    counts = {name: Counter[str]() for name in operations}
    fault, killed, seen_leftovers, began = None, 0, 0, time.perf_counter()
    for number in range(100 * kills):
        if killed == kills or fault is not None:
            break  # what comes after a fault says nothing
        name = operations[number % len(operations)]
        if name not in rehearsals:
            assert ended(in_child(scene.prepare)) == 0
            rehearsals[name] = rehearse(scene, name)
        outcome = attempt(scene, name, rehearsals[name], rng)
        counts[name][outcome] += 1
        killed += outcome == "killed"
        seen_leftovers += bool(scene.leftovers())
        if outcome == "FAULT":
            fault = {"number": number, "operation": name}
        left_s = (time.perf_counter() - began) / max(1, killed) * (kills - killed)
        say(f"\r{killed} of {kills} kills, about {left_s:.0f} s to go ")
    # undisturbed, every operation also takes away what its killed predecessors left
    for name in () if fault else ("prepare", *operations):
        assert ended(in_child(getattr(scene, name), quiet=True)) == 0, name
    left = [] if fault else scene.leftovers()
    return {
        "kills": killed,
        "seed": seed,
        "operations": {name: dict(found) for name, found in counts.items()},
        "checks_with_leftovers": seen_leftovers,
        "leftovers_in_the_end": left,
        "fault": fault,
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> int:
    """Runs as the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="goodpart-kills-") as folder:
        scene = Scene(Path(folder))
        found = run(options.kills, options.seed, scene, say=lambda text: print(text, end="", file=sys.stderr))
    print(file=sys.stderr)
    print(json.dumps(found))
    return 1 if found["fault"] or found["leftovers_in_the_end"] else 0


if __name__ == "__main__":
    sys.exit(main())
