"""What `test_fork.py` runs in a process of its own: it loads a bundle, forks, and prints what became of it as JSON.

python forks.py SCENARIO BUNDLE THREADS
"""

import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from goodpart.errors import UsageError
from goodpart.inspector import Inspector
from small_frames import draw_small

FRAME = draw_small(100, defect=True)
TOO_LONG_S = 30


def refused(inspector: Inspector) -> bool:
    try:
        inspector.inspect(FRAME)
    except UsageError as error:
        return "load the bundle after forking" in str(error)
    return False


def child(inspector: Inspector, score: float, ending: str, bundle: str, threads: int) -> None:
    """What a child does until it leaves; with exit code 7 if all is well."""
    signal.alarm(TOO_LONG_S)
    if not refused(inspector):
        os._exit(1)
    own = Inspector.load(bundle, threads=threads)
    if own.inspect(FRAME).score != score:
        os._exit(2)
    if ending == "own one closed":
        own.close()
    elif ending == "inherited one closed":
        inspector.close()
        inspector.close()
    elif ending == "inherited parts closed":
        inspector.backbone.close()
        inspector.bank.close()
    elif ending == "left at once":
        os._exit(7)
    elif ending == "forked again":
        pid = os.fork()
        if pid == 0:
            signal.alarm(TOO_LONG_S)
            sys.exit(7 if refused(inspector) and refused(own) else 3)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 7:
            os._exit(4)


def endings(bundle: str, threads: int) -> dict[str, object]:
    """Exit codes of children that end in every way a process can."""
    inspector = Inspector.load(bundle, threads=threads)
    score = inspector.inspect(FRAME).score
    codes = {}
    for ending in (
        "left at once",
        "own one closed",
        "inherited one closed",
        "inherited parts closed",
        "inherited one collected",
        "forked again",
        "nothing closed",
    ):
        pid = os.fork()
        if pid == 0:
            child(inspector, score, ending, bundle, threads)
            if ending == "inherited one collected":
                del inspector
                gc.collect()
            sys.exit(7)
        codes[ending] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {"codes": codes, "unharmed": inspector.inspect(FRAME).score == score}


def while_busy(bundle: str, threads: int) -> dict[str, object]:
    """Exit codes of children that are forked while other threads inspect."""
    inspector = Inspector.load(bundle, threads=threads)
    score, done, wrong = inspector.inspect(FRAME).score, threading.Event(), []

    def judge() -> None:
        while not done.is_set():
            if inspector.inspect(FRAME).score != score:
                wrong.append(1)

    judging = [threading.Thread(target=judge) for _ in range(3)]
    for thread in judging:
        thread.start()
    codes = set()
    for _ in range(15):
        pid = os.fork()
        if pid == 0:
            signal.alarm(TOO_LONG_S)
            inspector.close()
            with Inspector.load(bundle, threads=threads) as own:
                sys.exit(7 if refused(inspector) and own.inspect(FRAME).score == score else 1)
        codes.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    done.set()
    for thread in judging:
        thread.join()
    return {"codes": sorted(codes), "unharmed": not wrong}


def work(bundle: str, threads: int) -> float:
    """For a process pool."""
    with Inspector.load(bundle, threads=threads) as own:
        return own.inspect(FRAME).score


def pools(bundle: str, threads: int) -> dict[str, object]:
    """Scores by worker processes of every kind, beside a loaded Inspector."""
    inspector = Inspector.load(bundle, threads=threads)
    score = inspector.inspect(FRAME).score
    found = {}
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            scores = pool.starmap(work, [(bundle, threads)] * 4)
            pool.close()
            pool.join()
        process = context.Process(target=work, args=(bundle, threads))
        process.start()
        process.join(TOO_LONG_S)
        found[method] = [set(scores) == {score}, process.exitcode]
    return {"found": found, "unharmed": inspector.inspect(FRAME).score == score}


if __name__ == "__main__":
    scenarios = {"endings": endings, "while_busy": while_busy, "pools": pools}
    print(json.dumps(scenarios[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
