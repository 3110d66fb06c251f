"""Some 750 of the mutants that `make fuzz` tries by the hundred thousand, and whether the driver sees faults."""

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from attacks import fuzz as driver
from attacks.bases import make_bases, read_bases
from attacks.judge import FAILURES, Judge
from attacks.mutations import KINDS, mutant
from goodpart.inspector import Inspector

COUNT = 750


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with the good bundles."""
    folder = tmp_path_factory.mktemp("work")
    make_bases(folder)
    return folder


@pytest.fixture(scope="module")
def bases(work):
    return read_bases(work)


@pytest.fixture(scope="module")
def judge(work):
    return Judge(work)


def first_of(kind, bases, *, seed=0, **facts):
    """The number of the first mutant of a kind that has these facts."""
    for number in range(100_000):
        found = mutant(seed, number, bases)
        if found.kind == kind and all(getattr(found, name) == value for name, value in facts.items()):
            return number
    raise AssertionError(kind)


def test_every_mutant_is_refused_or_scores_as_it_states():
    results = list(driver.fuzz(range(COUNT), seed=1, workers=2))
    assert [result for result in results if result["outcome"] in FAILURES] == []
    assert sorted(result["number"] for result in results) == list(range(COUNT))
    assert {result["kind"] for result in results} == set(KINDS)
    counts = collections.Counter(result["outcome"] for result in results)
    # the checks behind the hashes are reached, and enough gets past all of them
    for outcome in ("refused by ContractError", "refused by ManifestError", "refused by IntegrityError", "same"):
        assert counts[outcome] > 50, counts
    for outcome in (
        "refused by SelfTestError",
        "refused by SignatureError",
        "refused by BundleMissingError",
        "restated",
    ):
        assert counts[outcome] > 1, counts


def test_seed_and_number_decide_everything(bases):
    for number in range(300):
        assert mutant(5, number, bases) == mutant(5, number, bases)
    assert sum(mutant(5, number, bases) == mutant(6, number, bases) for number in range(300)) == 0


def test_no_mutant_is_written_through_a_link_to_the_good_bundle(work, bases, tmp_path_factory):
    for number in range(300):
        mutant(7, number, bases).write(work / f"mutant-{number}")
    assert (work / "mutant-0" / "bank.npy").exists()
    linked = [path for path in work.glob("mutant-*/bank.npy") if not path.is_symlink() and path.stat().st_nlink > 1]
    assert len(linked) > 100
    assert read_bases(work) == bases


def test_crashes_and_hangs_are_told_with_their_number_and_the_run_goes_on(bases):
    kinds = ["extend", "flip", "truncate", "delete", "swap", "block", "splice"]
    numbers = [first_of(kind, bases) for kind in kinds]
    results = driver.fuzz(numbers, seed=0, workers=1, judge="attacks.misbehaving:Misbehaving", time_limit_s=3)
    found = {result["number"]: (result["kind"], result["outcome"], result["detail"]) for result in results}
    expected = ["same", "crash", "same", "hang", "crash", "changed", "same"]
    assert [found[number][:2] for number in numbers] == list(zip(kinds, expected, strict=True))
    assert found[numbers[1]][2] == f"exit code {-signal.SIGSEGV}"
    assert found[numbers[4]][2] == "exit code 7"


@pytest.mark.parametrize(("kind", "code"), [("block", 1), ("flip", 1), ("extend", 0)])
def test_the_exit_code_says_whether_anything_went_wrong(bases, capsys, kind, code):
    options = ["--only", str(first_of(kind, bases)), "--judge", "attacks.misbehaving:Misbehaving"]
    assert driver.main(options) == code
    assert json.loads(capsys.readouterr().out)["kind"] == kind


def test_the_summary_is_one_json_object(capsys):
    assert driver.main(["--count", "30", "--seed", "3", "--workers", "1"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["count"] == sum(found["outcomes"].values()) == 30
    assert sum(sum(counts.values()) for counts in found["kinds"].values()) == 30
    assert found["failed"] == []
    assert "30 of 30" in printed.err


def test_a_bundle_that_scores_otherwise_without_repaired_hashes_is_noticed(bases, judge, work):
    """As if the hashes had not been checked: a restated bundle that is said to be an unrepaired one."""
    judged = []
    for number in range(2000):
        found = mutant(2, number, bases)
        if found.kind == "restated" and found.repaired and not found.keyed:
            found.write(folder := work / f"restated-{number}")
            unrepaired = dataclasses.replace(found, repaired=False)
            judged.append((judge(found, folder).name, judge(unrepaired, folder).name))
    assert ("restated", "changed") in judged
    assert {outcome for right, outcome in judged if right == "restated"} == {"changed"}


def test_scores_that_brute_force_does_not_give_are_noticed(bases, judge, work):
    """As if the runtime had searched badly: another bundle's Inspector answers for this one."""
    found = dataclasses.replace(
        mutant(0, 0, bases), base=bases["plain"], entries=dict(bases["plain"].files), device=None
    )
    found.write(folder := work / "unbroken")
    assert judge.accepted(found, folder, Inspector.load(folder, threads=1)).name == "same"
    outcome = judge.accepted(found, folder, Inspector.load(bases["masked"].folder, threads=1))
    assert outcome.name == "changed"
    assert "by brute force" in outcome.detail
    inspector = Inspector.load(folder, threads=1)
    inspector.threshold = np.nextafter(inspector.threshold, 9)
    assert "thresholds" in judge.accepted(found, folder, inspector).detail


def test_golden_scores_that_nobody_compares_are_noticed(bases, judge, work, monkeypatch):
    """As if the self-test let everything pass."""
    monkeypatch.setattr("goodpart.inspector.golden_errors", lambda *_: {})
    base = bases["plain"]
    found = dataclasses.replace(mutant(0, 0, bases), base=base, entries=dict(base.files), device=None, repaired=True)
    manifest = json.loads(found.entries["manifest.json"])
    manifest["golden"][0]["score"] += 1.5
    manifest["golden_tolerance"] = 0.02
    text = json.dumps(manifest).encode()
    sha256 = hashlib.sha256(text).hexdigest().encode()
    found = dataclasses.replace(found, entries={**found.entries, "manifest.json": text, "manifest.sha256": sha256})
    found.write(folder := work / "golden")
    outcome = judge(found, folder)
    assert (outcome.name, "golden score" in outcome.detail) == ("changed", True), outcome


def test_signal_handlers_are_put_back(bases):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert driver.main(["--only", str(first_of("extend", bases)), "--judge", "attacks.misbehaving:Misbehaving"]) == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("ignored", [False, True])
def test_an_interrupt_leaves_neither_children_nor_files(ignored):
    """Also where a shell has started it in the background, with SIGINT ignored."""
    command = [sys.executable, driver.__file__, "--count", "100000", "--workers", "2"]
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    try:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    work = Path(process.stderr.readline().split()[-1])
    # a loaded machine may have told of a slow mutant before
    assert any(" of 100000, " in line for line in process.stderr)
    assert _running(work)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate()
    assert (process.returncode, out) == (130, ""), errors
    assert "interrupted" in errors
    assert not work.exists()
    assert _running(work) == []


def _running(work):
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and str(work).encode() in Path("/proc", entry, "cmdline").read_bytes():
                found.append(entry)
    return found
