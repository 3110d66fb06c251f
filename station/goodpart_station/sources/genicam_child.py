"""The process that talks to a GenICam camera through its maker's GenTL producer: `python -m THIS SOCKET PRODUCER`.

It answers one request after the other, and ends when the station closes the socket.
"""

import logging
import re
import signal
import socket
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from genicam import genapi, gentl
from harvesters.core import DeviceInfo, Harvester, ImageAcquirer
from harvesters.util.pfnc import symbolics

from goodpart_station.sources.device import FeatureError, Value, unknown_feature
from goodpart_station.sources.device_talk import receive, send
from goodpart_station.sources.image_files import NO_PIXELS
from goodpart_station.sources.pixels import picture_of
from goodpart_station.sources.source import SourceLostError

_BUFFERS = 8
"""How many frames the camera may be ahead. The library's own 3 lose frames of a quick camera (harvesters #131)."""

_PAYLOADS = (gentl.PAYLOADTYPE_INFO_IDS.PAYLOAD_TYPE_IMAGE, gentl.PAYLOADTYPE_INFO_IDS.PAYLOAD_TYPE_CHUNK_DATA)
"""Payloads that hold one picture."""

_HUNG_S = 30.0
"""The process ends when its library has not come back for so long: the station does not wait longer, or is gone."""

_NATIVE = (genapi.GenericException, gentl.GenericException)

_log = logging.getLogger(__name__)


class GenicamCamera:
    """One camera. What `Device` has, and `open`; a frame is a tuple that JSON can hold, and its pixels."""

    def __init__(self, producer: str) -> None:
        """Opens nothing yet.

        Args:
            producer: the path of the producer.
        """
        self._producer = producer
        self._acquirer: ImageAcquirer | None = None
        self._width: Any = None

    def open(self, device: str | None) -> tuple[str, str]:
        """Opens the camera; returns its model and serial number.

        Args:
            device: its serial number or user name, None for the only one.

        Raises:
            SourceLostError: the producer does not work here, the camera is not there, or another program holds it.
        """
        harvester = Harvester()
        harvester.add_file(self._producer)
        # #460: the list is made once, because making it again breaks cameras that are open
        harvester.update()
        if not harvester.has_revised_device_info_list or not harvester._systems:
            raise SourceLostError(
                f"producer: expected a GenTL producer at {self._producer}, found none that opens; take the .cti "
                f"file of the camera's maker, and install what the maker asks for"
            )
        info = _chosen(harvester.device_info_list, device)
        try:
            self._acquirer = acquirer = harvester.create(info)
        except _NATIVE as error:
            raise SourceLostError(
                f"device: expected to open {_words(info)}, found {_one_line(error)}; end the program that has it, and "
                f"see that this PC and the camera have addresses of one network"
            ) from error
        acquirer.num_buffers = _BUFFERS
        self._width = getattr(acquirer.remote_device.node_map, "Width", None)
        return _of(info, "model"), _of(info, "serial_number")

    def read(self, name: str) -> Value:
        """See `Device`."""
        node = self._node(name)
        try:
            value: Value = node.value
        except (*_NATIVE, AttributeError) as error:
            raise FeatureError(f"{name}: expected a value that can be read, found none ({_one_line(error)})") from error
        return value

    def write(self, name: str, value: Value) -> None:
        """See `Device`."""
        node = self._node(name)
        try:
            node.value = _fitting(node, name, value)
        except (*_NATIVE, AttributeError) as error:
            entries = f"; it takes {', '.join(node.symbolics)}" if isinstance(node, genapi.IEnumeration) else ""
            raise FeatureError(
                f"{name}: expected to write {value!r}, found that the camera refuses it ({_one_line(error)}){entries}"
            ) from error

    def execute(self, name: str) -> None:
        """See `Device`."""
        node = self._node(name)
        try:
            node.execute()
        except (*_NATIVE, AttributeError) as error:
            raise FeatureError(f"{name}: expected a command of the camera, found {_one_line(error)}") from error

    def start(self) -> None:
        """See `Device`."""
        self._opened.start()

    def stop(self) -> None:
        """See `Device`."""
        self._opened.stop()

    def fetch(self, timeout_s: float) -> tuple[tuple[Any, ...], npt.NDArray[Any]] | None:
        """See `Device`."""
        # harvesters' own fetch reads the wall clock, takes 0 as for ever (#348), and throws away what is incomplete
        monitor = next(iter(self._opened._new_buffer_event_monitor_dict.values()))
        try:
            monitor.update_event_data(round(timeout_s * 1000))
        except gentl.TimeoutException:
            return None
        buffer = monitor.buffer
        try:
            return _frame_of(buffer)
        finally:
            buffer.parent.queue_buffer(buffer)

    def alive(self) -> None:
        """See `Device`."""
        if self._width is not None:
            # not from the cache: the camera itself has to answer
            self._width.get_value(False, True)

    def close(self) -> None:
        """Gives the camera back."""
        if self._acquirer is not None:
            self._acquirer.destroy()

    @property
    def _opened(self) -> ImageAcquirer:
        if self._acquirer is None:
            raise SourceLostError("expected an open camera, found none")
        return self._acquirer

    def _node(self, name: str) -> Any:
        nodes = self._opened.remote_device.node_map
        if not nodes.has_node(name):
            known = (each.node.name for each in nodes.nodes if genapi.is_implemented(each.node))
            raise unknown_feature(name, known)
        return nodes.get_node(name)


