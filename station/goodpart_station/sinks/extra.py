"""A link whose library is missing is refused at the start, with the name of the extra that brings it."""

from goodpart.errors import MissingExtraError


def missing(table: str, library: str, extra: str) -> MissingExtraError:
    """The error for a table of the configuration whose library is not installed.

    Args:
        table: for example "[sink.mqtt]".
        library: its name, for example "paho-mqtt".
        extra: the extra of the station that brings it, for example "mqtt".
    """
    return MissingExtraError(
        f"{table} needs {library}, which is not installed; install the extra goodpart-station[{extra}]: pip install "
        f"'./station[{extra}]' in a clone of goodpart, or the wheelhouse with --station"
    )
