"""The files of a store: bundles, the pointer to the active one, and a lock.

STORE/bundles/<digest>/     immutable copies, each checked after copying
STORE/state.json            the active bundle and the earlier ones; replaced in one step, never edited
STORE/lock                  held during writes; the system releases it when the process ends
"""

import contextlib
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
from goodpart.bundle.manifest_file import read_manifest
from goodpart.bundle.names import SIGNATURE
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    ManifestError,
    SignatureError,
    UnreadableError,
    UsageError,
    found_at,
)
from goodpart.facts.manifest import Manifest
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
            BundleError: the state file is damaged, or the system does not give it.
        """
        if found_at(self.folder / _STATE) == "nothing":
            return StoreState()
        try:
            text = read_file(self.folder, _STATE, _STATE_LIMIT_BYTES)
            return strict_json.decode(StoreState, text, where=str(self.folder / _STATE))
        except UnreadableError:
            raise  # what cannot be read need not be damaged, and a new one would forget the history
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
                f"{self.folder}: expected an active bundle, found none; add and activate one with goodpart "
                f"store, or goodpart-station products"
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

    def find(self, which: str) -> str:
        """The digest of the bundle that is meant.

        Args:
            which: the beginning of a digest, a serial, or the name of a product for its bundle with the highest serial.

        Raises:
            UsageError: no bundle is meant, or several are.
        """
        manifests = self.manifests()
        named = {digest: manifest.serial for digest, manifest in manifests.items() if manifest.name == which}
        found = {digest for digest, serial in named.items() if serial == max(named.values())}
        found |= {digest for digest, manifest in manifests.items() if str(manifest.serial) == which}
        if re.fullmatch(f"[0-9a-f]{{{_SHORTEST_DIGEST},64}}", which):
            found |= {folder.name for folder in self.folders() if folder.name.startswith(which)}
        if len(found) != 1:
            raise UsageError(
                f"{self.folder}: expected one bundle whose product or serial is {which[:80]!r}, or whose digest begins "
                f"with so many ({_SHORTEST_DIGEST} or more) digits, found {len(found)}; goodpart store list shows them"
            )
        return found.pop()

    def manifests(self) -> dict[str, Manifest]:
        """The manifests of all bundles that have a readable one, by digest."""
        found = {}
        for folder in self.folders():
            with contextlib.suppress(BundleError):
                found[folder.name] = read_manifest(folder)[0]
        return found

    def product(self) -> str | None:
        """Name of the product that the store is for, None if it holds nothing yet, or several and none is active.

        A damaged state names no product, and no active bundle: `activate` writes a new one.

        Raises:
            UnreadableError: the system does not give the state file.
        """
        try:
            state = self.state
        except ManifestError:
            state = StoreState()
        if state.product is not None:
            return state.product
        manifests = self.manifests()
        if state.active is not None:
            return manifests[state.active].name if state.active in manifests else None
        names = {manifest.name for manifest in manifests.values()}
        return names.pop() if len(names) == 1 else None

    def check_product(self, name: str, told: str | None) -> None:
        """Refuses a bundle of another product than the store's, unless its name was told.

        Raises:
            UnreadableError: the system does not give the state file.
            UsageError: it is another product's.
        """
        if told is not None and told != name:
            raise UsageError(f"--product: expected {name!r}, the name of the bundle, found {told[:128]!r}")
        mine = self.product()
        if told is None and mine is not None and mine != name:
            raise UsageError(
                f"{self.folder}: expected a bundle of {mine!r}, found one of {name!r}; say --product {name!r} if this "
                f"store shall judge that product, or name the bundle with goodpart-bank build --name {mine!r}"
            )

    def earlier(self, state: StoreState) -> list[str]:
        """Digests of the bundles of the store's product that were active before, the latest first."""
        mine, manifests = self.product(), self.manifests()
        others = {digest for digest, manifest in manifests.items() if mine is not None and manifest.name != mine}
        return [digest for digest in reversed(state.history) if digest not in others]

    def signs_better(self, given: Path, place: Path) -> bool:
        """Whether a bundle has a signature that should replace the one of its stored copy."""
        new, old = _signature(given), _signature(place)
        if new is None or new == old:
            return False
        if old is None:
            return True
        # two signatures: only a key tells them apart, and the given one has been checked with it
        if self.public_key is None:
            return False
        try:
            self.read(place)
        except SignatureError:
            return True
        return False

    def is_whole(self, place: Path) -> bool:
        """Whether every byte of a bundle matches its digest; the signature and the serial are not checked."""
        try:
            return read_bundle(place).digest == place.name
        except BundleError:
            return False


def is_store(folder: Path) -> bool:
    """Whether a folder is a store."""
    return found_at(folder / BUNDLES) == "a folder" and found_at(folder / _LOCK) == "a file"


def _signature(folder: Path) -> bytes | None:
    path = folder / SIGNATURE
    return path.read_bytes() if path.is_file() else None
