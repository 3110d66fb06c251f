"""Store: the bundles of one inspection station, and one atomic pointer to the active one."""

import dataclasses
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from goodpart._host.atomic import leftover, remove, staged_folder, sweep
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.device import device_path, drift_path
from goodpart.bundle.names import MANIFEST, MANIFEST_SHA256, OWN_FILES, SIGNATURE
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    ContractError,
    RollbackError,
    TrialError,
    UsageError,
    found_at,
)
from goodpart.inspector import Inspector
from goodpart.printable import printable
from goodpart.store.entry import StoredBundle, stored_bundle
from goodpart.store.folder import BUNDLES, StoreFolder
from goodpart.store.state import StoreState
from goodpart.store.trial import DAMAGE, TrialLimits, try_bundle

_REASON = 500
"""Characters of a reason that are kept in the state."""

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Store(StoreFolder):
    """A folder of bundles, one of which is active.

    Commands and Inspectors of several processes may use a store at the same time. If any process is killed at any
    moment, the active bundle is still complete: either the old bundle or the new one.

    Attributes:
        folder: path of the store.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        public_key: str | os.PathLike[str] | None = None,
        minimum_serial: int = 0,
        limits: TrialLimits | None = None,
    ) -> None:
        """Opens a store; adding the first bundle creates the folder.

        Args:
            folder: the store.
            public_key, minimum_serial: required of every bundle, as in `Inspector.load`.
            limits: limits of the child process that self-tests a bundle.
        """
        super().__init__(folder, public_key=public_key, minimum_serial=minimum_serial)
        self._limits = limits or TrialLimits()

    def add(self, bundle: str | os.PathLike[str], *, product: str | None = None) -> Bundle:
        """Checks a bundle, copies it and checks the copy, without activating it. Adding it again repairs the copy.

        Args:
            bundle: folder of the bundle.
            product: its name, if it is another product's than the store's.

        Returns:
            the copy.

        Raises:
            BundleError: the bundle is refused.
            UsageError: it is another product's, the copy cannot be written, or another process holds the store.
        """
        given = self.read(Path(bundle))
        place = self.path(given.digest)
        with self.locked():
            self.check_product(given.manifest.name, product)
            if not self.is_whole(place):
                remove(place)  # a damaged copy has no value
            # the digest does not cover the signature: a worse one must not replace the one that is stored
            elif not self.signs_better(given.folder, place):
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
                        f"{given.folder}: expected an unchanged bundle during the copy, found a changed one"
                    )
        return self.read(place)

    def activate(self, which: str, *, refuse_older: bool = False, product: str | None = None) -> Bundle:
        """Activates a bundle if its self-test passes; otherwise nothing changes.

        Args:
            which: an added bundle: its digest, the beginning of it, its serial, or its product for the one with the
                highest serial.
            refuse_older: whether to refuse a serial below the highest serial that was ever active in the store.
            product: its name, if it is another product's than the store's.

        Raises:
            BundleError: the bundle is refused, or does not pass its self-test.
            UsageError: there is no such bundle, it is another product's, or another process holds the store.
        """
        digest = self.find(which)
        if (manifest := self.manifests().get(digest)) is not None:
            self.check_product(manifest.name, product)
        chosen = self._trial(digest)
        serial = chosen.manifest.serial

        def switch(state: StoreState) -> StoreState:
            if refuse_older and serial < state.highest_serial:
                raise RollbackError(
                    f"{chosen.folder}: expected serial {state.highest_serial} or later, found {serial}; "
                    f"a newer bundle was active here"
                )
            return state.forward(chosen.digest, serial, chosen.manifest.name)

        self.change(switch, mend=True)
        return chosen

    def rollback(self) -> Bundle:
        """Activates the latest earlier bundle that passes its self-test.

        Raises:
            BundleError: no earlier bundle passes; nothing changes.
            UsageError: there is no earlier bundle, or another process holds the store.
        """
        before = self.state
        if not (earlier := self.earlier(before)):
            raise UsageError(
                f"{self.folder}: expected a bundle that was active before, found none of this product; activate another"
            )
        chosen, _ = self._first_good(earlier, self._trial)

        def switch(state: StoreState) -> StoreState:
            if state != before:
                raise UsageError(f"{self.folder}: expected no other switch during the rollback, found one; try again")
            return state.back(chosen.digest)

        self.change(switch)
        return chosen

    def load(self, *, threads: int | None = None, spinning: bool | None = None) -> Inspector:
        """Loads an Inspector of the active bundle, after a self-test in a child process.

        If the bundle itself is proven to be damaged (a missing file, a hash, a self-test), the store falls back to the
        latest earlier bundle of the same product that passes. It logs the fall back and keeps the reason in its state.
        Everything else raises an error, and the state does not change: a file that cannot be read, a device file, a
        wrong key, a wrong minimum serial, a self-test without a result, no memory.

        Args:
            threads, spinning: as in `Inspector.load`.

        Raises:
            BundleError: no bundle was activated, or no bundle passes.
            UsageError: as in `Inspector.load`.
        """

        def loaded(digest: str) -> Inspector:
            folder = self._trial(digest).folder
            try:
                return Inspector.load(
                    folder,
                    threads=threads,
                    spinning=spinning,
                    public_key=self.public_key,
                    minimum_serial=self.minimum_serial,
                )
            except ContractError as error:
                # it has just passed, so that this process is at fault, for example for want of memory
                raise TrialError(f"{error}; it passes in a process of its own") from error

        while True:
            state, active = self.state, self.active().name
            try:
                inspector, wrong = self._first_good((active, *self.earlier(state)), loaded)
            except BundleError:
                if self.state == state:
                    raise
                continue  # another process has switched bundles
            if wrong is None or self._fall_back(state, inspector.bundle.digest, str(wrong)[:_REASON]):
                return inspector
            inspector.close()

    def bundles(self) -> list[StoredBundle]:
        """Lists all bundles in the order of their serials; only the manifests are read."""
        state = self.state
        found = [
            stored_bundle(folder, state, public_key=self.public_key, minimum_serial=self.minimum_serial)
            for folder in self.folders()
        ]
        return sorted(found, key=lambda entry: (entry.serial if entry.serial is not None else -1, entry.digest))

    def gc(self, *, keep: int = 1) -> list[str]:
        """Removes old bundles, their device and drift files, and leftovers of killed processes.

        Args:
            keep: number of earlier active bundles of each product to keep, at least 1; the active one is always kept.

        Returns:
            digests of the removed bundles.

        Raises:
            UsageError: `keep` is below 1, or another process holds the store.
        """
        if keep < 1:
            raise UsageError(f"--keep: expected at least 1, found {keep}; the last good bundle is kept")
        if found_at(self.folder) != "a folder":
            raise UsageError(f"{self.folder}: expected a store, found none; goodpart store add makes one")
        with self.locked():
            state = self.state
            history = self._last_of_each_product(state.history, keep)
            removed = [folder for folder in self.folders() if folder.name not in (state.active, *history)]
            for folder in removed:
                for beside in (device_path(folder), drift_path(folder)):
                    beside.unlink(missing_ok=True)
                # renamed first, so that a power cut cannot leave an incomplete bundle under its name
                folder.rename(leftover(folder))
            sweep(self.folder)
            sweep(self.folder / BUNDLES)
            if left := [folder for folder in removed if leftover(folder).exists()]:
                raise UsageError(f"{leftover(left[0])}: expected a folder that can be removed, found one that stays")
            # last, because only now has a full disk room for it; until then the history names bundles that are gone
            if history != state.history:
                self.write_state(dataclasses.replace(state, history=history))
            return [folder.name for folder in removed]

    def _last_of_each_product(self, history: tuple[str, ...], keep: int) -> tuple[str, ...]:
        """The bundles to go back to: what another product leaves behind must not take their place."""
        names = {digest: manifest.name for digest, manifest in self.manifests().items()}
        kept: list[str] = []
        for digest in reversed(history):
            if self.is_whole(self.path(digest)) and [names[one] for one in kept].count(names[digest]) < keep:
                kept.append(digest)
        return tuple(reversed(kept))

    def _trial(self, digest: str) -> Bundle:
        """Checks every byte of a bundle, and self-tests it in a child process."""
        bundle = self.read(self.path(digest))
        if bundle.digest != digest:
            raise BundleMissingError(f"{bundle.folder}: expected the bundle of that digest, found {bundle.digest}")
        try_bundle(bundle.folder, self._limits)
        return bundle

    def _first_good(self, digests: Iterable[str], take: Callable[[str], _T]) -> tuple[_T, BundleError | None]:
        """Takes the first bundle that is not faulty.

        Args:
            digests: digests to try in this order, at least one.
            take: loads or tries a bundle.

        Returns:
            the result of `take` for the first bundle that is not faulty, and the fault of the first digest, or None.

        Raises:
            BundleError: every bundle is faulty, or the fault is not in the bundle.
        """
        wrong: BundleError | None = None
        for digest in digests:
            try:
                return take(digest), wrong
            except DAMAGE as error:
                _log.warning("%s: passing over bundle %s: %s", printable(self.folder), digest, error)
                wrong = wrong or error
        raise wrong or UsageError(f"{self.folder}: expected at least one bundle, found none")

    def _fall_back(self, failed: StoreState, digest: str, reason: str) -> bool:
        """Records a fall back to a bundle of the history; False if another process has switched bundles."""
        same = True

        def switch(state: StoreState) -> StoreState:
            nonlocal same
            same = state == failed
            return state.back(digest, reason) if same else state

        try:
            self.change(switch)
        except UsageError as error:
            # for example on a read-only disk: judging continues, and the next start falls back again
            _log.warning("%s: cannot note it: %s", printable(self.folder), error)
        if same:
            _log.warning("%s: went back to bundle %s: %s", printable(self.folder), digest, printable(reason))
        return same
