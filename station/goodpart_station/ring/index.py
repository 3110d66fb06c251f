"""The index of the ring: one SQLite file, which a kill or a power cut leaves whole."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from goodpart.errors import UsageError

INDEX = "index.db"
FRAMES = "frames"
"""The folder of the images, beside the index."""

VERSION = 1
_CHECKPOINT_PAGES = 128
_WAL_BYTES = 1 << 20
"""What the write-ahead log may take: 128 pages and one large transaction."""

_GROWTH_BYTES = 1 << 17
"""What the index may grow by between two looks at its size."""

_WAIT_S = 5.0
_AUDITS = 50_000

_SCHEMA = """
CREATE TABLE frame (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    boot TEXT NOT NULL, seq INTEGER NOT NULL, plc_seq INTEGER, part_id INTEGER NOT NULL,
    at REAL NOT NULL, mono_ns INTEGER NOT NULL, product TEXT NOT NULL, bundle TEXT NOT NULL,
    verdict TEXT NOT NULL, judged TEXT, reason TEXT NOT NULL, detail TEXT,
    score REAL, threshold REAL, p_value REAL, simulated INTEGER NOT NULL,
    file TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, kept_for TEXT NOT NULL,
    label TEXT, label_by TEXT, label_at REAL, exported REAL,
    UNIQUE (boot, seq)
);
CREATE INDEX frame_removable ON frame (kept_for, id) WHERE label IS NULL OR exported IS NOT NULL;
CREATE INDEX frame_protected ON frame (kept_for) WHERE label IS NOT NULL AND exported IS NULL;
CREATE TABLE lost (
    hour INTEGER NOT NULL, product TEXT NOT NULL, simulated INTEGER NOT NULL, label TEXT NOT NULL,
    frames INTEGER NOT NULL, PRIMARY KEY (hour, product, simulated, label)
) WITHOUT ROWID;
CREATE TABLE export (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, product TEXT NOT NULL, simulated INTEGER NOT NULL, labels TEXT NOT NULL,
    until REAL NOT NULL, frames INTEGER NOT NULL
);
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, before TEXT, after TEXT
);
"""


class Index:
    """A connection that writes; several threads may use it, one after the other."""

    def __init__(self, folder: Path, *, make: bool) -> None:
        """Opens the index.

        Args:
            folder: of the ring.
            make: whether to make a new one where there is none.

        Raises:
            UsageError: there is none and `make` is off, or a newer goodpart wrote it.
            sqlite3.Error: the disk does not give or take it, or it is damaged.
        """
        self.path = folder / INDEX
        if not make and not self.path.is_file():
            raise UsageError(f"{folder}: expected a ring with {INDEX}, found none; name the ring of a station")
        # transactions are begun by hand
        self._connection = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        try:
            self._prepare(make=make)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, *, make: bool) -> None:
        execute = self._connection.execute
        if make:
            execute("PRAGMA journal_mode = WAL").fetchall()
        execute("PRAGMA synchronous = NORMAL")
        execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}").fetchall()
        execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}").fetchall()
        found = execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, VERSION):
            raise UsageError(f"{self.path}: expected version {VERSION} of the ring, found {found}; update goodpart")
        if found == 0:
            if any((self.path.parent / FRAMES).glob("*.png")):
                # a new index would make strays of them all, labelled ones too
                raise sqlite3.DatabaseError("the index is empty, and images are there")
            with self.writing() as connection:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")

    def check(self) -> None:
        """Refuses a damaged index.

        Raises:
            sqlite3.DatabaseError: it is damaged.
        """
        with self._lock:
            found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is done, or nothing if the block raises.

        Raises:
            sqlite3.Error: the disk does not take it, or another process writes for seconds.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def size_bytes(self) -> int:
        """What the index takes at most until somebody looks again."""
        found = [_size(Path(f"{self.path}{end}")) for end in ("", "-wal", "-shm")]
        return found[0] + max(found[1], _WAL_BYTES) + found[2] + _GROWTH_BYTES

    def close(self) -> None:
        """Closes the connection, whatever the disk says."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """One unchanging view of the index for a `with` block; nothing that is written meanwhile is in it.

    Args:
        folder: of the ring.

    Raises:
        sqlite3.Error: there is no index, or it cannot be read.
    """
    address = f"file:{quote(str(folder / INDEX))}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=_WAIT_S, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()


def write_audit(connection: sqlite3.Connection, at: float, who: str, what: str, *change: str | None) -> None:
    """Notes who changed what, from one value to another, within a transaction; the last 50,000 notes stay."""
    written = connection.execute(
        "INSERT INTO audit (at, who, what, before, after) VALUES (?, ?, ?, ?, ?)", (at, who, what, *change)
    )
    connection.execute("DELETE FROM audit WHERE id <= ?", ((written.lastrowid or 0) - _AUDITS,))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
