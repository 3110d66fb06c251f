"""OpenCV, which is optional: the one place that imports it."""

from typing import Any

from goodpart.errors import MissingExtraError, missing_extra


def load_opencv(purpose: str) -> Any:
    """The cv2 module.

    Args:
        purpose: the feature that needs OpenCV, for the message.

    Raises:
        MissingExtraError: OpenCV is not installed, or does not load.
    """
    try:
        import cv2
    except ImportError as error:
        if not isinstance(error, ModuleNotFoundError) or error.name != "cv2":
            reason = " ".join(str(error).split())
            # such as libGL.so.1, which a server lacks
            desktop = "cannot open shared object" in reason
            raise MissingExtraError(
                f"{purpose} needs OpenCV, which is installed but does not load ({reason}); "
                f"{'install opencv-python-headless in its place' if desktop else 'mend that'}"
            ) from error
        raise missing_extra(purpose, "OpenCV", "images") from error
    return cv2
