"""Forked and spawned processes: they never hang, never judge with what they inherited, and end as any other process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("forks.py")


def run(scenario, bundle, threads, **environment):
    """A scenario's JSON object, from a process without pytest in it."""
    # from 3.12 on Python warns of every fork beside threads
    # what this process has set would hide that the other one forgets to
    inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(SCRIPT), scenario, str(bundle), str(threads)]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env={**inherited, **environment}
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_child_can_load_its_own_and_ends_by_itself_however_it_does(older, threads):
    found = run("endings", older, threads)
    assert set(found["codes"].values()) == {7}, found
    assert len(found["codes"]) == 7
    assert found["unharmed"]


def test_forking_in_the_midst_of_other_threads_frames(older):
    assert run("while_busy", older, 2) == {"codes": [7], "unharmed": True}


def check_pools(found):
    assert found["found"] == {method: [True, 0] for method in ("fork", "spawn", "forkserver")}
    assert found["unharmed"]


def test_worker_processes_of_multiprocessing(older):
    check_pools(run("pools", older, 2))


def test_onnxruntime_keeps_no_identity_of_the_device_and_sends_nothing(older, tmp_path):
    """It would by default: `deviceid` and `onnxruntime.db` in the user's cache folder, and a thread that sends them."""
    check_pools(run("pools", older, 1, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache")))
    assert list(tmp_path.rglob("*")) == []
