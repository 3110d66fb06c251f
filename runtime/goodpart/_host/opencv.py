"""OpenCV, which is optional: the one place that imports it."""

from typing import Any

from goodpart.errors import missing_extra


def load_opencv(purpose: str) -> Any:
    """The cv2 module.

    Args:
        purpose: the feature that needs OpenCV, for the message.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise missing_extra(purpose, "OpenCV", "images") from error
    return cv2
