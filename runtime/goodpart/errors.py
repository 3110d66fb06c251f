"""Every error goodpart raises, in one tree.

    GoodpartError
    ├── UsageError              a path, option or value that cannot work                          exit code 2
    │   └── MissingExtraError   a package that this request needs is not installed                exit code 2
    ├── ExportError             a backbone could not be exported                                  exit code 2
    ├── BundleError             the bundle is refused                                             exit code 3
    │   ├── BundleMissingError  the folder, or a file the bundle must have, is not there
    │   ├── ManifestError       a JSON file of the bundle is malformed or says something impossible
    │   ├── VersionError        the bundle's format version is not one this runtime reads
    │   ├── IntegrityError      a file's size or sha256 is not the recorded one
    │   ├── SignatureError      unsigned, or signed by another key than the configured one
    │   ├── RollbackError       older than the oldest bundle that is still accepted
    │   ├── ContractError       whole files that do not fit together
    │   ├── UnreadableError     the system does not give a file that is there, or no memory for it
    │   ├── DeviceFileError     the settings of this device are not ones that the bundle allows
    │   ├── SelfTestError       the golden frames do not give their golden scores on this machine
    │   └── TrialError          the child process of a self-test crashed or took too long
    └── FrameError              the frame is refused: it has no verdict                           exit code 4
        ├── ImageFileError      an image file cannot be decoded
        ├── UnfitImagesError    several images of a folder cannot be used
        └── InferenceError      a native library failed, or gave non-finite numbers, on this frame

Every message is one line: where, what was expected, what was found, what to do. An error that began in another library
carries it as ``__cause__``.
"""

from collections.abc import Sequence
from pathlib import Path

from goodpart.printable import printable

_LIMIT = 1000
"""Characters of a message; paths alone may take some hundreds."""


class GoodpartError(Exception):
    """Base of all errors of goodpart."""

    exit_code: int = 2

    def __init__(self, message: str) -> None:
        # what a message quotes from files or other libraries may be a whole book
        shown = message if len(message) <= _LIMIT else f"{message[:_LIMIT]}..."
        super().__init__(printable(shown.strip()))


class UsageError(GoodpartError):
    """A path, option or value of the caller cannot be used."""


class MissingExtraError(UsageError):
    """The request needs an optional package that is not installed; the message names the extra."""


class ExportError(GoodpartError):
    """A backbone could not be exported; no file was written."""


class BundleError(GoodpartError):
    """The bundle is refused; nothing was loaded."""

    exit_code = 3


class BundleMissingError(BundleError):
    """The bundle folder or a required file is missing."""


class UnreadableError(BundleError):
    """The system does not give a file that is there (permission, a failing disk), or no memory for it."""


class DeviceFileError(BundleError):
    """The device file beside the bundle is malformed, another bundle's, or sets what the bundle does not allow."""


class ManifestError(BundleError):
    """A JSON file of the bundle is malformed, has unknown or missing keys, or states something impossible."""


class VersionError(BundleError):
    """The bundle's format version is not one that this runtime reads."""


class IntegrityError(BundleError):
    """A file's size or sha256 is not the one recorded in the manifest."""


class SignatureError(BundleError):
    """A key is configured, and the bundle is unsigned or signed with another key."""


class RollbackError(BundleError):
    """The bundle's serial is lower than the minimum serial."""


class ContractError(BundleError):
    """The files are intact, but do not fit together (for example, the backbone has another width)."""


class SelfTestError(BundleError):
    """The golden frames do not give their golden scores on this machine."""


class TrialError(BundleError):
    """The child process of a trial crashed or took too long, so the bundle neither passed nor failed."""


class FrameError(GoodpartError):
    """The frame is refused: it is not what the bundle declares, so it has no verdict."""

    exit_code = 4


class ImageFileError(FrameError):
    """An image file cannot be decoded."""


class UnfitImagesError(FrameError):
    """Several images of a folder cannot be used.

    Attributes:
        errors: one for each of them; the message may be too short for all.
    """

    def __init__(self, message: str, *, errors: Sequence[FrameError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class InferenceError(FrameError):
    """A native library failed or gave non-finite numbers for this frame, so it has no verdict."""


def missing_extra(purpose: str, library: str, extra: str) -> MissingExtraError:
    """The error for a request that needs an optional package which is not installed.

    goodpart is on no package index, so the message names what works: a clone, or the wheelhouse.

    Args:
        purpose: what needs the library, singular, for example "reading part.png".
        library: the missing library's name, for example "OpenCV".
        extra: the extra of the runtime that brings it, for example "images".
    """
    return MissingExtraError(
        f"{purpose} needs {library}, which is not installed; run pip install './runtime[{extra}]' in a clone of "
        f"goodpart, or install the wheelhouse without --slim"
    )


def found_at(path: Path) -> str:
    """Describes a path for messages: "a file", "a folder" or "nothing", with the reason if it cannot be read."""
    try:
        return "a folder" if path.is_dir() else "a file" if path.exists() else "nothing"
    except OSError as error:
        return f"nothing ({error.strerror})"