def _chosen(infos: list[DeviceInfo], device: str | None) -> DeviceInfo:
    """The camera that the station's file means."""
    found = [info for info in infos if device is None or device in (_of(info, "serial_number"), _name(info))]
    # an id of the producer's own, for cameras that share a serial number
    found = found or [info for info in infos if device == _of(info, "id_")]
    if len(found) == 1:
        return found[0]
    there = ", ".join(_words(info) for info in infos) or "no camera"
    if device is None:
        raise SourceLostError(
            f"device: expected one camera, found {there}; name its serial number, or look at the cable"
        )
    raise SourceLostError(
        f"device: expected {device}, found {there}; write the serial number, which stands before the brackets, or look "
        f"at the camera's cable"
    )


def _name(info: DeviceInfo) -> str:
    return _of(info, "user_defined_name")


def _words(info: DeviceInfo) -> str:
    name = _name(info)
    return f"{_of(info, 'serial_number')} ({_of(info, 'model')}{f', {name}' if name else ''})"


def _of(info: DeviceInfo, fact: str) -> str:
    try:
        return str(getattr(info, fact) or "")
    except gentl.GenericException:
        # producers need not know all of them
        return ""


def _fitting(node: Any, name: str, value: Value) -> Value:
    """The value as the feature's own type."""
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    if isinstance(node, genapi.IBoolean) and isinstance(value, bool):
        return value
    if isinstance(node, genapi.IInteger) and whole:
        return int(value)
    if isinstance(node, genapi.IFloat) and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(node, genapi.IEnumeration | genapi.IString) and isinstance(value, str):
        return value
    kinds = {
        genapi.IBoolean: "true or false",
        genapi.IInteger: "a whole number",
        genapi.IFloat: "a number",
        genapi.IEnumeration: "a text",
        genapi.IString: "a text",
    }
    words = next((each for kind, each in kinds.items() if isinstance(node, kind)), "no value, for it cannot be written")
    raise FeatureError(f"{name}: expected {words}, found {value!r}; correct it")


def _frame_of(buffer: Any) -> tuple[tuple[Any, ...], npt.NDArray[Any]]:
    number = None
    try:
        complete, number = bool(buffer.is_complete()), int(buffer.frame_id)
        if buffer.payload_type not in _PAYLOADS:
            raise SourceLostError("expected frames of one picture each, found several parts; switch 3D and parts off")
        height_px, width_px = int(buffer.height), int(buffer.width)
        name = symbolics.get(int(buffer.pixel_format), f"0x{int(buffer.pixel_format):08X}")
        # the buffer is larger than the picture where chunks follow
        data = np.frombuffer(buffer.raw_buffer, np.uint8, offset=int(buffer.image_offset))
        padding = int(buffer.padding_x)
    except gentl.GenericException as error:
        # what an incomplete buffer says of itself depends on the producer
        _log.warning("an incomplete frame: %s", _one_line(error))
        return (number, False, "", 0, 0), NO_PIXELS
    return (number, complete, name, height_px, width_px), picture_of(
        data, name, height_px, width_px, row_padding_bytes=padding
    )


def _one_line(error: BaseException) -> str:
    # where in its source code the library found it helps nobody
    text = re.sub(r"\s*: \w+Exception thrown in node .*", "", " ".join(str(error).split()))
    return text.rstrip(".") or type(error).__name__


def serve(station: socket.socket, camera: GenicamCamera) -> None:
    """Answers the station until it closes the socket."""
    while (asked := receive(station)) is not None:
        pixels = None
        # the system ends the process: the library may hold Python's lock while it hangs
        signal.setitimer(signal.ITIMER_REAL, _HUNG_S + (asked["with"][0] if asked["do"] == "fetch" else 0.0))
        try:
            value = getattr(camera, asked["do"])(*asked["with"])
            reply: dict[str, Any] = {"value": value}
            if asked["do"] == "fetch" and value is not None:
                value, pixels = value
                shape = list(pixels.shape) if pixels.size else None
                reply = {"value": value, "shape": shape, "dtype": str(pixels.dtype)}
        except FeatureError as error:
            reply = {"refused": str(error)}
        except SourceLostError as error:
            reply = {"lost": str(error)}
        except _NATIVE as error:
            reply = {"lost": f"expected the camera to {asked['do']}, found {_one_line(error)}; look at its cable"}
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        data = None if pixels is None or not pixels.size else pixels.data.cast("B")
        send(station, reply, data)


def main() -> None:
    """Talks to one camera."""
    # systemd tells the whole group to end; the station first answers the parts in hand
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="genicam: %(message)s")
    logging.getLogger("harvesters").setLevel(logging.CRITICAL)
    number, producer = sys.argv[1:]
    camera = GenicamCamera(producer)
    with socket.socket(fileno=int(number)) as station:
        try:
            serve(station, camera)
        finally:
            signal.setitimer(signal.ITIMER_REAL, _HUNG_S)
            camera.close()


if __name__ == "__main__":
    main()
