"""Wheelhouses that tests look into: made by the test itself, or beforehand by `.ci/run` while pip works.

    python tests/wheelhouses.py FOLDER MACHINE...

makes FOLDER/MACHINE/wheelhouse for each machine. With `GOODPART_WHEELHOUSES=FOLDER` tests take them from there. Both
ways run `make_wheelhouse`. Nothing here needs more than the environment that `make wheelhouse` makes.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "supply" / "wheelhouse.py"
VARIABLE = "GOODPART_WHEELHOUSES"

# onnxruntime 1.32 crashes at import under QEMU 7.2, with every CPU that it knows; 1.23.2 runs
CONSTRAINTS = {"aarch64": "onnxruntime==1.23.2\n"}


def make_wheelhouse(machine: str, folder: Path) -> Path:
    """Makes `folder`/MACHINE/wheelhouse with the Python that runs here, and says which commit it comes from.

    Raises:
        AssertionError: the script failed, or left something beside the wheelhouse.
    """
    out = folder / machine / "wheelhouse"
    out.parent.mkdir(parents=True)
    constraints = folder / f"{machine}.constraints.txt"
    constraints.write_text(CONSTRAINTS.get(machine, ""))
    # flags for this very CPU, as a user may have set: none of them may get into the wheel
    flags = {"CFLAGS": "-march=native", "CXXFLAGS": "-march=native", "PIP_CONSTRAINT": str(constraints)}
    command = [sys.executable, str(SCRIPT), str(out), "--platform", machine]
    done = subprocess.run(command, env={**os.environ, **flags}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in out.parent.iterdir()] == ["wheelhouse"]
    (folder / f"{machine}.commit").write_text(this_commit())
    return out


def wheelhouse_for(machine: str, folder: Path) -> Path:
    """The wheelhouse for a machine: the given one, or a new one in `folder`.

    Raises:
        AssertionError: the given one is missing, or was made from other sources.
    """
    if VARIABLE not in os.environ:
        return make_wheelhouse(machine, folder)
    given = Path(os.environ[VARIABLE])
    out = given / machine / "wheelhouse"
    assert (out / "SHA256SUMS").is_file(), f"{VARIABLE}: expected a wheelhouse in {out}, found none"
    made_from = (given / f"{machine}.commit").read_text()
    assert made_from == this_commit(), f"{VARIABLE}: expected one of the commit {this_commit()}, found {made_from}"
    assert (out / "install.sh").read_bytes() == (SCRIPT.parent / "install.sh").read_bytes()
    for wheel, found in sources().items():
        assert packed_sources(out, wheel) == found, f"{VARIABLE}: expected {wheel} of this checkout, found another"
    return out


def sources() -> dict[str, dict[str, bytes]]:
    """The Python files of each of our wheels by name, as this checkout has them."""
    folders = {"goodpart": "runtime", "goodpart_station": "station"}
    if sys.version_info < (3, 11):
        del folders["goodpart_station"]
    return {
        package: {
            path.relative_to(ROOT / folder).as_posix(): path.read_bytes()
            for path in (ROOT / folder / package).rglob("*.py")
        }
        for package, folder in folders.items()
    }


def packed_sources(wheelhouse: Path, package: str) -> dict[str, bytes]:
    """The Python files of one of our wheels by name, as the wheelhouse has them."""
    with zipfile.ZipFile(next((wheelhouse / "wheels").glob(f"{package}-*.whl"))) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".py")}


def this_commit() -> str:
    """The commit that is checked out; nothing where there is no git."""
    found = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip()


if __name__ == "__main__":
    for _machine in sys.argv[2:]:
        make_wheelhouse(_machine, Path(sys.argv[1]).absolute())
