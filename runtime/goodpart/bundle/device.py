"""Device file: the settings of one embedded PC for a bundle, beside the bundle, which itself never changes."""

import dataclasses
import errno
import math
from collections.abc import Callable
from pathlib import Path

from goodpart._host import strict_json
from goodpart._host.atomic import write_file
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.in_force import InForce
from goodpart.errors import DeviceFileError, ManifestError, UsageError
from goodpart.facts.calibration import Calibration
from goodpart.facts.checks import FrameChecks, Ranges
from goodpart.facts.manifest import Manifest
from goodpart.scoring.rounding import decimals_that_tell_apart

_LIMIT_BYTES = 1 << 16

_SET_AGAIN = "set them again with goodpart threshold, or remove them with its --reset"

_TAKE_AGAIN = "take them again with goodpart checks --retake, or remove them with its --reset"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceSettings:
    """What replaces the bundle's own choices and our defaults on this device. None replaces nothing.

    Attributes:
        bundle: digest of the bundle that they were made for.
        threshold: image score above which the verdict is DEFECT, in sigmas; set by `goodpart threshold`.
        pixel_threshold: calibrated score above which a patch belongs to a region, in sigmas; set with the threshold.
        threads: for one frame, 1 to 256; set by `goodpart tune`.
        spinning: whether threads wait busily for their next piece of work; set with the threads.
        ranges: wider ranges of frame checks, by the name of the statistic; set by `goodpart checks --retake`.
    """

    bundle: str
    threshold: float | None = None
    pixel_threshold: float | None = None
    threads: int | None = None
    spinning: bool | None = None
    ranges: Ranges | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        thresholds = [value for value in (self.threshold, self.pixel_threshold) if value is not None]
        if not all(map(math.isfinite, thresholds)) or len(thresholds) == 1:
            raise UsageError(
                f"threshold: expected two finite numbers or none, found {self.threshold} and {self.pixel_threshold}"
            )
        if (self.threads is None) != (self.spinning is None):
            raise UsageError(f"tuning: expected threads and spinning or neither, found {self.threads}, {self.spinning}")
        if self.threads is not None and not 1 <= self.threads <= 256:
            raise UsageError(f"threads: expected 1 to 256, found {self.threads}")
        if self.ranges is not None and not self.ranges:
            raise UsageError("ranges: expected at least one, or none at all")

    def thresholds(self, calibration: Calibration) -> tuple[float, float]:
        """The threshold and the pixel threshold that hold on this device, in sigmas."""
        if self.threshold is None or self.pixel_threshold is None:
            return calibration.threshold, calibration.pixel_threshold
        return self.threshold, self.pixel_threshold

    def checks(self, manifest: Manifest) -> FrameChecks | None:
        """The frame checks that hold on this device; None for a bundle without.

        Raises:
            UsageError: the bundle does not allow the ranges, or has none.
        """
        if self.ranges is None:
            return manifest.checks
        if manifest.checks is None:
            raise UsageError("ranges: expected none for a bundle without frame checks")
        return manifest.checks.widened(self.ranges)

    def in_force(self, bundle: Bundle) -> InForce:
        """What frames are judged by on this device.

        Raises:
            UsageError: the bundle does not allow the ranges, or has none.
        """
        threshold, pixel_threshold = self.thresholds(bundle.calibration)
        return InForce(threshold=threshold, pixel_threshold=pixel_threshold, checks=self.checks(bundle.manifest))


def device_path(folder: Path) -> Path:
    """Where the device file of a bundle lies: `<bundle folder>.device.json`, beside the folder itself, not a link."""
    real = folder.resolve()
    return real.with_name(real.name + ".device.json")


def drift_path(folder: Path) -> Path:
    """Where the drift of a bundle lies: `<bundle folder>.drift.json`, beside the device file."""
    real = folder.resolve()
    return real.with_name(real.name + ".drift.json")


def read_device(bundle: Bundle) -> DeviceSettings | None:
    """This device's settings for a bundle, or None if it has none.

    Raises:
        DeviceFileError: the file cannot be read, is malformed, was made for another bundle, whose threshold may not fit
            this one, or sets a threshold or range of a frame check beyond what the bundle allows.
    """
    return read_settings(bundle.folder, bundle.manifest, digest=bundle.digest)


