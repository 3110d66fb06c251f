"""Make a wheelhouse: one folder with everything that an air-gapped PC needs to run goodpart.

OUT/install.sh                checks the folder and installs from it
OUT/wheels/                   goodpart, goodpart-station, their dependencies, and pip itself
OUT/requirements.txt          versions and sha256 for goodpart; requirements-slim.txt leaves out its extras, and
                              requirements-station.txt adds the station (only for Python 3.11 or later)
OUT/built-for                 the Python, machine and C library that the wheels need
OUT/sbom.cdx.json             its content, as CycloneDX
OUT/LICENSES.md, licenses/    the licences, and their texts
OUT/SHA256SUMS                the sha256 of every file
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import requires
from pathlib import Path

from goodpart._host.atomic import staged_folder
from goodpart.cli.common import add_common_options, run
from goodpart.errors import UsageError
from papers import Wheel, write_licences, write_sbom
from target import MACHINES, STATION_PYTHON, Target

ROOT = Path(__file__).resolve().parents[1]
SUMS = "SHA256SUMS"
OWN_FILES = re.compile(
    rf"install\.sh|requirements(-slim|-station)?\.txt|built-for|sbom\.cdx\.json|LICENSES\.md|{SUMS}|wheels/[^/]+\.whl|licenses/.+"
)
EXTRAS = "images,signing"
STATION_EXTRAS = "modbus,mqtt,web,opcua,gpio"
ASKED_EXTRAS = ("stream", "genicam")
"""Extras of the station that come only when they are asked for, because of their licences (docs/wheelhouse.md)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Makes the wheelhouse; returns the exit code."""
    parser = argparse.ArgumentParser(prog="wheelhouse", description="Make a wheelhouse for air-gapped PCs.")
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder; an older wheelhouse there is replaced")
    parser.add_argument(
        "--platform",
        choices=MACHINES,
        default=platform.machine(),
        help="what `uname -m` prints on these PCs, which have the Python version of this one (default: %(default)s)",
    )
    parser.add_argument(
        "--station-extra",
        action="append",
        choices=ASKED_EXTRAS,
        default=[],
        metavar="EXTRA",
        help=f"another extra of goodpart-station ({', '.join(ASKED_EXTRAS)}): read its licence first; repeatable",
    )
    add_common_options(parser)
    return run(_make, parser, argv)


def _make(options: argparse.Namespace) -> int:
    target = Target(options.platform)
    extras = _station_extras(target, options.station_extra)
    with staged_folder(options.out, force=True, mark=SUMS, own=OWN_FILES) as staging:
        # inside the staged folder, so that it is removed with it whatever happens
        scratch = staging / "scratch"
        scratch.mkdir()
        environment = {**os.environ, "TMPDIR": str(scratch), "SOURCE_DATE_EPOCH": _commit_time()}
        _collect(target, staging / "wheels", scratch, environment, extras)

        _say("resolve: versions and sha256 of what each kind of PC installs")
        wheels = _resolve(target, staging, [f"goodpart[{EXTRAS}]"], "requirements.txt", scratch)
        _resolve(target, staging, ["goodpart"], "requirements-slim.txt", scratch)
        everything = "requirements.txt"
        if target.has_station:
            everything = "requirements-station.txt"
            wanted = [f"goodpart[{EXTRAS}]", f"goodpart-station[{extras}]"]
            wheels = _resolve(target, staging, wanted, everything, scratch)
        (staging / "built-for").write_text(_built_for(target, wheels), encoding="ascii")
        shutil.copy(ROOT / "supply" / "install.sh", staging)

        _say("describe: install the wheels, list packages and licences")
        python = _install(target, staging, wheels, everything, scratch)
        licences = write_licences(staging, wheels, _licences(python), apache=ROOT / "LICENSE")
        write_sbom(staging / "sbom.cdx.json", wheels, _sbom(python, scratch, environment), licences)

        shutil.rmtree(scratch)
        size_bytes = _write_sums(staging)
        digest = _sha256(staging / SUMS)
    _say(f"done: {options.out}, {len(wheels)} wheels, {size_bytes / 1e6:.0f} MB, sha256 of its {SUMS}:")
    print(digest)
    return 0


def _station_extras(target: Target, asked: Sequence[str]) -> str:
    """What the station brings along.

    Raises:
        UsageError: an extra is asked for, and there is no station for this Python.
    """
    if asked and not target.has_station:
        raise UsageError(
            f"--station-extra {asked[0]}: expected Python 3.{STATION_PYTHON[1]} or later, which the station needs, "
            f"found {target.python}; make the wheelhouse with a later one"
        )
    return ",".join((STATION_EXTRAS, *dict.fromkeys(asked)))


def _collect(target: Target, wheels: Path, scratch: Path, environment: Mapping[str, str], station_extras: str) -> None:
    """Compiles hnswlib for any machine of the target's kind, builds our own wheels, and fetches all others."""
    portable = target.compiler(environment)
    _say(f"compile: hnswlib for any {target.machine}, half a minute")
    hnswlib = next(line for line in requires("goodpart") or [] if line.startswith("hnswlib"))
    compiled = scratch / "compiled"
    # no cache, because a wheel that pip once compiled for this CPU looks like any other wheel
    _pip(
        *("wheel", "--no-cache-dir", "--no-deps", "--no-binary=hnswlib", f"--wheel-dir={compiled}"),
        *(*target.wheel_options, hnswlib),
        env=portable,
    )

    _say("fetch: wheels of goodpart, its dependencies and its extras")
    own = [("runtime", "goodpart-*.whl", EXTRAS)]
    if target.has_station:
        own.append(("station", "goodpart_station-*.whl", station_extras))
    _pip(
        *("wheel", "--no-deps", f"--wheel-dir={compiled}"),
        *(str(ROOT / folder) for folder, _, _ in own),
        env=environment,
    )
    # everything else is fetched as a wheel, because code compiled here might run on this machine only
    _pip(
        *("download", "--only-binary=:all:", f"--dest={wheels}", f"--find-links={compiled}", *target.pip_options),
        *(f"{next(compiled.glob(wheel))}[{extras}]" for _, wheel, extras in own),
        *(*map(str, compiled.glob("hnswlib-*")), "pip"),
        env=environment,
    )


