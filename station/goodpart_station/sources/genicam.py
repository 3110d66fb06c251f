"""GenICam cameras through harvesters and their maker's GenTL producer, which runs in a process of its own.

The bindings hold Python's lock while they wait for a frame or for an answer over the network: in the station's own
process the judge, the deadlines and the heartbeat would wait with them.
"""

import importlib.util
import platform
import struct
from pathlib import Path

from goodpart.errors import MissingExtraError, UsageError, found_at
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_setup import CameraSetup
from goodpart_station.sources.device_process import ProcessDevice
from goodpart_station.sources.source import SourceLostError

_CHILD = "goodpart_station.sources.genicam_child"

_MACHINES = {"x86_64": 62, "aarch64": 183}
"""The number of a processor in ELF files."""


def genicam_source(producer: Path, device: str | None, setup: CameraSetup) -> CameraSource:
    """A GenICam camera as a source.

    Args:
        producer: the maker's GenTL producer, a .cti file.
        device: serial number or user name of the camera, None for the only one.
        setup: what the station's file asks of it.

    Raises:
        MissingExtraError: harvesters or genicam is not installed.
    """
    for library in ("harvesters", "genicam"):
        if importlib.util.find_spec(library) is None:
            raise MissingExtraError(
                f'[source] of kind "genicam" needs {library}, which is not installed; install the extra '
                f"goodpart-station[genicam]: pip install './station[genicam]' in a clone of goodpart"
            )

    def open_device() -> ProcessDevice:
        try:
            refuse_producer(producer)
        except UsageError as error:
            raise SourceLostError(str(error)) from error
        return ProcessDevice(_CHILD, [str(producer)], device=device)

    return CameraSource(open_device, setup)


def refuse_producer(path: Path) -> None:
    """Refuses a file that can be no GenTL producer for this PC.

    Raises:
        UsageError: it is not there, or no shared library for this processor. The message begins with "producer".
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"producer: expected a GenTL producer (.cti) at {path}, found {found_at(path)} ({error.strerror}); install "
            f"the software of the camera's maker, or correct the path"
        ) from error
    # any other library crashes the process that loads it as a producer
    if content[:4] != b"\x7fELF" or b"GCInitLib" not in content:
        raise UsageError(
            f"producer: expected a GenTL producer for Linux at {path}, found another file; take the .cti file of the "
            f"camera's maker"
        )
    (machine,) = struct.unpack("<H", content[18:20])
    if machine != _MACHINES.get(platform.machine(), machine):
        raise UsageError(
            f"producer: expected a GenTL producer for {platform.machine()} at {path}, found one for another processor; "
            f"install the maker's software for this PC"
        )
