"""GigE Vision cameras through Aravis, without their maker's software."""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from goodpart_station.sources.aravis_features import Features
from goodpart_station.sources.aravis_library import cameras, choose, glib_error, load, shown
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_setup import CameraSetup
from goodpart_station.sources.control import Control
from goodpart_station.sources.device import FeatureError, Grabbed, Value
from goodpart_station.sources.pixels import picture_of
from goodpart_station.sources.source import SourceLostError

_BUFFERS_BYTES = 256_000_000
_LEAST_BUFFERS, _MOST_BUFFERS = 4, 32
"""Frames that come while the station is held up wait in so many buffers, as far as they fit in the memory above."""

_SOCKET_FRAMES, _SOCKET_BYTES = 4, 64_000_000
"""The system keeps so many frames that Aravis has not read yet, as far as net.core.rmem_max allows."""

_LOST_CODES = ("TIMEOUT", "NOT_CONNECTED", "TRANSFER_ERROR")
_HELD_CODES = ("NOT_CONTROLLER", "PROTOCOL_ERROR_ACCESS_DENIED")

_INCOMPLETE = ("TIMEOUT", "MISSING_PACKETS", "WRONG_PACKET_ID", "SIZE_MISMATCH")
"""What Aravis calls a frame of which something is missing. The others that are no success hold no frame."""

_HELD = (
    "expected control of it, found that another program has it; end that program. A camera whose program was killed is "
    "free again some seconds later"
)

_T = TypeVar("_T")


def aravis_source(device: str | None, setup: CameraSetup) -> CameraSource:
    """A camera as a source.

    Args:
        device: its IP address, serial number or another name; None for the only one there is.
        setup: what the station's file asks of it.

    Raises:
        MissingExtraError: Aravis is not installed.
    """
    aravis = load()
    return CameraSource(lambda: open_aravis(aravis, device, timeout_s=setup.timeout_s), setup)


def open_aravis(aravis: Any, wanted: str | None, *, timeout_s: float) -> "AravisDevice":
    """Opens a camera.

    Args:
        aravis: the module.
        wanted: as in `aravis_source`.
        timeout_s: how long it may be silent before it is lost.

    Raises:
        SourceLostError: there is no such camera, or another program has it.
    """
    name = choose(aravis, wanted)
    try:
        camera = aravis.Camera.new(name)
    except glib_error() as error:
        there = cameras(aravis)
        if any(name in (each.id, each.address) for each in there):
            # it answers who looks for cameras, and nobody who wants to talk to it
            raise SourceLostError(
                f"camera {name}: expected an answer from it, found that it is on the network and does not answer "
                f"({error.message}); switch it off and on, and look at the addresses of this PC and the camera"
            ) from None
        raise SourceLostError(
            f"camera {name}: expected it on the network, found {shown(there)} ({error.message}); look at its power, "
            f"cable and address"
        ) from None
    if camera.is_gv_device() and not camera.get_device().is_controller():
        raise SourceLostError(f"camera {name}: {_HELD}")
    device = AravisDevice(aravis, camera, timeout_s=timeout_s)
    # only the device holds the camera from now on, and can give it back
    del camera
    try:
        device.take_over()
    except BaseException:
        device.close()
        raise
    return device


