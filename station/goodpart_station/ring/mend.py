"""What a kill or a power cut leaves half done, taken away at the next start."""

import logging
from pathlib import Path

from goodpart_station.ring.index import FRAMES, Index
from goodpart_station.ring.pictures import OWN
from goodpart_station.ring.room import remove_rows

_HOURS = 2 * 366 * 24
"""How long the counts of removed frames stay."""

_LOG = logging.getLogger("goodpart_station.ring")


def mend(folder: Path, index: Index) -> None:
    """Removes rows whose image is missing or has another size, then images without a row, and temporary files.

    Args:
        folder: of the ring.
        index: which no other thread uses now.

    Raises:
        OSError, sqlite3.Error: the disk does not take the change.
    """
    frames = folder / FRAMES
    frames.mkdir(exist_ok=True)
    there = {path.name: path.stat().st_size for path in frames.iterdir() if OWN.fullmatch(path.name)}
    with index.writing() as connection:
        rows = connection.execute("SELECT id, file, bytes, label FROM frame").fetchall()
        broken = [row for row in rows if there.get(row[1]) != row[2]]
        remove_rows(connection, [row[0] for row in broken])
        connection.execute("DELETE FROM lost WHERE hour < (SELECT max(hour) FROM lost) - ?", (_HOURS,))
    known = {row[1] for row in rows} - {row[1] for row in broken}
    strays = sorted(set(there) - known)
    for name in strays:
        (frames / name).unlink(missing_ok=True)
    if broken or strays:
        labelled = sum(row[3] is not None for row in broken)
        _LOG.warning(
            "%s: mended: %d images without an entry and %d entries without their image are gone, %d of them labelled",
            folder, len(strays), len(broken), labelled,
        )  # fmt: skip
