"""The recipe, read strictly: an unknown key, a wrong type or a missing path is one line with file and line number."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from goodpart._host import toml_tables
from goodpart._host.toml_tables import Places, check_table, parsed
from goodpart.errors import UsageError, found_at
from goodpart.facts.calibration import CalibrationMethod, RateUnit
from goodpart.facts.learned import check_batch_name
from goodpart.facts.manifest import check_name
from goodpart_bank_builder.data.batches import Batch, is_list
from goodpart_bank_builder.data.settings import BuildSettings, LearnSettings
from goodpart_bank_builder.recipe.schema import NEEDED, TABLES

SUFFIX = ".toml"
EMBEDDINGS_MB = 1024
"""What embeddings may take in the workspace, unless the recipe says otherwise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a bank is built from and how.

    Attributes:
        file: the recipe.
        settings: of the build; `serial` is 0 where the recipe says "auto", and `out` is the bundle of the product.
        serial: of the bundle; None for one more than the last.
        backbone_sha256, ignore_sha256: what these files must be; None before the first build.
        key: private key to sign with, or None.
        embeddings_mb: what embeddings may take in the workspace.
        places: file and line of tables and keys, for messages.
    """

    file: Path
    settings: BuildSettings
    serial: int | None
    backbone_sha256: str | None
    ignore_sha256: str | None
    key: Path | None
    embeddings_mb: int
    places: Places

    def check_pins(self) -> None:
        """Refuses a backbone or a mask that is not the pinned one.

        Raises:
            UsageError: the digest of a file is another one; the message names both.
        """
        for path, pinned, table, key in (
            (self.settings.backbone, self.backbone_sha256, "backbone", "sha256"),
            (self.settings.ignore, self.ignore_sha256, "bank", "ignore_sha256"),
        ):
            if path is not None and pinned is not None and (found := sha256_of(path)) != pinned:
                raise UsageError(
                    f"{self.places.of(table, key)}: expected {path} with sha256 {pinned}, found {found}; put the file "
                    f"back, or correct {key}"
                )


def is_recipe(path: Path) -> bool:
    """Whether a path on the command line is a recipe rather than a folder."""
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def read_recipe(file: Path, text: str | None = None) -> Recipe:
    """Reads a recipe; its paths are relative to its folder.

    Args:
        file: the recipe.
        text: what counts in place of what the file holds, for a recipe that is about to be written.

    Raises:
        UsageError: no such file, no TOML, an unknown, missing or wrong key, or a path that leads to nothing.
    """
    places = Places(file=file, text=read_text(file) if text is None else text)
    tables = _checked(parsed(places), places)
    _check_dates(tables, places)
    batches = tuple(_batch(entry, number, places) for number, entry in enumerate(tables["batch"]))
    return _recipe(tables, batches, places)


def sha256_of(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: expected a readable file, found none ({error.strerror})") from error


def read_text(file: Path) -> str:
    """The text of a recipe file.

    Raises:
        UsageError: no such file, too large, or no UTF-8.
    """
    return toml_tables.read_text(file, what="a recipe")


def _checked(plain: dict[str, Any], places: Places) -> dict[str, Any]:
    """The tables, each of which holds what the schema allows."""
    for name, value in plain.items():
        if name not in TABLES:
            where = places.of(name) if isinstance(value, (dict, list)) else places.of("", name)
            raise UsageError(f"{where}: expected one of the tables {', '.join(TABLES)}, found {name!r}")
        wanted = list if name == "batch" else dict
        if not isinstance(value, wanted) or not all(isinstance(each, dict) for each in _entries(value)):
            brackets = f"[[{name}]]" if wanted is list else f"[{name}]"
            where = places.of(name) if places.of(name) != str(places.file) else places.of("", name)
            raise UsageError(f"{where}: expected {brackets}, found something else")
        for number, entry in enumerate(_entries(value)):
            check_table(name, number, entry, TABLES[name], places)
    for name in NEEDED:
        if not plain.get(name):
            brackets = f"[[{name}]]" if name == "batch" else f"[{name}]"
            raise UsageError(f"{places.file}: expected the table {brackets}, found none")
    return plain


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _check_dates(tables: dict[str, Any], places: Places) -> None:
    """Refuses a batch that calibrates and does not say when it was taken, where this decides whether it may."""
    since = tables.get("calibration", {}).get("calibrates_since")
    for number, entry in enumerate(tables["batch"] if since is not None else ()):
        if entry.get("calibrates", True) and "taken" not in entry:
            raise UsageError(
                f"{places.of('batch', '', number)}: expected the key 'taken' in batch {entry['name']!r}, because "
                f"{places.of('calibration', 'calibrates_since')} asks when each batch was taken, found none; give the "
                f"month of its oldest image"
            )


def _batch(entry: dict[str, Any], number: int, places: Places) -> Batch:
    images = places.file.parent / entry["images"]
    if not images.is_dir() and not (images.is_file() and is_list(images)):
        raise UsageError(
            f"{places.of('batch', 'images', number)}: expected a folder or a list file (.txt) at {images}, found "
            f"{found_at(images)}"
        )
    try:
        check_batch_name(entry["name"])
        return Batch(
            name=entry["name"],
            images=images,
            calibrates=entry.get("calibrates", True),
            digest=entry.get("digest"),
            taken=entry.get("taken"),
        )
    except UsageError as error:
        raise UsageError(f"{places.of('batch', 'name', number)}: {error}") from error


def _recipe(tables: dict[str, Any], batches: tuple[Batch, ...], places: Places) -> Recipe:
    product, backbone = tables["product"], tables["backbone"]
    parts, calibration, bank = (tables.get(name, {}) for name in ("parts", "calibration", "bank"))
    folder, serial = places.file.parent, product.get("serial", "auto")
    ignore = _existing(places, "bank", "ignore", bank.get("ignore"))
    file = _existing(places, "backbone", "file", backbone["file"])
    _check_product(product["name"], places)
    given = {key: bank[key] for key in ("seed", "thumbnails", "any_size", "skip_unreadable") if key in bank}
    try:
        settings = BuildSettings(
            good_dir=batches[0].folder,
            batches=batches,
            backbone=file or folder,
            out=folder / product.get("bundle", f"bundles/{product['name']}"),
            name=product["name"],
            serial=0 if serial == "auto" else serial,
            group=parts.get("group"),
            group_gap=parts.get("group_gap", 0),
            calibration=CalibrationMethod(calibration.get("method", LearnSettings.calibration.value)),
            false_reject_rate=float(calibration.get("false_reject_rate", LearnSettings.false_reject_rate)),
            rate_per=RateUnit(calibration.get("unit", LearnSettings.rate_per.value)),
            calibration_parts=calibration.get("calibration_parts"),
            calibrates_since=calibration.get("calibrates_since"),
            profile=bank.get("profile"),
            ignore=ignore,
            exclude=tuple(bank.get("exclude", ())),
            head=_head(bank.get("head", "auto")),
            max_megapixels=float(bank.get("max_megapixels", LearnSettings.max_megapixels)),
            **given,
        )
    except UsageError as error:
        raise UsageError(f"{places.file}: {error}") from error
    return Recipe(
        file=places.file,
        settings=settings,
        serial=None if serial == "auto" else serial,
        backbone_sha256=backbone.get("sha256"),
        ignore_sha256=bank.get("ignore_sha256"),
        embeddings_mb=tables.get("workspace", {}).get("embeddings_mb", EMBEDDINGS_MB),
        key=_existing(places, "sign", "key", tables.get("sign", {}).get("key")),
        places=places,
    )


def _check_product(name: str, places: Places) -> None:
    """Refuses what cannot be a product's name, or a folder's."""
    where = places.of("product", "name")
    try:
        check_name(name)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    if not {"/", "\\"}.isdisjoint(name) or name in (".", ".."):
        raise UsageError(f"{where}: name: expected a name without slashes, found {name!r}")


def _existing(places: Places, table: str, key: str, name: str | None) -> Path | None:
    """The file that a key names, or None without the key."""
    if name is None:
        return None
    path = places.file.parent / name
    if not path.is_file():
        raise UsageError(f"{places.of(table, key)}: expected a file at {path}, found {found_at(path)}")
    return path


def _head(value: str | float) -> float | None:
    return {"off": 0.0, "auto": None}[value] if isinstance(value, str) else float(value)