class AravisDevice:
    """An opened camera; see `Device`.

    No Python function is ever called by the library: one that is called while the program ends would crash it.

    Attributes:
        model: what its maker calls it.
        serial: its serial number, "" if it has none.
    """

    def __init__(self, aravis: Any, camera: Any, *, timeout_s: float) -> None:
        """Takes over an opened camera.

        Args:
            aravis: the module.
            camera: an `Aravis.Camera` that this program controls.
            timeout_s: how long it may be silent before it is lost.
        """
        self._aravis, self._camera = aravis, camera
        self._features = Features(aravis, camera.get_device())
        self._stream: Any = None
        self._format, self._height_px, self._width_px, self._payload_bytes = "", 0, 0, 0
        self._formats: dict[int, str] = {}
        # Aravis cuts a number that is too large in silence otherwise
        camera.set_range_check_policy(aravis.RangeCheckPolicy.ENABLE)
        camera.set_access_check_policy(aravis.AccessCheckPolicy.ENABLE)
        self._control = Control(self._pulse, timeout_s=timeout_s)
        self.model, self.serial = "", ""

    def take_over(self) -> None:
        """Learns what it is, and stops it.

        Raises:
            SourceLostError: the camera is gone.
        """
        self.model = self._ask("model", self._camera.get_model_name)
        with contextlib.suppress(FeatureError):
            self.serial = self._ask("serial", self._camera.get_device_serial_number) or ""
        # a camera whose program has died may still take frames, lock its settings, and send to where nobody listens
        with contextlib.suppress(FeatureError):
            self._ask("AcquisitionStop", self._camera.stop_acquisition)

    def read(self, name: str) -> Value:
        """The value of a feature; see `Device`."""
        return self._ask(name, lambda: self._features.read(name))

    def write(self, name: str, value: Value) -> None:
        """Sets a feature; see `Device`."""
        self._ask(name, lambda: self._features.write(name, value))

    def execute(self, name: str) -> None:
        """Carries out a command; see `Device`."""
        self._ask(name, lambda: self._camera.get_device().execute_command(name))

    def start(self) -> None:
        """Starts to take frames; see `Device`."""

        def work() -> None:
            camera = self._camera
            # a new stream has a new port: what was sent to the old one comes no more
            stream = camera.create_stream(None, None)
            if stream is None:
                raise SourceLostError("expected a stream, found that another program has it; end that program")
            self._payload_bytes = camera.get_payload()
            if camera.is_gv_device():
                # the system's default holds less than one frame
                stream.set_property("socket-buffer", self._aravis.GvStreamSocketBuffer.FIXED)
                stream.set_property("socket-buffer-size", min(_SOCKET_FRAMES * self._payload_bytes, _SOCKET_BYTES))
            region = camera.get_region()
            self._height_px, self._width_px = region.height, region.width
            self._format = camera.get_pixel_format_as_string()
            numbers, names = camera.dup_available_pixel_formats(), camera.dup_available_pixel_formats_as_strings()
            self._formats = dict(zip(numbers, names, strict=False))
            fitting = _BUFFERS_BYTES // max(self._payload_bytes, 1)
            for _ in range(min(max(fitting, _LEAST_BUFFERS), _MOST_BUFFERS)):
                stream.push_buffer(self._aravis.Buffer.new_allocate(self._payload_bytes))
            camera.start_acquisition()
            self._stream = stream

        self._ask("start", work)
        self._control.hurry()

    def stop(self) -> None:
        """Ends it; see `Device`."""

        def work() -> None:
            if self._stream is not None:
                try:
                    self._camera.stop_acquisition()
                finally:
                    self._stream = None

        self._ask("stop", work)

    def fetch(self, timeout_s: float) -> Grabbed | None:
        """The oldest frame that was not fetched yet; see `Device`."""
        stream = self._stream
        if stream is None:
            raise SourceLostError("expected it to take frames, found it stopped; start it")
        buffer = stream.timeout_pop_buffer(round(timeout_s * 1e6)) if timeout_s > 0 else stream.try_pop_buffer()
        while buffer is not None:
            try:
                if (found := self._grabbed(buffer)) is not None:
                    return found
            finally:
                stream.push_buffer(buffer)
            # a buffer without a frame does not say that no frame waits behind it
            buffer = stream.try_pop_buffer()
        return None

    def alive(self) -> None:
        """Raises if the camera is gone; see `Device`."""
        self._control.alive()

    def close(self) -> None:
        """Gives the camera back; see `Device`."""

        def last(is_there: bool) -> None:
            try:
                if is_there and self._stream is not None:
                    self._camera.stop_acquisition()
                if is_there and self._camera.is_gv_device():
                    self._camera.get_device().leave_control()
            finally:
                # this gives it back for good: in this thread, because it takes seconds if the camera is gone
                self._stream = None
                del self._camera, self._features

        self._control.close(last)

    def _grabbed(self, buffer: Any) -> Grabbed | None:
        aravis, status = self._aravis, buffer.get_status()
        is_whole = status == aravis.BufferStatus.SUCCESS
        if not is_whole and status not in [getattr(aravis.BufferStatus, each) for each in _INCOMPLETE]:
            return None
        height_px, width_px, name, padding = self._height_px, self._width_px, self._format, 0
        if is_whole:
            # a frame without its first packet does not know its size
            height_px, width_px = buffer.get_image_height(), buffer.get_image_width()
            number = buffer.get_image_pixel_format()
            name = self._formats.get(number, f"0x{number:08x}")
            padding = buffer.get_image_padding().x_padding
            data = buffer.get_image_data()
        else:
            data = buffer.get_data().ljust(self._payload_bytes, b"\0")
        pixels = picture_of(np.frombuffer(data, np.uint8), name, height_px, width_px, row_padding_bytes=padding)
        return Grabbed(
            pixels=pixels,
            frame_id=buffer.get_frame_id(),
            complete=is_whole,
            pixel_format=name,
            height_px=height_px,
            width_px=width_px,
        )

    def _pulse(self) -> None:
        """Asks the camera for something that each has."""

        def work() -> None:
            device = self._camera.get_device()
            if self._camera.is_gv_device() and not device.is_controller():
                raise SourceLostError(_HELD)
            device.get_string_feature_value("PixelFormat")

        self._translated("PixelFormat", work)

    def _ask(self, name: str, work: Callable[[], _T]) -> _T:
        return self._control.call(lambda: self._translated(name, work))

    def _translated(self, name: str, work: Callable[[], _T]) -> _T:
        """Turns the library's errors into ours; it runs in the thread of the control channel."""
        try:
            return work()
        except glib_error() as error:
            codes = self._aravis.DeviceError
            is_device = error.domain == "arv-device-error-quark"
            if is_device and error.code in [int(getattr(codes, each)) for each in _LOST_CODES]:
                raise SourceLostError(
                    f"{name}: expected an answer, found none ({error.message}); look at power, cable and network"
                ) from None
            if is_device and error.code in [int(getattr(codes, each)) for each in _HELD_CODES]:
                raise SourceLostError(_HELD) from None
            raise FeatureError(f"{name}: expected that the camera takes it, found: {error.message}") from None
