"""Aravis, the library for GigE Vision cameras, through `gi`. Both are Debian packages; PyPI has no wheel of them."""

import dataclasses
import importlib
import importlib.machinery
import importlib.util
import ipaddress
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goodpart.errors import MissingExtraError
from goodpart_station.sources.source import SourceLostError

PACKAGES = "apt install python3-gi gir1.2-aravis-0.8"
"""What brings the library."""

_GI = "gi"

_DEBIAN = Path("/usr/lib/python3/dist-packages")
"""Where Debian and Ubuntu put `gi`."""

_VERSION = "0.8"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A camera that answers on the network, or on a USB port.

    Attributes:
        id: by which Aravis opens it, such as "Basler-21234567".
        serial: its serial number.
        address: its IP address, or "" on USB.
        physical: its MAC address, or its place on USB.
    """

    id: str
    serial: str
    address: str
    physical: str

    def __str__(self) -> str:
        return f"{self.id} ({self.address})" if self.address else self.id


def load() -> Any:
    """The module `Aravis`.

    A virtual environment does not see Debian's packages, and should not: pip would take them for its own. So `gi`
    alone is taken from their folder, unless the environment has one of its own. Nothing else of it can be imported.

    Raises:
        MissingExtraError: `gi` or Aravis is not installed, or `gi` is for another version of Python.
    """
    with warnings.catch_warnings():
        # gi's importer is of the kind that Python 3.12 gave up
        warnings.simplefilter("ignore", ImportWarning)
        try:
            gi = _gi(_DEBIAN)
            gi.require_version("Aravis", _VERSION)
            return importlib.import_module("gi.repository.Aravis")
        except (ImportError, ValueError) as error:
            raise MissingExtraError(_missing(error, _DEBIAN)) from error


def glib_error() -> Any:
    """The class of the library's errors, which have `message`, `domain` and `code`. Only after `load`."""
    return importlib.import_module("gi.repository.GLib").Error


def _gi(folder: Path) -> Any:
    try:
        return importlib.import_module(_GI)
    except ModuleNotFoundError:
        spec = importlib.machinery.PathFinder.find_spec(_GI, [str(folder)])
        if spec is None or spec.loader is None:
            raise
    module = importlib.util.module_from_spec(spec)
    sys.modules[_GI] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_GI]
        raise
    return module


def _missing(error: Exception, folder: Path) -> str:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    built = next((folder / _GI).glob("_gi.cpython-*.so"), None)
    if built is not None and f"cpython-{here.replace('.', '')}-" not in built.name:
        return (
            f'source kind "aravis": expected python3-gi for Python {here}, found {built.name}; make the environment '
            f"with the system's Python: /usr/bin/python3 -m venv"
        )
    return f'source kind "aravis" needs the library Aravis, which is not installed ({error}); {PACKAGES}'


def choose(aravis: Any, wanted: str | None) -> str:
    """By which name Aravis opens the camera. Looking for cameras takes a second; an address is not looked for.

    Args:
        aravis: the module.
        wanted: an IP address, or a serial number or another name of the camera; None for the only one there is.

    Raises:
        SourceLostError: there is none, or more than one.
    """
    if wanted is not None and _is_address(wanted):
        return wanted
    return only(cameras(aravis), wanted)


def cameras(aravis: Any) -> list[Found]:
    """The cameras that answer within a second."""
    aravis.update_device_list()
    return [
        Found(
            id=aravis.get_device_id(number),
            serial=aravis.get_device_serial_nbr(number) or "",
            address=(aravis.get_device_address(number) or "") if _is_gige(aravis, number) else "",
            physical=aravis.get_device_physical_id(number) or "",
        )
        for number in range(aravis.get_n_devices())
    ]


def only(there: Sequence[Found], wanted: str | None) -> str:
    """The name of the camera that is meant; a name that no list shows, such as the user's own, is returned as it is.

    Raises:
        SourceLostError: no name is given, and there is not exactly one camera; or several have this name.
    """
    fitting = [each for each in there if wanted is None or wanted in (each.id, each.serial, each.physical)]
    if len(fitting) == 1:
        return fitting[0].id
    if wanted is None:
        advice = "name one by its serial number in the key device" if there else "look at its power, cable and address"
        raise SourceLostError(f"camera: expected one alone, found {shown(there)}; {advice}")
    if fitting:
        raise SourceLostError(
            f"camera {wanted}: expected one of this name, found {shown(fitting)}; name it by its IP address"
        )
    return wanted


def shown(there: Sequence[Found]) -> str:
    """Cameras in words."""
    return ", ".join(map(str, there)) or "none"


def _is_gige(aravis: Any, number: int) -> bool:
    return bool(aravis.get_device_protocol(number) == "GigEVision")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
