"""Making the page, which needs libraries that a station without a page does not have."""

from goodpart import MissingExtraError
from goodpart_station.line import Link
from goodpart_station.page.around import Around
from goodpart_station.page.options import PageTable


def make_page(config: PageTable, around: Around) -> Link:
    """The page of a station, not yet opened.

    Args:
        config: the table [page].
        around: the station.

    Raises:
        MissingExtraError: starlette or uvicorn is not installed.
        UsageError: as `Page` says.
    """
    try:
        from goodpart_station.page.server import Page
    except ImportError as error:
        raise MissingExtraError(
            "[page] needs starlette and uvicorn, which are not installed; install the extra goodpart-station[web]: "
            "pip install './station[web]' in a clone of goodpart, or the wheelhouse with --station"
        ) from error
    return Page(config, around)