def read_settings(folder: Path, manifest: Manifest, *, digest: str) -> DeviceSettings | None:
    """As `read_device`, of a bundle of which only the manifest has been read.

    Args:
        folder, manifest, digest: of the bundle.
    """
    path = device_path(folder)
    text = _read(path)
    if text is None:
        return None
    try:
        settings = strict_json.decode(DeviceSettings, text, where=str(path))
    except ManifestError as error:
        raise DeviceFileError(f"{error}; {_SET_AGAIN}") from error
    if settings.bundle != digest:
        raise DeviceFileError(
            f"{path}: expected settings for bundle {digest}, found those for {settings.bundle}; {_SET_AGAIN}"
        )
    allowed = manifest.threshold_range
    if settings.threshold is not None and allowed is not None and settings.threshold not in allowed:
        raise DeviceFileError(
            f"{path}: expected a threshold of {allowed}, as the bundle allows, found {settings.threshold:g}; "
            f"{_SET_AGAIN}"
        )
    if settings.ranges is not None:
        try:
            settings.checks(manifest)
        except UsageError as error:
            raise DeviceFileError(f"{path}: {error}; {_TAKE_AGAIN}") from error
    return settings


def moved_lines(bundle: Bundle, settings: DeviceSettings | None) -> dict[str, str]:
    """What a device has changed of a bundle's own answers, in words, by label; nothing for None.

    Args:
        bundle, settings: of the bundle, and of this device.
    """
    found, own = {}, bundle.calibration.threshold
    if settings is not None and settings.threshold not in (None, own):
        found["THRESHOLD"] = moved_words(settings.threshold, own)
    if settings is not None and settings.ranges and bundle.manifest.checks is not None:
        found["CHECKS"] = widened_words(settings.ranges, bundle.manifest.checks)
    return found


def widened_words(ranges: Ranges, own: FrameChecks) -> str:
    """Says that a device uses wider ranges of statistics than the bundle's own."""
    each = (
        f"{name} {low:.4g} to {high:.4g} (the bundle's own {own.ranges[name][0]:.4g} to {own.ranges[name][1]:.4g})"
        for name, (low, high) in ranges.items()
    )
    return f"frame checks WIDENED on this device: {', '.join(each)}"


def moved_words(threshold: float, own: float) -> str:
    """Says that a device uses another threshold than the bundle's own, both in sigmas."""
    decimals = decimals_that_tell_apart([(threshold, own)], at_least=3)
    return f"threshold MOVED on this device: {threshold:.{decimals}f} sigmas; the bundle's own is {own:.{decimals}f}"


def _read(path: Path) -> bytes | None:
    try:
        if not path.exists() and not path.is_symlink():
            return None
        if not path.is_file() or path.stat().st_size > _LIMIT_BYTES:
            raise DeviceFileError(
                f"{path}: expected a device file of at most {_LIMIT_BYTES} bytes, found something else; {_SET_AGAIN}"
            )
        return path.read_bytes()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None  # the bundle's name leaves no room for one
        raise DeviceFileError(f"{path}: expected a readable device file, found none ({error.strerror})") from error


def change_device(bundle: Bundle, change: Callable[[DeviceSettings], DeviceSettings]) -> DeviceSettings | None:
    """Changes some of this device's settings for a bundle and keeps the others.

    Settings that were made for another bundle or cannot be read are not kept.

    Args:
        bundle: from `read_bundle`.
        change: takes the present settings and returns the new ones.

    Returns:
        what holds from now on; None if nothing is left, and no file.

    Raises:
        UsageError: impossible values, or the file cannot be written.
    """
    try:
        before = read_device(bundle)
    except DeviceFileError:
        before = None
    none = DeviceSettings(bundle=bundle.digest)
    after = change(before or none)
    kept = None if after == none else after
    write_device(bundle, kept)
    return kept


def write_device(bundle: Bundle, settings: DeviceSettings | None) -> Path:
    """Writes, or with None removes, the settings of a bundle; the change takes effect when the bundle is loaded next.

    Raises:
        UsageError: the file cannot be written or removed.
    """
    path = device_path(bundle.folder)
    if settings is not None:
        write_file(path, strict_json.encode(settings))
        return path
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: expected a file that can be removed, found {error.strerror}") from error
    return path
