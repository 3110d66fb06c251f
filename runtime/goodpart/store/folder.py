"""The files of a store: bundles, the pointer to the active one, and a lock.

STORE/bundles/<digest>/     immutable copies, each checked after it was copied
STORE/state.json            which is active, which were before; replaced in one step, never changed
STORE/lock                  held while something is written; the system lifts it when its process ends
"""

import logging
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from goodpart._host import strict_json
from goodpart._host.atomic import write_file
from goodpart._host.locks import locked
from goodpart.bundle.bundle import Bundle, read_bundle
from goodpart.bundle.files import read_file
from goodpart.errors import BundleError, BundleMissingError, ManifestError, UsageError, found_at
from goodpart.facts.spec import SHA256
from goodpart.store.state import StoreState

BUNDLES, _STATE, _LOCK = "bundles", "state.json", "lock"

_STATE_LIMIT_BYTES = 1 << 16
_SHORTEST_DIGEST = 6

_log = logging.getLogger(__name__)


class StoreFolder:
    """A store as it lies on the disk; `Store` says what is done with it.

    Attributes:
        folder: where it lies.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, public_key: str | os.PathLike[str] | None, minimum_serial: int
    ) -> None:
        """Opens a store; the folder appears with the first bundle.

        Args:
            folder: the store.
            public_key, minimum_serial: what every bundle must show, as in `Inspector.load`.
        """
        # a program that goes to another folder later means the same store
        self.folder = Path(folder).absolute()
        self.public_key = None if public_key is None else Path(public_key).absolute()
        self.minimum_serial = minimum_serial

    @property
    def state(self) -> StoreState:
        """What the store points to now.

        Raises:
            BundleError: its state file is damaged.
        """
        if found_at(self.folder / _STATE) == "nothing":
            return StoreState()
        try:
            text = read_file(self.folder, _STATE, _STATE_LIMIT_BYTES)
            return strict_json.decode(StoreState, text, where=str(self.folder / _STATE))
        except BundleError as error:
            raise ManifestError(f"{error}; goodpart store activate writes a new one") from error

    def path(self, digest: str) -> Path:
        """Where a bundle lies, or would."""
        return self.folder / BUNDLES / digest

    def active(self) -> Path:
        """Where the active bundle lies.

        Raises:
            BundleMissingError: none has been activated.
        """
        active = self.state.active
        if active is None:
            raise BundleMissingError(
                f"{self.folder}: expected an active bundle, found none; goodpart store add and activate one"
            )
        return self.path(active)

    def read(self, folder: Path) -> Bundle:
        """A bundle that shows what it must.

        Raises:
            BundleError: it does not, or is damaged.
        """
        return read_bundle(folder, public_key=self.public_key, minimum_serial=self.minimum_serial)

    def change(self, change: Callable[[StoreState], StoreState], *, mend: bool = False) -> None:
        """Moves the pointer, in one step.

        Args:
            change: takes the present state and returns the new one.
            mend: whether a damaged state is replaced, by one without a history.

        Raises:
            BundleError: the state is damaged, or its active bundle is not there.
            UsageError: another process holds the store, or the state cannot be written.
        """
        with self.locked():
            try:
                before = self.state
            except ManifestError as error:
                if not mend:
                    raise
                _log.warning("%s; it is written anew, without a history", error)
                before = StoreState()
            state = change(before)
            if state.active is not None and found_at(self.path(state.active)) != "a folder":
                raise BundleMissingError(f"{self.path(state.active)}: expected a bundle, found none; add it again")
            if state != before:
                self.write_state(state)

    def write_state(self, state: StoreState) -> None:
        """Replaces the state file; who calls it holds the lock.

        Raises:
            UsageError: the file cannot be written.
        """
        write_file(self.folder / _STATE, strict_json.encode(state))

    def locked(self) -> AbstractContextManager[None]:
        """The time in which nobody else writes here; the folder is made where it is missing.

        Raises:
            UsageError: it cannot be made, or another process holds it.
        """
        try:
            (self.folder / BUNDLES).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.folder}: expected a store, or a place for one, found {error.strerror}") from error
        return locked(self.folder / _LOCK)

    def folders(self) -> list[Path]:
        """Where bundles lie."""
        if found_at(self.folder / BUNDLES) != "a folder":
            return []
        return [path for path in (self.folder / BUNDLES).iterdir() if SHA256.fullmatch(path.name)]

    def find(self, begin: str) -> str:
        """The digest that begins like this.

        Raises:
            UsageError: of no bundle here, or of several.
        """
        if not re.fullmatch(f"[0-9a-f]{{{_SHORTEST_DIGEST},64}}", begin):
            raise UsageError(f"digest: expected at least its first {_SHORTEST_DIGEST} hex digits, found {begin[:80]!r}")
        found = [folder.name for folder in self.folders() if folder.name.startswith(begin)]
        if len(found) != 1:
            raise UsageError(
                f"{self.folder}: expected one bundle whose digest begins with {begin}, found {len(found)}; "
                f"goodpart store list shows them"
            )
        return found[0]

    def is_whole(self, place: Path) -> bool:
        """Whether every byte of a bundle is as its digest says; keys and serials do not count here."""
        try:
            return read_bundle(place).digest == place.name
        except BundleError:
            return False


def is_store(folder: Path) -> bool:
    """Whether a folder is a store."""
    return found_at(folder / BUNDLES) == "a folder" and found_at(folder / _LOCK) == "a file"
