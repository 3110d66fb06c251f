"""One bundle of a store, as a list shows it."""

import dataclasses
from pathlib import Path

from goodpart.bundle.bundle import SIGNATURE, read_manifest
from goodpart.errors import BundleError
from goodpart.facts.manifest import Manifest
from goodpart.store.state import StoreState


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredBundle:
    """One bundle of a store.

    Attributes:
        digest: its identity, and the name of its folder.
        name, serial, size_bytes: as its manifest says; None where it is damaged.
        signed: whether a signature lies in it (not whether it is right).
        active, last_good: whether it judges, and whether a rollback would go there.
        error: why it is refused, or None. Only the manifest is read for this; activating checks every byte.
    """

    digest: str
    name: str | None
    serial: int | None
    size_bytes: int | None
    signed: bool
    active: bool
    last_good: bool
    error: str | None


def stored_bundle(folder: Path, state: StoreState, *, public_key: Path | None, minimum_serial: int) -> StoredBundle:
    """What a list shows of a bundle.

    Args:
        folder: of the bundle, named by its digest.
        state: of the store.
        public_key, minimum_serial: as in `read_bundle`.
    """
    digest = folder.name
    manifest: Manifest | None = None
    error: str | None = None
    try:
        manifest, found = read_manifest(folder, public_key=public_key, minimum_serial=minimum_serial)
        if found != digest:
            error = f"{folder}: expected the bundle of that digest, found {found}"
    except BundleError as refused:
        error = str(refused)
    return StoredBundle(
        digest=digest,
        name=None if manifest is None else manifest.name,
        serial=None if manifest is None else manifest.serial,
        size_bytes=None if manifest is None else sum(facts.size_bytes for facts in manifest.files.values()),
        signed=(folder / SIGNATURE).is_file(),
        active=digest == state.active,
        last_good=digest == (state.history[-1] if state.history else None),
        error=error,
    )
