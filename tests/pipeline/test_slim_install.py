"""The embedded PC's environment: only ./runtime is installed, and a bundle is verified, self-tested, scored there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from small_parts import draw_defect, draw_good

ROOT = Path(__file__).parents[2]

# what an installation of ./runtime may bring: itself, its three dependencies and all that those need
CLOSURE = """
import importlib.metadata as m, importlib.util as u, json, re
def closure(name, seen):
    key = name.lower().replace("_", "-")
    if key not in seen:
        seen.add(key)
        for line in m.requires(name) or []:
            if ";" not in line:
                closure(re.match(r"[A-Za-z0-9._-]+", line).group(), seen)
    return seen
installed = {d.metadata["Name"].lower().replace("_", "-") for d in m.distributions()}
heavy = [n for n in ("torch", "torchvision", "onnx", "cv2", "sklearn", "tqdm", "goodpart_export") if u.find_spec(n)]
print(json.dumps({"foreign": sorted(installed - closure("goodpart", set()) - {"pip", "setuptools"}), "heavy": heavy}))
"""


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment with ./runtime and nothing else."""
    folder = tmp_path_factory.mktemp("slim")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    # compiled for any CPU of this kind, as a wheel for other machines has to be
    environment = {**os.environ, "HNSWLIB_NO_NATIVE": "1", "PIP_NO_COMPILE": "1"}
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", str(ROOT / "runtime")]
    subprocess.run(pip, check=True, env=environment, capture_output=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def tools(slim: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pytest and hypothesis, beside the environment, which stays as slim as it is."""
    folder = tmp_path_factory.mktemp("tools")
    pip = [str(slim / "pip"), "install", "--quiet", "--disable-pip-version-check", "--target", str(folder)]
    environment = {**os.environ, "PIP_NO_COMPILE": "1"}
    subprocess.run([*pip, "pytest>=8.3", "hypothesis>=6.100"], check=True, env=environment, capture_output=True)
    return folder


def pytest_in(slim: Path, tools: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs pytest on tests of the runtime, with nothing of the environment that runs this test."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GOODPART"))}
    command = [str(slim / "python"), "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )


def run(slim: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(slim / command[0]), *command[1:]], capture_output=True, text=True, check=False)


@pytest.mark.install
def test_nothing_but_the_runtime_and_its_dependencies_is_installed(slim, capsys):
    found = run(slim, "python", "-c", CLOSURE)
    assert json.loads(found.stdout) == {"foreign": [], "heavy": []}, found.stderr
    packages = next((slim.parent / "lib").glob("python*/site-packages"))
    files = [path for path in packages.rglob("*") if path.is_file()]
    ours = [path for path in files if not path.relative_to(packages).parts[0].startswith(("pip", "setuptools"))]
    with capsys.disabled():
        size_bytes = sum(path.stat().st_size for path in ours)
        print(f"\nslim environment: {size_bytes / 1e6:.0f} MB installed (without pip)")


@pytest.mark.install
def test_a_bundle_is_verified_self_tested_and_scored(slim, built_bundle, tmp_path):
    for name, frame in (("good", draw_good(700)), ("defect", draw_defect(700))):
        np.save(tmp_path / f"{name}.npy", frame)
    assert run(slim, "goodpart", "verify", str(built_bundle)).returncode == 0
    assert run(slim, "goodpart", "selftest", str(built_bundle)).returncode == 0
    good = run(slim, "goodpart", "score", str(built_bundle), str(tmp_path / "good.npy"))
    assert (good.returncode, json.loads(good.stdout)["verdict"]) == (0, "GOOD"), good.stderr
    both = run(slim, "goodpart", "score", str(built_bundle), str(tmp_path))
    assert (both.returncode, [json.loads(line)["verdict"] for line in both.stdout.splitlines()]) == (
        1,
        ["DEFECT", "GOOD"],
    )


@pytest.mark.install
def test_a_png_is_refused_with_the_name_of_the_extra(slim, built_bundle, good_dir):
    found = run(slim, "goodpart", "score", str(built_bundle), str(good_dir / "00.png"))
    assert found.returncode == 2
    assert "pip install './runtime[images]'" in found.stderr


# what a test of the runtime may lack here: what the extras bring, and what results are compared with
EXTRAS = {"cv2", "cryptography", "onnx", "scipy", "torch", "goodpart_export"}


@pytest.mark.install
def test_every_test_of_the_runtime_loads_with_pytest_and_hypothesis_alone(slim, tools):
    found = pytest_in(slim, tools, "--collect-only", "tests/runtime")
    assert found.returncode == 0, found.stdout


@pytest.mark.install
def test_tests_of_the_runtime_pass_with_pytest_and_hypothesis_alone(slim, tools):
    """Files of several rooms; `python -m pytest tests/runtime` in such an environment runs all of them."""
    names = ("bundle", "frames", "ignored", "inspector", "scoring")
    found = pytest_in(slim, tools, *(f"tests/runtime/test_{name}.py" for name in names))
    assert found.returncode == 0, found.stdout
    reasons = [line for line in found.stdout.splitlines() if line.startswith("SKIPPED")]
    assert reasons
    for line in reasons:
        missing = re.search(r"could not import '(\w+)", line)
        assert missing, line
        assert missing[1] in EXTRAS, line
