"""The parts of an Inspector, as a checked bundle and the settings of this device give them."""

import dataclasses
import logging
import os
from pathlib import Path

from goodpart._host.machine import usable_cores
from goodpart.bank.search import Bank
from goodpart.bundle.bank import load_bank
from goodpart.bundle.bundle import Bundle, read_bundle
from goodpart.bundle.device import DeviceSettings, moved_lines, read_device
from goodpart.bundle.names import BACKBONE
from goodpart.bundle.term import load_term
from goodpart.model.backbone import Backbone, check_backbone, check_threads
from goodpart.printable import printable
from goodpart.scoring.term import KnownTerm

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """What judges frames.

    Attributes:
        bundle: what the others come from.
        backbone, bank: as loaded.
        term: what every patch's distance carries besides, None for nothing.
        settings: of this device.
    """

    bundle: Bundle
    backbone: Backbone
    bank: Bank
    term: KnownTerm | None
    settings: DeviceSettings


def load_parts(
    folder: str | os.PathLike[str],
    *,
    threads: int | None,
    spinning: bool | None,
    public_key: str | os.PathLike[str] | None,
    minimum_serial: int,
    on_device: bool,
) -> Parts:
    """Verifies every byte of a bundle and loads it; arguments and errors as in `Inspector.load`."""
    key = None if public_key is None else Path(public_key)
    bundle = read_bundle(Path(folder), public_key=key, minimum_serial=minimum_serial, keep=True)
    settings = (read_device(bundle) if on_device else None) or DeviceSettings(bundle=bundle.digest)
    if threads is None:
        threads = settings.threads or usable_cores()
    check_threads(threads)
    # onnxruntime needs the most memory while it opens the model: by then the other files' bytes have been let go
    bank = load_bank(bundle, threads=threads)
    backbone = Backbone(
        bundle.read_backbone(),
        threads=threads,
        spinning=bool(settings.spinning) if spinning is None else spinning,
        where=str(Path(folder) / BACKBONE),
    )
    check_backbone(backbone.spec, bundle.manifest.backbone, str(folder))
    return Parts(bundle=bundle, backbone=backbone, bank=bank, term=load_term(bundle), settings=settings)


def tell_moved(bundle: Bundle, settings: DeviceSettings) -> None:
    """Logs what a device has changed of a bundle's own answers."""
    for words in moved_lines(bundle, settings).values():
        _log.warning("%s: %s", printable(bundle.folder), words)
