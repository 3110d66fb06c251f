"""An ARM64 PC without ARM64 hardware: Debian's Python in a folder, run by QEMU in namespaces of its own.

The kernel hands ARM64 programs to QEMU (binfmt_misc) inside a user namespace alone, so that nothing on this machine
changes, and nothing but the packages `qemu-user-static` and, for compiling, `g++-aarch64-linux-gnu` is installed.
"""

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

QEMU = "qemu-aarch64-static"
PACKAGES = ("python3.11", "libstdc++6", "dash", "coreutils", "grep", "sed", "findutils")

# the first 20 bytes of an ARM64 program and which of their bits count, as QEMU's own qemu-binfmt-conf.sh has them
_MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


def missing_tools() -> list[str]:
    """What this machine lacks."""
    return [tool for tool in (QEMU, "unshare", "apt-get", "dpkg") if shutil.which(tool) is None]


def make_pc(folder: Path) -> Path:
    """Unpacks Debian's ARM64 packages into `folder/root`, with state of apt's own beside it; returns the root."""
    state, cache, root = folder / "state", folder / "cache", folder / "root"
    for made in (state / "lists" / "partial", cache / "archives" / "partial", root):
        made.mkdir(parents=True)
    (state / "status").touch()
    settings = {
        "APT::Architecture": "arm64", "APT::Architectures": "arm64", "APT::Sandbox::User": "root",
        "Dir::State": state, "Dir::State::status": state / "status", "Dir::Cache": cache, "Debug::NoLocking": 1,
    }  # fmt: skip
    apt = ["apt-get", "--quiet", *(f"--option={name}={value}" for name, value in settings.items())]
    _run([*apt, "update"])
    _run([*apt, "install", "--yes", "--download-only", "--no-install-recommends", *PACKAGES])
    for package in sorted((cache / "archives").glob("*.deb")):
        _run(["dpkg", "--extract", str(package), str(root)])
    return root


def run_on_pc(root: Path, mounts: Mapping[str, Path], *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command on the PC, which has no network.

    Args:
        root: of `make_pc`.
        mounts: folders of this machine, by the absolute path that they have there.
        command: what to run there.
    """
    places = {**{place: Path(place) for place in ("/proc", "/sys", "/dev")}, **mounts}
    binds = []
    for place, given in places.items():
        there = root / place[1:]
        there.mkdir(parents=True, exist_ok=True)
        binds.append(f"mount --rbind {shlex.quote(str(given))} {shlex.quote(str(there))}")
    handler = f":goodpart-arm64:M::{_MAGIC}:{_MASK}:{shutil.which(QEMU)}:F"
    (root / "tmp").mkdir(exist_ok=True)
    script = "\n".join(
        [
            "set -e",
            # this namespace's own handlers
            "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc",
            f"printf %s {shlex.quote(handler)} > /proc/sys/fs/binfmt_misc/register",
            *binds,
            f"exec chroot {shlex.quote(str(root))} {shlex.join(command)}",
        ]
    )
    unshare = ["unshare", "--map-root-user", "--mount", "--net", "--", "sh", "-c", script]
    return subprocess.run(unshare, capture_output=True, text=True, check=False)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"