def _resolve(target: Target, staging: Path, wanted: Sequence[str], requirements: str, scratch: Path) -> list[Wheel]:
    """Writes a requirements file with version and sha256 of `wanted`, its dependencies and pip."""
    report = scratch / "report.json"
    _pip(
        *("install", "--dry-run", "--ignore-installed", "--no-index", f"--find-links={staging / 'wheels'}"),
        *(f"--report={report}", *target.pip_options, *wanted, "pip"),
        env=os.environ,
    )
    wheels = []
    for item in json.loads(report.read_bytes())["install"]:
        path = staging / "wheels" / item["download_info"]["url"].rpartition("/")[2]
        wheels.append(Wheel(item["metadata"]["name"], item["metadata"]["version"], path, _sha256(path)))
    wheels.sort(key=lambda wheel: wheel.name.lower())
    lines = [f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels]
    (staging / requirements).write_text("".join(lines), encoding="ascii")
    return wheels


def _built_for(target: Target, wheels: Sequence[Wheel]) -> str:
    """The facts that install.sh compares with the PC, as shell assignments."""
    glibc_minor = max(_glibc_minor(wheel.path) for wheel in wheels)
    return f"python={target.python}\nmachine={target.machine}\nglibc_minor={glibc_minor}\n"


def _glibc_minor(wheel: Path) -> int:
    """The x of the oldest glibc 2.x that a wheel runs with, from its name or the symbols of its libraries."""
    if named := re.findall(r"manylinux_2_(\d+)", wheel.name):
        return min(map(int, named))
    with zipfile.ZipFile(wheel) as archive:
        libraries = [archive.read(name) for name in archive.namelist() if ".so" in name]
    return max((int(minor) for library in libraries for minor in re.findall(rb"GLIBC_2\.(\d+)", library)), default=0)


def _install(target: Target, staging: Path, wheels: Sequence[Wheel], requirements: str, scratch: Path) -> Path:
    """Installs the wheels into an environment as install.sh does; returns its Python, which can list them."""
    python = scratch / "venv" / "bin" / "python"
    # pip puts wheels for another machine into a named folder only
    packages = scratch / "venv" / "lib" / f"python{target.python}" / "site-packages"
    place = [] if target.is_this_kind else [f"--target={packages}", *target.pip_options]
    _run([sys.executable, "-m", "venv", "--without-pip", str(scratch / "venv")])
    pip = next(wheel.path for wheel in wheels if wheel.name == "pip")
    _run(
        [
            *(str(python), "-I", f"{pip}/pip", "install", "--quiet", "--no-compile", "--no-index", "--require-hashes"),
            *(f"--find-links={staging / 'wheels'}", f"--requirement={staging / requirements}"),
            *place,
        ]
    )
    return python


def _licences(python: Path) -> str:
    return _run([sys.executable, "-m", "piplicenses", f"--python={python}", "--with-system", "--format=json"])


def _sbom(python: Path, scratch: Path, environment: Mapping[str, str]) -> str:
    out = scratch / "sbom.json"
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--output-format=JSON"]
    options = [f"--pyproject={ROOT / 'runtime' / 'pyproject.toml'}", f"--output-file={out}", str(python)]
    _run([*command, *options], env=environment)
    return out.read_text(encoding="utf-8")


def _write_sums(staging: Path) -> int:
    """Writes SHA256SUMS; returns the size of the files it lists, in bytes."""
    files = sorted(path for path in staging.rglob("*") if path.is_file())
    lines = [f"{_sha256(path)}  {path.relative_to(staging).as_posix()}\n" for path in files]
    (staging / SUMS).write_text("".join(lines), encoding="utf-8")
    return sum(path.stat().st_size for path in files)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _commit_time() -> str:
    """Seconds since 1970 for all dates in files, so that the same commit and wheels give the same bytes."""
    git = shutil.which("git")
    if git is not None:
        command = [git, "-C", str(ROOT), "log", "-1", "--format=%ct"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.strip()
    return str(int(time.time()))


def _pip(*arguments: str, env: Mapping[str, str]) -> None:
    _run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments, "--quiet"], env=env)


def _run(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> str:
    """Runs a command to its end; returns what it printed to stdout.

    Raises:
        UsageError: the command failed; its output is on stderr.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as child:
        try:
            out, said = child.communicate()
        except BaseException:
            # kills its children as well, because a running compiler would write into the removed folder
            os.killpg(child.pid, signal.SIGKILL)
            raise
    if child.returncode != 0:
        print(out, said, sep="", file=sys.stderr)
        raise UsageError(f"{' '.join(command[:4])} ...: expected exit code 0, found {child.returncode}; see above")
    return out


def _say(text: str) -> None:
    print(f"== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
