"""ARM64: a wheelhouse made here, and a PC under emulation that verifies, tests and scores bundles with its wheels."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from emulated_pc import make_pc, missing_tools, run_on_pc
from wheelhouses import ROOT, SCRIPT, wheelhouse_for

FIXTURES = ROOT / "tests" / "fixtures"
BUNDLES = ("format_1", "format_2", "format_2_thermal")

# one process, because Python and its libraries take seconds to start under emulation
ALL_COMMANDS = """
import contextlib, io, json, platform, sys
from goodpart.cli.main import main
found = {"machine": platform.machine()}
for name in sys.argv[1:]:
    bundle = f"/bundles/{name}"
    frames = [f"{bundle}/golden/{index:03}.npy" for index in range(2)]
    for command in (["verify", bundle], ["selftest", bundle, "--json"], ["score", bundle, *frames]):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = main(command)
        found[f"{name} {command[0]}"] = [code, out.getvalue()]
import paho.mqtt.client, prometheus_client, starlette.applications, uvicorn
from goodpart_station.cli.main import main as station
from goodpart_station.links import modbus, requests
out = io.StringIO()
try:
    with contextlib.redirect_stdout(out):
        station(["--help"])
except SystemExit as ended:
    found["station"] = [ended.code, out.getvalue()]
print(json.dumps(found))
"""

pytestmark = [
    pytest.mark.install,
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the emulated PC has Debian's Python 3.11"),
    pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {', '.join(missing_tools())}"),
]


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory) -> Path:
    if shutil.which("aarch64-linux-gnu-g++") is None:
        pytest.skip("missing: aarch64-linux-gnu-g++ (Debian: g++-aarch64-linux-gnu)")
    return wheelhouse_for("aarch64", tmp_path_factory.mktemp("arm64"))


def test_every_wheel_is_for_arm64_or_for_any_machine(wheelhouse):
    names = [path.name for path in (wheelhouse / "wheels").iterdir()]
    assert {"numpy", "onnxruntime", "hnswlib", "cryptography", "goodpart_station", "pymodbus"} <= {
        name.partition("-")[0] for name in names
    }
    assert [name for name in names if not name.endswith(("aarch64.whl", "any.whl"))] == []
    assert "machine=aarch64\n" in (wheelhouse / "built-for").read_text()
    with zipfile.ZipFile(next((wheelhouse / "wheels").glob("hnswlib-*"))) as archive:
        library = next(name for name in archive.namelist() if name.endswith(".so"))
        machine = int.from_bytes(archive.read(library)[18:20], "little")
    assert (library, machine) == ("hnswlib.cpython-311-aarch64-linux-gnu.so", 183)


def test_install_sh_refuses_it_here(wheelhouse, tmp_path):
    command = ["sh", str(wheelhouse / "install.sh"), str(tmp_path / "goodpart")]
    done = subprocess.run(
        command, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert re.search(r"expected Python 3.11 on aarch64, found 3.11 x86_64", done.stderr)


@pytest.mark.parametrize(
    ("compiler", "words"),
    [
        ("no-such-g++", "expected the compiler no-such-g++, found none; install it"),
        ("g++", "expected a compiler for it, found g++ for x86_64-"),
    ],
)
def test_a_compiler_that_is_missing_or_for_this_machine_is_refused(tmp_path, compiler, words):
    command = [sys.executable, str(SCRIPT), str(tmp_path / "wheelhouse"), "--platform", "aarch64"]
    environment = {**os.environ, "CXX": compiler}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_arm64_pc_verifies_tests_and_scores(wheelhouse, tmp_path):
    packages = tmp_path / "packages"
    for wheel in (wheelhouse / "wheels").glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
    root = make_pc(tmp_path)
    mounts = {"/packages": packages, "/bundles": FIXTURES}
    python = ("/usr/bin/env", "PYTHONPATH=/packages", "/usr/bin/python3.11", "-c", ALL_COMMANDS)
    done = run_on_pc(root, mounts, *python, *BUNDLES)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("machine") == "aarch64"
    code, said = found.pop("station")
    assert code == 0
    assert "usage: goodpart-station" in said
    for name in BUNDLES:
        assert found[f"{name} verify"][0] == 0
        assert found[f"{name} selftest"][0] == 0
        code, lines = found[f"{name} score"]
        scored = [json.loads(line) for line in lines.splitlines()]
        golden = json.loads((FIXTURES / name / "manifest.json").read_text())["golden"]
        assert code in (0, 1)
        assert [line["score"] for line in scored] == pytest.approx([one["score"] for one in golden[:2]], abs=2e-4)
