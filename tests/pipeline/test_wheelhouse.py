"""The wheelhouse: made once, then installed and used where there is no network, as on an air-gapped PC."""

import errno
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from small_parts import draw_defect, draw_good
from wheelhouses import ROOT, SCRIPT, wheelhouse_for

FIXTURES = ROOT / "tests" / "fixtures"
STATION = {"pymodbus", "paho-mqtt", "starlette", "uvicorn", "prometheus_client", "asyncua", "gpiod"}
SLIM = {"flatbuffers", "goodpart", "hnswlib", "numpy", "onnxruntime", "packaging", "pip", "protobuf"}

pytestmark = pytest.mark.install


def run(command: Sequence[object], **environment: str) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def offline(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in a network namespace of its own, from which nothing can be reached."""
    return run(["unshare", "-rn", "--", *command], **environment)


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheelhouse_for(platform.machine(), tmp_path_factory.mktemp("supply"))


def install(wheelhouse: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return offline("sh", wheelhouse / "install.sh", *options, folder, PYTHON=sys.executable)


@pytest.fixture(scope="module")
def no_network() -> None:
    """Skips where network namespaces are not to be had, and proves that there is no network in one."""
    if shutil.which("unshare") is None or offline("true").returncode != 0:
        pytest.skip("this system gives no network namespace (unshare -rn)")
    connect = "import socket; raise SystemExit(socket.socket().connect_ex(('192.0.2.1', 9)))"
    assert offline(sys.executable, "-c", connect).returncode == errno.ENETUNREACH


@pytest.fixture(scope="module")
def installed(wheelhouse: Path, no_network: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that install.sh has made without a network."""
    folder = tmp_path_factory.mktemp("pc") / "a folder" / "goodpart"
    done = install(wheelhouse, folder)
    assert done.returncode == 0, done.stderr
    assert f"{folder}/bin/goodpart verify BUNDLE" in done.stdout
    return folder / "bin"


def requirements(wheelhouse: Path, name: str = "requirements-station.txt") -> dict[str, tuple[str, str]]:
    """Version and sha256 of each package."""
    lines = (wheelhouse / name).read_text().splitlines()
    found = [re.fullmatch(r"(\S+)==(\S+) --hash=sha256:([0-9a-f]{64})", line) for line in lines]
    return {match[1]: (match[2], match[3]) for match in found if match is not None}


def changed(wheelhouse: Path, folder: Path, name: str, data: bytes) -> Path:
    """A copy of a wheelhouse in which one file is another."""
    copy = Path(shutil.copytree(wheelhouse, folder / "copy", copy_function=os.link))
    (copy / name).unlink()
    (copy / name).write_bytes(data)
    return copy


def expect_refusal(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("install.sh: ")
    assert all(word in lines[0] for word in words), lines[0]


def test_a_bundle_is_verified_self_tested_and_scored_without_a_network(installed, built_bundle, tmp_path):
    for name, frame in (("good", draw_good(700)), ("defect", draw_defect(700))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), frame[:, :, ::-1])
    goodpart = installed / "goodpart"
    assert offline(goodpart, "verify", built_bundle).returncode == 0
    assert offline(goodpart, "selftest", built_bundle).returncode == 0
    good = offline(goodpart, "score", built_bundle, tmp_path / "good.png")
    assert (good.returncode, json.loads(good.stdout)["verdict"]) == (0, "GOOD"), good.stderr
    both = offline(goodpart, "score", built_bundle, tmp_path, "--maps", tmp_path / "maps")
    assert (both.returncode, [json.loads(line)["verdict"] for line in both.stdout.splitlines()]) == (
        1,
        ["DEFECT", "GOOD"],
    )


def test_signatures_are_checked(installed):
    done = offline(installed / "goodpart", "verify", FIXTURES / "format_1", "--public-key", FIXTURES / "format_1.pub")
    assert done.returncode == 0, done.stderr


def test_the_slim_environment_has_no_extras(wheelhouse, no_network, built_bundle, tmp_path):
    assert requirements(wheelhouse, "requirements-slim.txt").keys() >= SLIM
    done = install(wheelhouse, tmp_path / "slim", "--slim")
    assert done.returncode == 0, done.stderr
    np.save(tmp_path / "defect.npy", draw_defect(700))
    score = offline(tmp_path / "slim" / "bin" / "goodpart", "score", built_bundle, tmp_path / "defect.npy")
    assert (score.returncode, json.loads(score.stdout)["verdict"]) == (1, "DEFECT"), score.stderr
    packages = next((tmp_path / "slim" / "lib").glob("python*/site-packages"))
    assert not (packages / "cv2").exists()
    assert not (packages / "cryptography").exists()


def test_the_station_starts_without_a_network(wheelhouse, no_network, tmp_path):
    done = install(wheelhouse, tmp_path / "station", "--station")
    assert done.returncode == 0, done.stderr
    programs = tmp_path / "station" / "bin"
    assert f"{programs}/goodpart-station --help" in done.stdout
    shown = offline(programs / "goodpart-station", "--help")
    assert shown.returncode == 0, shown.stderr
    # every link and sink finds its library
    imports = "import pymodbus, paho.mqtt, starlette, uvicorn, prometheus_client, asyncua, gpiod, cv2, cryptography"
    assert offline(programs / "python", "-c", imports).returncode == 0


def test_only_who_asks_gets_the_station(wheelhouse, installed):
    assert requirements(wheelhouse).keys() >= STATION
    assert not requirements(wheelhouse, "requirements.txt").keys() & {*STATION, "goodpart-station"}
    # the same versions, whatever a PC installs
    assert requirements(wheelhouse, "requirements.txt").items() <= requirements(wheelhouse).items()
    assert not (installed / "goodpart-station").exists()


def test_every_file_is_in_the_sums_and_every_wheel_in_the_requirements(wheelhouse):
    files = {path.relative_to(wheelhouse).as_posix(): path for path in wheelhouse.rglob("*") if path.is_file()}
    sums = dict(reversed(line.split("  ")) for line in files.pop("SHA256SUMS").read_text().splitlines())
    assert sums == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    wheels = {name: digest for name, digest in sums.items() if name.startswith("wheels/")}
    assert sorted(digest for _, digest in requirements(wheelhouse).values()) == sorted(wheels.values())


@pytest.mark.parametrize("name", ["install.sh", "requirements.txt", "sbom.cdx.json"])
def test_a_changed_file_is_refused(wheelhouse, no_network, tmp_path, name):
    copy = changed(wheelhouse, tmp_path, name, (wheelhouse / name).read_bytes() + b"\n")
    expect_refusal(install(copy, tmp_path / "goodpart"), f"{name}: FAILED")
    assert not (tmp_path / "goodpart").exists()


def test_a_missing_wheel_is_refused(wheelhouse, no_network, tmp_path):
    copy = changed(wheelhouse, tmp_path, "built-for", (wheelhouse / "built-for").read_bytes())
    next((copy / "wheels").glob("numpy-*")).unlink()
    expect_refusal(install(copy, tmp_path / "goodpart"), "wheels/numpy-", "FAILED open or read")


@pytest.mark.parametrize(
    ("pattern", "other", "words"),
    [
        (r"python=.*", "python=3.4", ("expected Python 3.4",)),
        (r"machine=.*", "machine=riscv64", ("on riscv64", "found")),
        (r"glibc_minor=.*", "glibc_minor=999", ("glibc 2.999",)),
    ],
)
def test_another_kind_of_pc_is_refused(wheelhouse, no_network, tmp_path, pattern, other, words):
    copy = changed(wheelhouse, tmp_path, "built-for", b"")
    text = re.sub(pattern, other, (wheelhouse / "built-for").read_text())
    (copy / "built-for").write_text(text)
    sums = (wheelhouse / "SHA256SUMS").read_text()
    (copy / "SHA256SUMS").unlink()
    digest = hashlib.sha256(text.encode()).hexdigest()
    (copy / "SHA256SUMS").write_text(re.sub(r".+(?=  built-for)", digest, sums))
    expect_refusal(install(copy, tmp_path / "goodpart"), *words)
    assert not (tmp_path / "goodpart").exists()


def test_nothing_half_installed_is_left(wheelhouse, no_network, tmp_path):
    """Whole sums, but a wheel that is not the one of requirements.txt."""
    wheel = next((wheelhouse / "wheels").glob("packaging-*"))
    copy = changed(wheelhouse, tmp_path, f"wheels/{wheel.name}", wheel.read_bytes() + b"\0")
    sums = (wheelhouse / "SHA256SUMS").read_text()
    (copy / "SHA256SUMS").unlink()
    digest = hashlib.sha256((copy / "wheels" / wheel.name).read_bytes()).hexdigest()
    (copy / "SHA256SUMS").write_text(re.sub(rf".+(?=  wheels/{re.escape(wheel.name)})", digest, sums))
    expect_refusal(install(copy, tmp_path / "goodpart"), "pip: ")
    assert not (tmp_path / "goodpart").exists()


def test_an_existing_folder_is_refused(wheelhouse, no_network, tmp_path):
    (tmp_path / "kept").touch()
    expect_refusal(install(wheelhouse, tmp_path), "expected a new folder")
    assert (tmp_path / "kept").exists()


def test_hnswlib_runs_on_any_cpu_of_this_kind(wheelhouse, tmp_path):
    with zipfile.ZipFile(next((wheelhouse / "wheels").glob("hnswlib-*"))) as archive:
        library = archive.extract(next(name for name in archive.namelist() if name.endswith(".so")), tmp_path)
    code = run(["objdump", "--disassemble", "--no-show-raw-insn", library]).stdout
    assert "ret" in code
    # AVX and AVX-512 work on ymm and zmm registers; any x86-64 has xmm only
    assert not re.search(r"%[yz]mm", code)
    assert str(Path.home()).encode() not in Path(library).read_bytes()


def test_the_sbom_is_valid_and_lists_the_wheels(wheelhouse):
    # in here, because its import takes seconds, in every process that collects tests
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (wheelhouse / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    sbom = json.loads(text)
    components = [sbom["metadata"]["component"], *sbom["components"]]
    listed = {entry["name"]: (entry["version"], entry["hashes"][0]["content"]) for entry in components}
    assert listed == requirements(wheelhouse)
    assert len(components) == len(listed)
    assert all(entry["licenses"] for entry in components)
    assert listed["hnswlib"][0].startswith("0.8.")


def test_every_licence_is_known_and_its_text_there(wheelhouse):
    rows = re.findall(
        r"^\| (\S+) \| (\S+) \| (.+?) \| (\d+) \|$", (wheelhouse / "LICENSES.md").read_text(), re.MULTILINE
    )
    assert {name: version for name, version, _, _ in rows} == {
        name: version for name, (version, _) in requirements(wheelhouse).items()
    }
    for name, _, licence, texts in rows:
        assert "UNKNOWN" not in licence
        assert len(list((wheelhouse / "licenses" / name).iterdir())) == int(texts) > 0
    assert {name: licence for name, _, licence, _ in rows}["hnswlib"].startswith("Apache-2.0 ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing(tmp_path, number):
    command = [sys.executable, str(SCRIPT), str(tmp_path / "wheelhouse")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("== compile")
        process.send_signal(number)
        _, said = process.communicate()
    assert (process.returncode, said) == (130, "wheelhouse: interrupted; nothing half-written is left\n")
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_folder_is_never_replaced(tmp_path):
    (tmp_path / "photo.png").touch()
    done = run([sys.executable, SCRIPT, tmp_path])
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]
