"""The recipe as it travels in a bundle: canonical, with digests in place of paths."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit

from goodpart.facts.learned import BatchFacts
from goodpart_bank_builder.data.exclude import SHA256
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.recipe.recipe import sha256_of

BACKBONE, IGNORE = "backbone.onnx", "ignore.png"
"""What the stored recipe calls these files, whatever they are called on the workstation."""


def stored_recipe(
    settings: BuildSettings, batches: Sequence[BatchFacts], excluded: Mapping[str, str], *, profile: str
) -> bytes:
    """The recipe of a bundle, with every setting that decides a byte of it and no path of the workstation.

    Args:
        settings: of the build.
        batches: that were learned, as the bundle names them.
        excluded: the sha256 of every image that was left out on demand, by name.
        profile: name of the backbone's profile.
    """
    head: Any = {None: "auto", 0.0: "off"}.get(settings.head, settings.head)
    tables: dict[str, Any] = {
        "product": {"name": settings.product, "serial": settings.serial},
        "backbone": {"file": BACKBONE, "sha256": sha256_of(settings.backbone)},
        "batch": [
            {
                "name": each.name,
                "images": each.name,
                "calibrates": each.calibrates,
                "digest": each.digest,
                **_present(taken=each.taken),
            }
            for each in batches
        ],
        "parts": _present(group=settings.group, group_gap=settings.group_gap),
        "calibration": _present(
            method=settings.calibration.value,
            false_reject_rate=settings.false_reject_rate,
            unit=settings.rate_per.value,
            calibration_parts=settings.calibration_parts,
            calibrates_since=settings.calibrates_since,
        ),
        "bank": _present(
            profile=profile,
            seed=settings.seed,
            ignore=None if settings.ignore is None else IGNORE,
            ignore_sha256=None if settings.ignore is None else sha256_of(settings.ignore),
            exclude=sorted(f"{SHA256}{digest}" for digest in set(excluded.values())),
            head=head,
            thumbnails=settings.thumbnails,
            any_size=settings.any_size,
            skip_unreadable=settings.skip_unreadable,
            max_megapixels=settings.max_megapixels,
        ),
    }
    return tomlkit.dumps(tables).encode("utf-8")


def _present(**keys: Any) -> dict[str, Any]:
    return {name: value for name, value in keys.items() if value is not None}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pins:
    """What the first build writes into the recipe file.

    Attributes:
        backbone_sha256: of the backbone.
        ignore_sha256: of the mask, or None.
        digests: of the batches, in order.
    """

    backbone_sha256: str
    ignore_sha256: str | None
    digests: tuple[str, ...]


def pinned(text: str, pins: Pins) -> str:
    """The text of a recipe with digests where it has none; comments and everything else stay as they are."""
    document = tomlkit.parse(text)
    _pin(document["backbone"], "sha256", pins.backbone_sha256)
    if pins.ignore_sha256 is not None:
        _pin(document["bank"], "ignore_sha256", pins.ignore_sha256)
    batches: Any = document["batch"]
    for batch, digest in zip(batches, pins.digests, strict=False):
        _pin(batch, "digest", digest)
    return tomlkit.dumps(document)


def with_batch(text: str, *, name: str, images: Path, calibrates: bool, taken: str | None = None) -> str:
    """The text of a recipe with one more batch at the end of its batches."""
    document = tomlkit.parse(text)
    table = tomlkit.table()
    table.update({"name": name, "images": images.as_posix(), "calibrates": calibrates, **_present(taken=taken)})
    batches: Any = document.setdefault("batch", tomlkit.aot())
    batches.append(table)
    return tomlkit.dumps(document)


def with_excluded(text: str, digests: Sequence[str]) -> str:
    """The text of a recipe that leaves out some more images, by sha256."""
    document = tomlkit.parse(text)
    bank: Any = document.setdefault("bank", tomlkit.table())
    entries = list(bank.get("exclude", ()))
    array = tomlkit.array()
    array.extend([*entries, *(f"{SHA256}{each}" for each in digests if f"{SHA256}{each}" not in entries)])
    bank["exclude"] = array.multiline(len(array) > 1)
    return tomlkit.dumps(document)


def _pin(table: Any, key: str, digest: str) -> None:
    if key not in table:
        table[key] = digest
