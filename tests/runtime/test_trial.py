"""A trial: whatever a bundle does to its process, the one that asked for it gets an answer."""

import math
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import write_manifest_aware
from goodpart.errors import SelfTestError, TrialError, UsageError
from goodpart.store.trial import TrialLimits, try_bundle


def test_a_whole_bundle_passes(older, newer):
    for bundle in (older, newer):
        try_bundle(bundle, TrialLimits())


def greedy(bundle: Path, out: Path, *, times: int) -> Path:
    """A whole bundle whose backbone makes `times^2 * 5184` bytes of zeros for each frame, and adds their sum."""
    onnx = pytest.importorskip("onnx")
    copy = Path(shutil.copytree(bundle, out))
    model = onnx.load(copy / "backbone.onnx")
    graph = model.graph
    graph.node[-1].output[0] = "honest"
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([times, times, 1]), "more"))
    graph.node.extend(
        [
            onnx.helper.make_node("Shape", ["frame"], ["frame_shape"]),
            onnx.helper.make_node("Mul", ["frame_shape", "more"], ["huge_shape"]),
            onnx.helper.make_node("ConstantOfShape", ["huge_shape"], ["zeros"]),
            onnx.helper.make_node("ReduceSum", ["zeros"], ["zero"], keepdims=0),
            onnx.helper.make_node("Add", ["honest", "zero"], ["embeddings"]),
        ]
    )
    write_manifest_aware(copy / "backbone.onnx", model.SerializeToString())
    return copy


def test_a_bundle_that_wants_more_memory_than_it_may_have(older, tmp_path):
    try_bundle(greedy(older, tmp_path / "modest", times=2), TrialLimits(memory_mb=1000))
    with pytest.raises(
        (SelfTestError, TrialError), match=r"in its trial|expected a self-test that passes within 1000 MB"
    ):
        try_bundle(greedy(older, tmp_path / "greedy", times=1000), TrialLimits(memory_mb=1000))


@pytest.fixture
def crashing_package(tmp_path) -> Path:
    """A folder with something else that is called goodpart, and crashes Python."""
    (tmp_path / "goodpart").mkdir()
    (tmp_path / "goodpart" / "__init__.py").write_text("import ctypes; ctypes.string_at(0)")
    return tmp_path


def test_a_child_that_crashes_is_reported(older, crashing_package, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(crashing_package))
    with pytest.raises(TrialError, match=r"found the process ended by signal 11"):
        try_bundle(older, TrialLimits())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="older Pythons always look into the current folder")
def test_a_goodpart_in_the_current_folder_is_not_ours(older, crashing_package, monkeypatch):
    monkeypatch.chdir(crashing_package)
    try_bundle(older, TrialLimits())


@pytest.mark.parametrize(
    "limits",
    [
        {"memory_mb": 0},
        {"memory_mb": 255},
        {"time_s": 0.0},
        {"time_s": math.nan},
        {"time_s": math.inf},
        {"memory_mb": 10**20},
    ],
)
def test_limits_that_nothing_could_pass(limits):
    with pytest.raises(UsageError, match="limit: expected"):
        TrialLimits(**limits)


def test_the_child_is_out_of_reach_of_our_ctrl_c_and_has_an_alarm_of_its_own(older, tmp_path, monkeypatch):
    """Somebody else's Python says what it was started with."""
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\necho "session $(ps -o sid= -p $$ | tr -d " ") of" "$@" >&2\nexit 3\n')
    fake.chmod(0o755)
    monkeypatch.setattr("goodpart.store.trial.sys.executable", str(fake))
    with pytest.raises(SelfTestError) as caught:
        try_bundle(older, TrialLimits(memory_mb=300, time_s=6.5))
    found = re.search(r"session (\d+) of -m goodpart.store.trial_child 300000000 8 /", str(caught.value))
    assert found, caught.value
    assert int(found[1]) != os.getsid(0)


def test_a_child_whose_parent_is_gone_ends_by_itself():
    command = [
        sys.executable,
        "-c",
        "import goodpart.store.trial_child as t, time; t._limit(10**10, 1); time.sleep(60)",
    ]
    assert subprocess.run(command, check=False).returncode == -signal.SIGALRM


def test_too_little_time(older):
    with pytest.raises(TrialError, match=r"expected a self-test within 0\.001 s, found none"):
        try_bundle(older, TrialLimits(time_s=0.001))


def test_no_python_to_run_it(older, monkeypatch):
    monkeypatch.setattr("goodpart.store.trial.sys.executable", os.devnull)
    with pytest.raises(UsageError, match="expected a Python to run the self-test"):
        try_bundle(older, TrialLimits())
