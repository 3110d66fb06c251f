"""`install.sh` runs nothing that the list does not name. The wheelhouses here hold a pip that only says that it ran."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SUPPLY = Path(__file__).parents[2] / "supply"

_PIP = """
import pathlib, sys
pathlib.Path({ran!r}).write_text({version!r})
for name in ("goodpart", "goodpart-station"):
    program = pathlib.Path(sys.prefix, "bin", name)
    program.write_text(f"#!/bin/sh\\necho {{name}} 1.0\\n")
    program.chmod(0o755)
"""


def write_pip(folder: Path, version: str, ran: Path) -> Path:
    wheel = folder / "wheels" / f"pip-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pip/__main__.py", _PIP.format(ran=str(ran), version=version))
    return wheel


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_list(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    (folder / "SHA256SUMS").write_text("".join(f"{sha256(path)}  {path.relative_to(folder)}\n" for path in files))


@pytest.fixture
def ran(tmp_path):
    """The file into which a pip writes its version when it runs."""
    return tmp_path / "ran"


@pytest.fixture
def wheelhouse(tmp_path, ran):
    folder = tmp_path / "wheelhouse"
    (folder / "wheels").mkdir(parents=True)
    shutil.copy(SUPPLY / "install.sh", folder)
    python = ".".join(platform.python_version_tuple()[:2])
    (folder / "built-for").write_text(f"python={python}\nmachine={platform.machine()}\nglibc_minor=0\n")
    wheel = write_pip(folder, "25.1", ran)
    for name in ("requirements.txt", "requirements-slim.txt", "requirements-station.txt"):
        (folder / name).write_text(
            f"packaging==1.0 --hash=sha256:{'0' * 64}\npip==25.1 --hash=sha256:{sha256(wheel)}\n"
        )
    write_list(folder)
    return folder


def install(wheelhouse, tmp_path, *options):
    command = ["sh", str(wheelhouse / "install.sh"), *options, str(tmp_path / "goodpart")]
    environment = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def refused(wheelhouse, tmp_path, ran, *words, options=()):
    done = install(wheelhouse, tmp_path, *options)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.strip().isprintable()
    for word in words:
        assert word in done.stderr
    assert not ran.exists()
    assert not (tmp_path / "goodpart").exists()


@pytest.mark.parametrize("options", [(), ("--slim",), ("--station",)])
def test_the_pip_of_the_requirements_runs(wheelhouse, tmp_path, ran, options):
    done = install(wheelhouse, tmp_path, *options)
    assert done.returncode == 0, done.stderr
    assert ran.read_text() == "25.1"
    assert (
        ("goodpart-station 1.0" in done.stdout)
        == ("goodpart-station --help" in done.stdout)
        == bool("--station" in options)
    )


def test_without_the_station_in_it_the_older_python_is_named(wheelhouse, tmp_path, ran):
    """A wheelhouse that was made with Python 3.10."""
    (wheelhouse / "requirements-station.txt").unlink()
    write_list(wheelhouse)
    refused(wheelhouse, tmp_path, ran, "goodpart-station", "Python 3.11 or later", options=("--station",))
    assert install(wheelhouse, tmp_path).returncode == 0


def test_a_pc_with_an_older_python_is_told_what_the_station_needs(wheelhouse, tmp_path, ran):
    (wheelhouse / "built-for").write_text(f"python=3.99\nmachine={platform.machine()}\nglibc_minor=0\n")
    write_list(wheelhouse)
    words = ("expected Python 3.99", "found 3.", "goodpart-station needs Python 3.11 or later")
    refused(wheelhouse, tmp_path, ran, *words, options=("--station",))


@pytest.mark.parametrize("options", [("--slim", "--station"), ("--other",), ("--station", "one", "two")])
def test_other_options_are_refused(wheelhouse, tmp_path, ran, options):
    refused(wheelhouse, tmp_path, ran, "expected: sh install.sh [--slim|--station] FOLDER", options=options)


def test_an_added_pip_is_refused(wheelhouse, tmp_path, ran):
    write_pip(wheelhouse, "99", ran)
    refused(wheelhouse, tmp_path, ran, "files of SHA256SUMS alone", "wheels/pip-99-py3-none-any.whl as well")


def test_an_added_pip_that_is_listed_does_not_run(wheelhouse, tmp_path, ran):
    """Whoever can change the list can change everything; but the name comes from the requirements, not from a glob."""
    write_pip(wheelhouse, "99", ran)
    write_list(wheelhouse)
    assert install(wheelhouse, tmp_path).returncode == 0
    assert ran.read_text() == "25.1"


def test_another_pip_of_the_same_name_is_refused(wheelhouse, tmp_path, ran):
    with zipfile.ZipFile(wheelhouse / "wheels" / "pip-25.1-py3-none-any.whl", "a") as archive:
        archive.writestr("more", "")
    write_list(wheelhouse)
    refused(wheelhouse, tmp_path, ran, "the pip wheel of requirements.txt")


def test_requirements_without_pip(wheelhouse, tmp_path, ran):
    (wheelhouse / "requirements.txt").write_text("")
    write_list(wheelhouse)
    refused(wheelhouse, tmp_path, ran, "the pip wheel of requirements.txt")


@pytest.mark.parametrize("name", ["note.txt", "wheels/numpy-99.whl", ".hidden", "licenses/x/y", "a\x1b[31m\nb"])
def test_an_unlisted_file_is_refused(wheelhouse, tmp_path, ran, name):
    (wheelhouse / name).parent.mkdir(parents=True, exist_ok=True)
    (wheelhouse / name).write_text("")
    refused(wheelhouse, tmp_path, ran, "files of SHA256SUMS alone")


def test_a_name_that_reads_as_two_listed_ones(wheelhouse, tmp_path, ran):
    (wheelhouse / "built-for\nrequirements.txt").write_text("")
    refused(wheelhouse, tmp_path, ran, "files of SHA256SUMS alone")


def test_a_link_is_refused(wheelhouse, tmp_path, ran):
    shutil.move(wheelhouse / "built-for", tmp_path / "built-for")
    (wheelhouse / "built-for").symlink_to(tmp_path / "built-for")
    refused(wheelhouse, tmp_path, ran, "expected plain files", "built-for")


@pytest.mark.parametrize("line", ["# a remark", "x  built-for", f"{'0' * 64}  ../outside", f"{'0' * 64} *built-for"])
def test_a_list_with_other_lines_is_refused(wheelhouse, tmp_path, ran, line):
    with (wheelhouse / "SHA256SUMS").open("a") as file:
        file.write(f"{line}\n")
    refused(wheelhouse, tmp_path, ran)


def test_a_forged_script_is_found_before_it_runs(wheelhouse, tmp_path):
    """As docs/wheelhouse.md says it: the check of the list comes first, and does not come from the stick."""
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=wheelhouse, check=False, capture_output=True).returncode == 0
    (wheelhouse / "install.sh").write_text("#!/bin/sh\n")
    found = subprocess.run(check, cwd=wheelhouse, check=False, capture_output=True, text=True)
    assert found.returncode == 1
    assert "install.sh: FAILED" in found.stdout


def test_the_list_may_be_signed_beside_it(wheelhouse, tmp_path, ran):
    if shutil.which("openssl") is None:
        pytest.skip("this system has no openssl")
    key, public = tmp_path / "line.key", tmp_path / "line.key.pub"
    made = pytest.importorskip("goodpart_bank_builder.cli.main").main(["keygen", str(key)])
    assert made == 0
    files = ["-rawin", "-in", "SHA256SUMS"]
    sign = ["openssl", "pkeyutl", "-sign", "-inkey", str(key), *files, "-out", "SHA256SUMS.sig"]
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), *files, "-sigfile", "SHA256SUMS.sig"]
    subprocess.run(sign, cwd=wheelhouse, check=True, capture_output=True)
    assert subprocess.run(verify, cwd=wheelhouse, check=False, capture_output=True).returncode == 0
    assert install(wheelhouse, tmp_path).returncode == 0
    assert ran.read_text() == "25.1"
    write_pip(wheelhouse, "99", ran)
    write_list(wheelhouse)
    assert subprocess.run(verify, cwd=wheelhouse, check=False, capture_output=True).returncode == 1


def test_the_station_and_its_wheelhouse_need_the_same_python():
    station = (SUPPLY.parent / "station" / "pyproject.toml").read_text()
    found = re.search(r'requires-python = ">=3\.(\d+)"', station)
    assert found is not None
    assert f"STATION_PYTHON = (3, {found[1]})" in (SUPPLY / "target.py").read_text()
    assert f"needs Python 3.{found[1]} or later" in (SUPPLY / "install.sh").read_text()


def test_the_wheelhouse_carries_every_extra_of_the_station():
    station = (SUPPLY.parent / "station" / "pyproject.toml").read_text()
    extras = re.findall(
        r"^(\w+) = \[", station.split("[project.optional-dependencies]")[1].split("\n[")[0], re.MULTILINE
    )
    text = (SUPPLY / "wheelhouse.py").read_text()
    always = re.search(r'STATION_EXTRAS = "([\w,]+)"', text)[1].split(",")
    asked = re.findall(r'"(\w+)"', re.search(r"ASKED_EXTRAS = \((.+)\)", text)[1])
    assert sorted(always + asked) == sorted(extras)
