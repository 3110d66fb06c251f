"""Store: the bundles of one inspection station, and one atomic pointer to the active one."""

import dataclasses
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from goodpart._host.atomic import leftover, remove, staged_folder, sweep
from goodpart.bundle.bundle import MANIFEST, MANIFEST_SHA256, OWN_FILES, SIGNATURE, Bundle
from goodpart.bundle.device import device_path
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    RollbackError,
    SignatureError,
    TrialError,
    UsageError,
    found_at,
)
from goodpart.inspector import Inspector
from goodpart.store.entry import StoredBundle, stored_bundle
from goodpart.store.folder import BUNDLES, StoreFolder
from goodpart.store.state import StoreState
from goodpart.store.trial import TrialLimits, try_bundle

_REASON = 500
"""Characters of a reason that the state keeps."""

_NOT_THE_BUNDLES_FAULT = (SignatureError, RollbackError, TrialError)
"""Errors of a wrong key, a wrong lowest serial or a slow machine; they never move the pointer."""

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Store(StoreFolder):
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
        super().__init__(folder, public_key=public_key, minimum_serial=minimum_serial)
        self._limits = limits or TrialLimits()

    def add(self, bundle: str | os.PathLike[str]) -> Bundle:
        """Checks a bundle, copies it, and checks the copy; nothing is activated. Adding it again repairs the copy.

        Args:
            bundle: its folder.

        Returns:
            the copy.

        Raises:
            BundleError: it is refused.
            UsageError: the copy cannot be written, or another process holds the store.
        """
        given = self.read(Path(bundle))
        place = self.path(given.digest)
        with self.locked():
            if not self.is_whole(place):
                remove(place)  # nothing is lost with it
            # the signature is the one file that the digest does not cover; no unsigned copy takes one away
            elif _signature(given.folder) in (None, _signature(place)):
                return self.read(place)
            with staged_folder(place, force=True, mark=MANIFEST_SHA256, own=OWN_FILES) as staging:
                for name in [MANIFEST, MANIFEST_SHA256, SIGNATURE, *given.manifest.files]:
                    if name != SIGNATURE or (given.folder / name).exists():
                        (staging / name).parent.mkdir(exist_ok=True)
                        (staging / name).parent.chmod(0o755)
                        shutil.copyfile(given.folder / name, staging / name)
                        (staging / name).chmod(0o444)
                if self.read(staging).digest != given.digest:
                    raise UsageError(
                        f"{given.folder}: expected a bundle that stays as it is, found it changed meanwhile"
                    )
        return self.read(place)

    def activate(self, digest: str, *, refuse_older: bool = False) -> Bundle:
        """Makes a bundle the active one, if its self-test passes; else nothing changes.

        Args:
            digest: of a bundle that was added, or the beginning of it.
            refuse_older: whether a serial below the highest that was ever active here is refused.

        Raises:
            BundleError: it is refused or does not pass its self-test.
            UsageError: no such bundle, or another process holds the store.
        """
        chosen = self._trial(self.find(digest))
        serial = chosen.manifest.serial

        def switch(state: StoreState) -> StoreState:
            if refuse_older and serial < state.highest_serial:
                raise RollbackError(
                    f"{chosen.folder}: expected serial {state.highest_serial} or later, found {serial}; "
                    f"a newer bundle was active here"
                )
            return state.forward(chosen.digest, serial)

        self.change(switch, mend=True)
        return chosen

    def rollback(self) -> Bundle:
        """Makes the last bundle that was active before, and still passes its self-test, the active one again.

        Raises:
            BundleError: none of them passes; nothing changes.
            UsageError: there is none, or another process holds the store.
        """
        before = self.state
        if not before.history:
            raise UsageError(f"{self.folder}: expected a bundle that was active before, found none; activate another")
        chosen, _ = self._first_good(reversed(before.history), self._trial)

        def switch(state: StoreState) -> StoreState:
            if state != before:
                raise UsageError(f"{self.folder}: expected no other switch meanwhile, found one; try again")
            return state.back(chosen.digest)

        self.change(switch)
        return chosen

    def load(self, *, threads: int | None = None, spinning: bool | None = None) -> Inspector:
        """An Inspector of the active bundle, after a self-test in a child process.

        Where the bundle itself is at fault, the store goes back by itself to the last one before that passes, says so
        in the log and keeps the reason in its state. What is the fault of the key, of the lowest serial or of a
        self-test that came to no end is raised, and the state stays.

        Args:
            threads, spinning: as in `Inspector.load`.

        Raises:
            BundleError: no bundle was activated, or none is left that passes.
            UsageError: as in `Inspector.load`.
        """

        def loaded(digest: str) -> Inspector:
            folder = self._trial(digest).folder
            return Inspector.load(
                folder,
                threads=threads,
                spinning=spinning,
                public_key=self.public_key,
                minimum_serial=self.minimum_serial,
            )

        while True:
            state, active = self.state, self.active().name
            try:
                inspector, wrong = self._first_good((active, *reversed(state.history)), loaded)
            except BundleError:
                if self.state == state:
                    raise
                continue  # somebody has switched meanwhile
            if wrong is None or self._fall_back(state, inspector.bundle.digest, str(wrong)[:_REASON]):
                return inspector
            inspector.close()

    def bundles(self) -> list[StoredBundle]:
        """All bundles, in the order of their serials; only their manifests are read."""
        state = self.state
        found = [
            stored_bundle(folder, state, public_key=self.public_key, minimum_serial=self.minimum_serial)
            for folder in self.folders()
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
        if found_at(self.folder) != "a folder":
            raise UsageError(f"{self.folder}: expected a store, found none; goodpart store add makes one")
        with self.locked():
            state = self.state
            history = tuple(digest for digest in state.history if self.is_whole(self.path(digest)))[-keep:]
            if history != state.history:
                self.write_state(dataclasses.replace(state, history=history))
            removed = [folder for folder in self.folders() if folder.name not in (state.active, *history)]
            for folder in removed:
                device_path(folder).unlink(missing_ok=True)
                # under another name first: what is left of it after a power cut is no bundle any more
                folder.rename(leftover(folder))
            sweep(self.folder)
            sweep(self.folder / BUNDLES)
            if left := [folder for folder in removed if leftover(folder).exists()]:
                raise UsageError(f"{leftover(left[0])}: expected a folder that can be removed, found one that stays")
            return [folder.name for folder in removed]

    def _trial(self, digest: str) -> Bundle:
        """The bundle, after every byte of it was checked here and it passed its self-test in a child process."""
        bundle = self.read(self.path(digest))
        if bundle.digest != digest:
            raise BundleMissingError(f"{bundle.folder}: expected the bundle of that digest, found {bundle.digest}")
        try_bundle(bundle.folder, self._limits)
        return bundle

    def _first_good(self, digests: Iterable[str], take: Callable[[str], _T]) -> tuple[_T, BundleError | None]:
        """Takes the first bundle that is not refused for a fault of its own.

        Args:
            digests: at least one.
            take: loads or tries one of them.

        Returns:
            what `take` makes of the first one that it does not refuse, and what is wrong with the first of all.

        Raises:
            BundleError: every one is at fault, or something else than the bundle is.
        """
        wrong: BundleError | None = None
        for digest in digests:
            try:
                return take(digest), wrong
            except _NOT_THE_BUNDLES_FAULT:
                raise
            except BundleError as error:
                _log.warning("%s: passing over bundle %s: %s", self.folder, digest, error)
                wrong = wrong or error
        raise wrong or UsageError(f"{self.folder}: expected at least one bundle, found none")

    def _fall_back(self, failed: StoreState, digest: str, reason: str) -> bool:
        """Notes that a bundle of the history judges from now on; False if somebody has switched meanwhile."""
        same = True

        def switch(state: StoreState) -> StoreState:
            nonlocal same
            same = state == failed
            return state.back(digest, reason) if same else state

        try:
            self.change(switch)
        except UsageError as error:
            # on a read-only disk, say: judging goes on, and the next start comes to the same end
            _log.warning("%s: cannot note it: %s", self.folder, error)
        if same:
            _log.warning("%s: went back to bundle %s: %s", self.folder, digest, reason)
        return same


def _signature(folder: Path) -> bytes | None:
    path = folder / SIGNATURE
    return path.read_bytes() if path.is_file() else None
