"""Throws broken bundles at the runtime: each is refused in one line, or gives exactly the scores that it states itself.

    python tests/attacks/fuzz.py --count 100000 --seed 0 --workers 2
    python tests/attacks/fuzz.py --seed 0 --only 4711           one of them again, with all there is to say about it

Mutants are judged in child processes of limited memory; one that crashes or hangs is named, and the run goes on.
Progress goes to stderr, one JSON summary to stdout. Exit code 1 if anything happened that must not: see FAILURES in
judge.py.
"""

import argparse
import collections
import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from attacks.bases import FIXTURES, make_bases, read_bases
from attacks.judge import FAILURES
from attacks.mutations import mutant

TIME_LIMIT_S = 20.0
"""How long one mutant may take, of which a bundle this small needs a hundredth."""

_START_LIMIT_S = 300.0
_BATCH = 50
_KEPT_FAILURES = 100


class _Child:
    """One child process and the numbers that it has in hand."""

    def __init__(self, work: Path, place: Path, seed: int, judge: str, *, talking: bool) -> None:
        self.pending: collections.deque[int] = collections.deque()
        self.began, self.ready = time.monotonic(), False
        self._gone, self._rest = False, b""
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "attacks.worker", str(work), str(place), str(seed), judge],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if talking else subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the parent's
        )

    def give(self, numbers: list[int]) -> None:
        """More work. A child that is gone already is noticed when its results are read."""
        self.pending.extend(numbers)
        self.began = time.monotonic()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(numbers).encode() + b"\n")
            self.process.stdin.flush()

    def results(self) -> list[dict[str, Any]] | None:
        """What has been judged since, or None when the child is gone."""
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = []
        for line in lines:
            self.began = time.monotonic()
            if not self.ready:
                self.ready = True
                continue
            found.append(json.loads(line))
            self.pending.popleft()
        # its end of the pipe closes when it ends
        self._gone = not data
        return found if data else None

    def overdue(self, limit_s: float) -> bool:
        """Whether the mutant in hand takes too long."""
        return time.monotonic() - self.began > (limit_s if self.ready else _START_LIMIT_S)

    def end(self) -> int:
        """Kills it, if it has not ended by itself, and gives its exit code."""
        if not self._gone:
            self.process.kill()
        code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]
        return code


