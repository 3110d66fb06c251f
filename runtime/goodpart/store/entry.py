"""Entry of one bundle in the list of a store."""

import dataclasses
from pathlib import Path

from goodpart.bundle.device import DeviceSettings, read_settings
from goodpart.bundle.manifest_file import read_manifest
from goodpart.bundle.names import SIGNATURE
from goodpart.errors import BundleError
from goodpart.facts.manifest import Manifest
from goodpart.store.state import StoreState


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredBundle:
    """One bundle of a store.

    Attributes:
        digest: the bundle's identity, and the name of its folder.
        name, serial, size_bytes: as the manifest states; None if the manifest is damaged.
        signed: whether the bundle holds a signature (not whether the signature is valid).
        active, last_good: whether the bundle is active, and whether a rollback would activate it.
        threshold: that this device uses instead of the bundle's own, in sigmas, None if it uses that.
        checks_moved: whether this device has widened the bundle's frame checks.
        error: why the bundle or this device's settings for it are refused, or None. Only the manifest is read for this;
            activation checks every byte.
    """

    digest: str
    name: str | None
    serial: int | None
    size_bytes: int | None
    signed: bool
    active: bool
    last_good: bool
    threshold: float | None
    checks_moved: bool
    error: str | None


def stored_bundle(folder: Path, state: StoreState, *, public_key: Path | None, minimum_serial: int) -> StoredBundle:
    """Makes the entry of a bundle.

    Args:
        folder: folder of the bundle, named by its digest.
        state: state of the store.
        public_key, minimum_serial: as in `read_bundle`.
    """
    digest = folder.name
    manifest: Manifest | None = None
    settings: DeviceSettings | None = None
    error: str | None = None
    try:
        manifest, found = read_manifest(folder, public_key=public_key, minimum_serial=minimum_serial)
        if found != digest:
            error = f"{folder}: expected the bundle of that digest, found {found}"
        settings = read_settings(folder, manifest, digest=digest)
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
        threshold=None if settings is None else settings.threshold,
        checks_moved=settings is not None and settings.ranges is not None,
        error=error,
    )
