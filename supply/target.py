"""Target: the kind of PC that a wheelhouse is made for, this one or another."""

import dataclasses
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping

from goodpart.errors import UsageError

MACHINES = ("x86_64", "aarch64")
"""What `uname -m` prints on the PCs that wheelhouses are made for."""

STATION_PYTHON = (3, 11)
"""The oldest Python of goodpart-station; its pyproject.toml says the same."""

# from the newest to the oldest glibc; PCs with an older one than 2.28 have no Python that goodpart runs with
_GLIBC_TAGS = (*(f"manylinux_2_{minor}" for minor in range(28, 16, -1)), "manylinux2014", "linux")


@dataclasses.dataclass(frozen=True)
class Target:
    """A kind of PC with the Python version that runs here.

    Attributes:
        machine: what `uname -m` prints there, one of `MACHINES`.
    """

    machine: str

    @property
    def is_this_kind(self) -> bool:
        """Whether the wheels run on this machine."""
        return self.machine == platform.machine()

    @property
    def python(self) -> str:
        """Its Python, for example "3.11"."""
        return ".".join(platform.python_version_tuple()[:2])

    @property
    def has_station(self) -> bool:
        """Whether goodpart-station runs with its Python."""
        return sys.version_info >= STATION_PYTHON

    @property
    def pip_options(self) -> list[str]:
        """What pip must be told to choose wheels for it; nothing for this kind of machine."""
        if self.is_this_kind:
            return []
        abi = f"cp{self.python.replace('.', '')}"
        tags = [f"--platform={tag}_{self.machine}" for tag in _GLIBC_TAGS]
        return [*tags, f"--python-version={self.python}", "--implementation=cp", f"--abi={abi}", "--abi=abi3",
                "--abi=none", "--only-binary=:all:"]  # fmt: skip

    @property
    def wheel_options(self) -> list[str]:
        """What pip must be told to name a wheel that is compiled for it."""
        return [] if self.is_this_kind else [f"--config-settings=--build-option=--plat-name=linux_{self.machine}"]

    def compiler(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The variables that make setuptools compile C++ for any PC of this kind.

        Args:
            environment: of this process; its CXX names the cross compiler, if it has one.

        Raises:
            UsageError: the machine is another, and the compiler is missing or makes code for another machine.
        """
        # All flags are set here, so that the user's own (such as -march=native) and paths of this machine have no
        # effect.
        flags = {
            **environment,
            "HNSWLIB_NO_NATIVE": "1",
            "CFLAGS": "",
            "CPPFLAGS": "",
            "CXXFLAGS": "-DNDEBUG -fwrapv -g0",
            "LDFLAGS": "-s",
        }
        if self.is_this_kind:
            return flags
        compiler = environment.get("CXX", f"{self.machine}-linux-gnu-g++")
        if shutil.which(shlex.split(compiler)[0]) is None:
            raise UsageError(
                f"--platform {self.machine}: expected the compiler {compiler}, found none; install it (Debian: apt "
                f"install g++-{self.machine.replace('_', '-')}-linux-gnu) or name another with CXX"
            )
        # a CXX that is set for this machine would give a library that no PC of the other kind loads
        asked = subprocess.run([*shlex.split(compiler), "-dumpmachine"], capture_output=True, text=True, check=False)
        if not asked.stdout.startswith(f"{self.machine}-"):
            raise UsageError(
                f"--platform {self.machine}: expected a compiler for it, found {compiler} for "
                f"{asked.stdout.strip() or 'an unknown machine'}; unset CXX or name the cross compiler with it"
            )
        suffix = str(sysconfig.get_config_var("EXT_SUFFIX")).replace(platform.machine(), self.machine)
        linker = f"{compiler} -shared"
        # setuptools takes the name of the library's file from the Python that runs here, unless told
        return flags | {
            "CC": f"{compiler} -fPIC",
            "CXX": f"{compiler} -fPIC",
            "LDSHARED": linker,
            "LDCXXSHARED": linker,
            "SETUPTOOLS_EXT_SUFFIX": suffix,
        }
