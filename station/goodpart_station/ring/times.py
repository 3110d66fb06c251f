"""Times as text."""

import datetime


def utc(at: float) -> str:
    """UTC seconds since 1970 as text, such as 2026-11-26T18:33:37.123Z."""
    text = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
