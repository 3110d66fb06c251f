"""What the machine is: a container's share of the cores counts, and nothing that is missing is an error."""

import os

import pytest

from goodpart._host.machine import cpu_name, usable_cores

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("100000 100000\n", 1),
        ("150000 100000\n", 1),
        ("50000 100000\n", 1),
        ("99900000 100000\n", CORES),
        ("max 100000\n", CORES),
        ("100000 0\n", CORES),
        ("", CORES),
        ("nonsense", CORES),
    ],
)
def test_a_containers_share_counts(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path / "cpu.max") == cores


def test_without_a_share_all_cores_count(tmp_path):
    assert usable_cores(tmp_path / "none") == CORES


def test_the_cpus_name(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name\t: A Fine CPU\n\nmodel name\t: Another\n")
    assert cpu_name(tmp_path / "cpuinfo") == "A Fine CPU"
    assert cpu_name(tmp_path / "none")


def test_the_default_is_a_number_of_threads_that_is_accepted(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(384)))
    assert usable_cores(tmp_path / "none") == 256
