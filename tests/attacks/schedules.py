"""Runs a station's rules through random schedules of a line: triggers, frames, losses, delays, repeats and deaths.

    python tests/attacks/schedules.py --schedules 100000 --parts 100000 --seed 0

No part may pass by the frame of another one, or by another product's bundle, or after its deadline; and each part must
have exactly one answer. Then a steady line of so many parts, 200 ms apart, runs with a hardware and with a software
trigger: the camera misses 1 of 1,000 triggers, and 1 of 1,000 frames is lost. One JSON object on stdout; exit code 1 if
anything was wrong.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from goodpart_station.conductor.rules import TriggerKind
from line_model import Line
from line_schedule import Fate, Item, random_items, rules

SHOWN = 20


def run(count: int, seed: int, *, kinds: Sequence[TriggerKind] = tuple(TriggerKind)) -> dict:
    """So many random schedules, one kind of trigger after the other."""
    answers: Counter[str] = Counter()
    wrong: list[str] = []
    passed = parts = 0
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        items = random_items(rng, rng.randint(1, 25))
        simulated, numbers, ids = rng.random() < 0.1, rng.choice((2, 3, 20, 65535)), rng.random() < 0.5
        line = Line(rules(kinds[number % len(kinds)], simulated=simulated), items, numbers=numbers, ids=ids).run()
        for (verdict, reason), times in line.checks.answers.items():
            answers["GOOD NONE" if simulated and reason.name == "NONE" else f"{verdict.name} {reason.name}"] += times
        wrong += [f"schedule {number}: {words}" for words in line.checks.wrong]
        passed += line.checks.passed
        parts += len(items)
    return {
        "schedules": count,
        "parts": parts,
        "passed": passed,
        "answers": dict(sorted(answers.items())),
        "wrong_count": len(wrong),
        "wrong": wrong[:SHOWN],
    }


def steady(parts: int, seed: int, kind: TriggerKind, *, rate: float) -> dict:
    """A line on which only triggers and frames are lost."""
    rng, lost = random.Random(seed), Counter()

    def items() -> Iterator[Item]:
        for _ in range(parts):
            fate = rng.choices([Fate.MISSED, Fate.FRAME_LOST, Fate.WHOLE], [rate, rate, 1 - 2 * rate])[0]
            lost[fate] += 1
            yield Item(write=rng.randint(5, 25), shot=rng.randint(20, 60), judge=rng.randint(20, 50), fate=fate)

    checks = Line(rules(kind), items()).run().checks
    refused = sum(checks.answers.values()) - checks.passed
    return {
        "trigger": kind.value,
        "parts": parts,
        "missed": lost[Fate.MISSED],
        "lost": lost[Fate.FRAME_LOST],
        "right": checks.passed,
        "refused": refused,
        "not announced": parts - checks.passed - refused,
        "wrong_count": len(checks.wrong),
        "wrong": checks.wrong[:SHOWN],
    }


def main() -> int:
    """Runs both, and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--parts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.process_time()
    found = run(options.schedules, options.seed)
    lines = [
        steady(options.parts, options.seed, kind, rate=1e-3) for kind in (TriggerKind.HARDWARE, TriggerKind.SOFTWARE)
    ]
    print(json.dumps({**found, "steady": lines, "cpu_s": round(time.process_time() - begun, 1)}, indent=1))
    return int(found["wrong_count"] + sum(line["wrong_count"] for line in lines) > 0)


if __name__ == "__main__":
    sys.exit(main())
