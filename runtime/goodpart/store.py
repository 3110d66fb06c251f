"""Store: the bundles of one inspection station, and one atomic pointer to the active one.

STORE/bundles/<digest>/     immutable copies, each checked after it was copied
STORE/state.json            which is active, which were before; replaced in one step, never changed
STORE/lock                  held while something is written; the system lifts it when its process ends
"""

import dataclasses
import logging
import os
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from goodpart import strict_json
from goodpart.atomic import leftover, staged_folder, sweep, write_file
from goodpart.bundle import MANIFEST, MANIFEST_SHA256, OWN_FILES, SIGNATURE, Bundle, read_bundle
from goodpart.checked_file import read_file
from goodpart.device import device_path
from goodpart.errors import BundleError, BundleMissingError, RollbackError, UsageError, found_at
from goodpart.inspector import Inspector
from goodpart.locks import locked
from goodpart.spec import SHA256
from goodpart.store_state import StoreState
from goodpart.stored_bundle import StoredBundle, stored_bundle
from goodpart.trial import TrialLimits, try_bundle

BUNDLES, _STATE, _LOCK = "bundles", "state.json", "lock"

_STATE_LIMIT_BYTES = 1 << 16
_SHORTEST_DIGEST = 6

_log = logging.getLogger(__name__)


