"""The files of a store: bundles, the pointer to the active one, and a lock.

STORE/bundles/<digest>/     immutable copies, each checked after copying
STORE/state.json            the active bundle and the earlier ones; replaced in one step, never edited
STORE/lock                  held during writes; the system releases it when the process ends
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
    """The files of a store; `Store` adds the operations.

    Attributes:
        folder: path of the store.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, public_key: str | os.PathLike[str] | None, minimum_serial: int
    ) -> None:
        """Opens a store; adding the first bundle creates the folder.

        Args:
            folder: the store.
            public_key, minimum_serial: required of every bundle, as in `Inspector.load`.
        """
        # absolute, so that the store stays the same if the program changes its working directory
        self.folder = Path(folder).absolute()
        self.public_key = None if public_key is None else Path(public_key).absolute()
        self.minimum_serial = minimum_serial

    @property
    def state(self) -> StoreState:
        """The present state of the store.

        Raises:
            BundleError: the state file is damaged.
        """
        if found_at(self.folder / _STATE) == "nothing":
            return StoreState()
        try:
            text = read_file(self.folder, _STATE, _STATE_LIMIT_BYTES)
            return strict_json.decode(StoreState, text, where=str(self.folder / _STATE))
        except BundleError as error:
            raise ManifestError(f"{error}; goodpart store activate writes a new one") from error

    def path(self, digest: str) -> Path:
        """The path of a bundle, whether it exists or not."""
        return self.folder / BUNDLES / digest

    def active(self) -> Path:
        """The path of the active bundle.

        Raises:
            BundleMissingError: no bundle has been activated.
        """
        active = self.state.active
        if active is None:
            raise BundleMissingError(
                f"{self.folder}: expected an active bundle, found none; goodpart store add and activate one"
            )
        return self.path(active)

    def read(self, folder: Path) -> Bundle:
        """Reads and checks a bundle.

        Raises:
            BundleError: the bundle is damaged, or its signature or serial is refused.
        """
        return read_bundle(folder, public_key=self.public_key, minimum_serial=self.minimum_serial)

    def change(self, change: Callable[[StoreState], StoreState], *, mend: bool = False) -> None:
        """Replaces the state in one step.

        Args:
            change: takes the present state and returns the new one.
            mend: whether to replace a damaged state with a new one, without a history.

        Raises:
            BundleError: the state is damaged, or its active bundle is missing.
            UsageError: another process holds the store, or the state cannot be written.
        """
        with self.locked():
            try:
                before = self.state
            except ManifestError as error:
                if not mend:
                    raise
                _log.warning("%s; a new one is written, without a history", error)
                before = StoreState()
            state = change(before)
            if state.active is not None and found_at(self.path(state.active)) != "a folder":
                raise BundleMissingError(f"{self.path(state.active)}: expected a bundle, found none; add it again")
            if state != before:
                self.write_state(state)

    def write_state(self, state: StoreState) -> None:
        """Replaces the state file; the caller holds the lock.

        Raises:
            UsageError: the file cannot be written.
        """
        write_file(self.folder / _STATE, strict_json.encode(state))

    def locked(self) -> AbstractContextManager[None]:
        """Holds the lock of the store during a `with` block; a missing folder is made.

        Raises:
            UsageError: the folder cannot be made, or another process holds the lock.
        """
        try:
            (self.folder / BUNDLES).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.folder}: expected a store, or a place for one, found {error.strerror}") from error
        return locked(self.folder / _LOCK)

    def folders(self) -> list[Path]:
        """The folders of all bundles."""
        if found_at(self.folder / BUNDLES) != "a folder":
            return []
        return [path for path in (self.folder / BUNDLES).iterdir() if SHA256.fullmatch(path.name)]

    def find(self, begin: str) -> str:
        """Completes the beginning of a digest.

        Raises:
            UsageError: no bundle's digest begins so, or several do.
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
        """Whether every byte of a bundle matches its digest; the signature and the serial are not checked."""
        try:
            return read_bundle(place).digest == place.name
        except BundleError:
            return False


def is_store(folder: Path) -> bool:
    """Whether a folder is a store."""
    return found_at(folder / BUNDLES) == "a folder" and found_at(folder / _LOCK) == "a file"