def fuzz(
    numbers: Iterable[int],
    *,
    seed: int,
    workers: int,
    judge: str = "attacks.judge:Judge",
    time_limit_s: float = TIME_LIMIT_S,
    talking: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[dict[str, Any]]:
    """Judges mutants and gives one result for each, in the order in which they come in.

    Args:
        numbers: which mutants.
        seed: of the mutants.
        workers: child processes.
        judge: `module:class` whose object judges a mutant, see `Judge`.
        time_limit_s: for one mutant.
        talking: whether the children's stderr is shown.
        say: is told where the mutants lie.
    """
    todo = collections.deque(numbers)
    with _work_folder() as work, selectors.DefaultSelector() as selector:
        children: list[_Child] = []
        say(f"{len(todo)} mutants of seed {seed} in {work}")

        def start() -> None:
            place = work / f"child-{len(children)}-{time.monotonic_ns()}"
            child = _Child(work, place, seed, judge, talking=talking)
            children.append(child)
            selector.register(child.process.stdout, selectors.EVENT_READ, child)  # type: ignore[arg-type]
            child.give(_some(todo))

        def lose(child: _Child, outcome: str) -> dict[str, Any]:
            selector.unregister(child.process.stdout)  # type: ignore[arg-type]
            children.remove(child)
            code = child.end()
            if not child.ready or not child.pending:
                raise RuntimeError(f"a child ended by {code} with no mutant in hand; run with --only to see why")
            number = child.pending.popleft()
            todo.extendleft(reversed(child.pending))
            if todo:
                start()
            return _told(
                work, seed, number, outcome, f"exit code {code}" if outcome == "crash" else f"{time_limit_s} s"
            )

        try:
            for _ in range(min(workers, -(-len(todo) // _BATCH))):
                start()
            while children:
                for key, _ in selector.select(timeout=0.2):
                    child: _Child = key.data
                    found = child.results()
                    if found is None:
                        yield lose(child, "crash")
                        continue
                    yield from found
                    if not child.pending and todo:
                        child.give(_some(todo))
                    elif not child.pending:
                        selector.unregister(child.process.stdout)  # type: ignore[arg-type]
                        children.remove(child)
                        child.end()
                for child in [child for child in children if child.overdue(time_limit_s)]:
                    yield lose(child, "hang")
        finally:
            for child in children:
                child.end()


def summary(
    results: Iterable[dict[str, Any]], *, total: int, seed: int, workers: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Counts results, and says now and then how far they are."""
    began, said = time.monotonic(), 0.0
    kinds: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    outcomes: collections.Counter[str] = collections.Counter()
    failures, slowest = [], {"seconds": 0.0}
    for done, result in enumerate(results, 1):
        outcomes[result["outcome"]] += 1
        kinds[result["kind"]][result["outcome"]] += 1
        slowest = max(slowest, result, key=lambda one: one["seconds"])
        if result["outcome"] in FAILURES:
            failures.append(result)
            say(f"{result['outcome']}: {result}")
        passed = time.monotonic() - began
        if done in (1, total) or passed - said >= (1 if sys.stderr.isatty() else 30):
            said = passed
            left = passed / done * (total - done)
            say(
                f"{done} of {total}, {done / passed:.0f} per second, {len(failures)} failures, {left / 60:.1f} min left"
            )
    seconds = time.monotonic() - began
    return {
        "seed": seed,
        "count": sum(outcomes.values()),
        "workers": workers,
        "seconds": round(seconds, 1),
        "per_second": round(sum(outcomes.values()) / seconds, 1),
        "failures": len(failures),
        "outcomes": dict(sorted(outcomes.items())),
        "kinds": {kind: dict(sorted(counts.items())) for kind, counts in sorted(kinds.items())},
        "slowest": slowest,
        "failed": failures[:_KEPT_FAILURES],
    }


def _some(todo: collections.deque[int]) -> list[int]:
    return [todo.popleft() for _ in range(min(_BATCH, len(todo)))]


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    """A folder in memory, if there is such a thing, with the good bundles in it."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="goodpart-fuzz-", dir=memory if os.access(memory, os.W_OK) else None, ignore_cleanup_errors=True
    ) as folder:
        work = Path(folder)
        make_bases(work)
        shutil.copy(FIXTURES / "format_1" / "golden" / "000.npy", work / "outside.npy")
        yield work


def _told(work: Path, seed: int, number: int, outcome: str, detail: str) -> dict[str, Any]:
    """The result of a mutant that the child cannot tell any more."""
    found = mutant(seed, number, read_bases(work))
    facts = {"number": number, "kind": found.kind, "base": found.base.name, "words": found.words[:300]}
    return facts | {
        "repaired": found.repaired,
        "keyed": found.keyed,
        "outcome": outcome,
        "detail": detail,
        "seconds": 0.0,
    }


@contextlib.contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Ctrl-C and a kill raise in here, so that children and files are cleaned up; afterwards they do what they did.

    Ctrl-C does so even where the shell has started this process in the background, and told it to ignore SIGINT.
    """
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: lambda *_: sys.exit(143)}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="how many mutants (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other mutants (default: 0)")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="child processes (default: one per core)"
    )
    parser.add_argument("--only", type=int, metavar="NUMBER", help="judge this one mutant alone and show its result")
    parser.add_argument("--judge", default="attacks.judge:Judge", help="who judges; the tests have some that misbehave")
    options = parser.parse_args(argv)
    numbers = range(options.count) if options.only is None else [options.only]

    def say(text: str) -> None:
        end = "\n" if not sys.stderr.isatty() or "failures" not in text else "\r"
        print(text, file=sys.stderr, end=end, flush=True)

    results = fuzz(
        numbers,
        seed=options.seed,
        workers=options.workers,
        judge=options.judge,
        talking=options.only is not None,
        say=say,
    )
    with _ending_on_signals(), contextlib.closing(results):
        try:
            if options.only is not None:
                result = next(results)
                print(json.dumps(result, indent=2))
                return int(result["outcome"] in FAILURES)
            found = summary(results, total=len(numbers), seed=options.seed, workers=options.workers, say=say)
        except KeyboardInterrupt:
            print("\ninterrupted; children and temporary files are gone", file=sys.stderr)
            return 130
    print(json.dumps(found, indent=2))
    return int(found["failures"] > 0)


if __name__ == "__main__":
    sys.exit(main())