class Store:
    """A folder of bundles, one of which is active.

    Commands and running Inspectors of several processes may use a store at the same time. Whatever ends any of them, at
    whatever moment, the store points to a whole bundle: the old or the new one.

    Attributes:
        folder: where it lies.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        public_key: str | os.PathLike[str] | None = None,
        minimum_serial: int = 0,
        limits: TrialLimits | None = None,
    ) -> None:
        """Opens a store; the folder appears with the first bundle.

        Args:
            folder: the store.
            public_key, minimum_serial: what every bundle must show, as in `Inspector.load`.
            limits: of the child process that self-tests a bundle.
        """
        self.folder = Path(folder)
        self._key = None if public_key is None else Path(public_key)
        self._minimum_serial = minimum_serial
        self._limits = limits or TrialLimits()

    @property
    def state(self) -> StoreState:
        """What the store points to now.

        Raises:
            BundleError: its state file is damaged.
        """
        if found_at(self.folder / _STATE) == "nothing":
            return StoreState()
        text = read_file(self.folder, _STATE, _STATE_LIMIT_BYTES)
        return strict_json.decode(StoreState, text, where=str(self.folder / _STATE))

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

    def add(self, bundle: str | os.PathLike[str]) -> Bundle:
        """Checks a bundle, copies it, and checks the copy; nothing is activated. Adding it again repairs the copy.

        Args:
            bundle: its folder.

        Returns:
            the copy.

        Raises:
            BundleError: it is refused.
            UsageError: the disk refuses, or another process holds the store.
        """
        given = self._read(Path(bundle))
        place = self.path(given.digest)
        with self._locked():
            if self._is_whole_copy(given, place):
                return self._read(place)
            if place.exists() and not (place / MANIFEST_SHA256).is_file():
                shutil.rmtree(place)  # damaged, and ours to replace
            with staged_folder(place, force=True, mark=MANIFEST_SHA256, own=OWN_FILES) as staging:
                for name in [MANIFEST, MANIFEST_SHA256, SIGNATURE, *given.manifest.files]:
                    if name != SIGNATURE or (given.folder / name).exists():
                        (staging / name).parent.mkdir(exist_ok=True)
                        shutil.copyfile(given.folder / name, staging / name)
                        (staging / name).chmod(0o444)
                if self._read(staging).digest != given.digest:
                    raise UsageError(
                        f"{given.folder}: expected a bundle that stays as it is, found it changed meanwhile"
                    )
        return self._read(place)

    def activate(self, digest: str, *, refuse_older: bool = False) -> Bundle:
        """Makes a bundle the active one, if its self-test passes; else nothing changes.

        Args:
            digest: of a bundle that was added, or the beginning of it.
            refuse_older: whether a serial below the highest that was ever active here is refused.

        Raises:
            BundleError: it is refused or does not pass its self-test.
            UsageError: no such bundle, or another process holds the store.
        """
        chosen = self._trial(self._find(digest))
        serial = chosen.manifest.serial

        def switch(state: StoreState) -> StoreState:
            if refuse_older and serial < state.highest_serial:
                raise RollbackError(
                    f"{chosen.folder}: expected serial {state.highest_serial} or later, found {serial}; "
                    f"a newer bundle was active here"
                )
            return state.forward(chosen.digest, serial)

        self._change(switch)
        return chosen

    def rollback(self) -> Bundle:
        """Makes the bundle that was active before the active one again, if its self-test passes; else nothing changes.

        Raises:
            BundleError: it is refused or does not pass its self-test.
            UsageError: there is none, or another process holds the store.
        """
        before = self.state
        if not before.history:
            raise UsageError(f"{self.folder}: expected a bundle that was active before, found none; activate another")
        chosen = self._trial(before.history[-1])

        def switch(state: StoreState) -> StoreState:
            if state != before:
                raise UsageError(
                    f"{self.folder}: expected nobody else to switch meanwhile, found another state; try again"
                )
            return state.back(None)

        self._change(switch)
        return chosen

    def load(self, *, threads: int | None = None, spinning: bool | None = None) -> Inspector:
        """An Inspector of the active bundle, after a self-test in a child process.

        Where that fails the store goes back to the bundle before by itself, says so in the log and keeps the reason in
        its state.

        Args:
            threads, spinning: as in `Inspector.load`.

        Raises:
            BundleError: no bundle was activated, or none is left that passes.
            UsageError: as in `Inspector.load`.
        """
        while True:
            state, folder = self.state, self.active()
            try:
                self._trial(folder.name)
                return Inspector.load(
                    folder,
                    threads=threads,
                    spinning=spinning,
                    public_key=self._key,
                    minimum_serial=self._minimum_serial,
                )
            except BundleError as error:
                if not state.history:
                    raise
                self._fall_back(state, error)

    def bundles(self) -> list[StoredBundle]:
        """All bundles, in the order of their serials; only their manifests are read."""
        state = self.state
        found = [
            stored_bundle(folder, state, public_key=self._key, minimum_serial=self._minimum_serial)
            for folder in self._folders()
        ]
        return sorted(found, key=lambda entry: (entry.serial if entry.serial is not None else -1, entry.digest))

    def gc(self, *, keep: int = 1) -> list[str]:
        """Removes what is no longer needed: bundles, their device files, and what killed processes left.

        Args:
            keep: how many of the bundles that were active before stay, at least 1; the active one always does.

        Returns:
            digests of the bundles that were removed.

        Raises:
            UsageError: fewer than 1, or another process holds the store.
        """
        if keep < 1:
            raise UsageError(f"--keep: expected at least 1, found {keep}; the last good bundle is kept")
        with self._locked():
            state = self.state
            kept = {state.active, *state.history[-keep:]}
            self._write(dataclasses.replace(state, history=state.history[-keep:]))
            removed = [folder for folder in self._folders() if folder.name not in kept]
            for folder in removed:
                # under another name first: what is left of it after a power cut is no bundle any more
                folder.rename(leftover(folder))
                device_path(folder).unlink(missing_ok=True)
            sweep(self.folder)
            sweep(self.folder / BUNDLES)
            return [folder.name for folder in removed]

    def _read(self, folder: Path) -> Bundle:
        return read_bundle(folder, public_key=self._key, minimum_serial=self._minimum_serial)

    def _trial(self, digest: str) -> Bundle:
        """The bundle, after every byte of it was checked here and it passed its self-test in a child process."""
        bundle = self._read(self.path(digest))
        if bundle.digest != digest:
            raise BundleMissingError(f"{bundle.folder}: expected the bundle of that digest, found {bundle.digest}")
        try_bundle(bundle.folder, self._limits)
        return bundle

    def _fall_back(self, failed: StoreState, error: BundleError) -> None:
        _log.warning("%s: going back to the bundle before: %s", self.folder, error)
        # another process may have gone back, or on, meanwhile
        self._change(lambda state: state.back(str(error)) if state == failed else state)

    def _change(self, change: Callable[[StoreState], StoreState]) -> None:
        with self._locked():
            state = change(self.state)
            if state.active is not None and found_at(self.path(state.active)) != "a folder":
                raise BundleMissingError(f"{self.path(state.active)}: expected a bundle, found none; add it again")
            self._write(state)

    def _write(self, state: StoreState) -> None:
        if state != self.state:
            write_file(self.folder / _STATE, strict_json.encode(state))

    def _locked(self) -> AbstractContextManager[None]:
        try:
            (self.folder / BUNDLES).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.folder}: expected a store, or a place for one, found {error.strerror}") from error
        return locked(self.folder / _LOCK)

    def _folders(self) -> list[Path]:
        if found_at(self.folder / BUNDLES) != "a folder":
            return []
        return [path for path in (self.folder / BUNDLES).iterdir() if SHA256.fullmatch(path.name)]

    def _find(self, begin: str) -> str:
        """The digest of a bundle that begins like this."""
        if not re.fullmatch(f"[0-9a-f]{{{_SHORTEST_DIGEST},64}}", begin):
            raise UsageError(f"digest: expected at least its first {_SHORTEST_DIGEST} hex digits, found {begin[:80]!r}")
        found = [folder.name for folder in self._folders() if folder.name.startswith(begin)]
        if len(found) != 1:
            raise UsageError(
                f"{self.folder}: expected one bundle whose digest begins with {begin}, found {len(found)}; "
                f"goodpart store list shows them"
            )
        return found[0]

    def _is_whole_copy(self, given: Bundle, place: Path) -> bool:
        try:
            self._read(place)
        except BundleError:
            return False
        # the signature is the one file that the digest does not cover; no unsigned copy takes a signature away
        return _signature(given.folder) in (None, _signature(place))


def _signature(folder: Path) -> bytes | None:
    path = folder / SIGNATURE
    return path.read_bytes() if path.is_file() else None
