"""Options that several commands of `goodpart` share, and their meaning."""

import argparse
import math
import os
from pathlib import Path
from typing import TypedDict

from goodpart.bundle.manifest_file import read_manifest
from goodpart.errors import BundleMissingError
from goodpart.frames.images import MAX_MEGAPIXELS
from goodpart.printable import printable
from goodpart.store.folder import is_store
from goodpart.store.store import Store

PUBLIC_KEY_VARIABLE = "GOODPART_PUBLIC_KEY"
"""The environment variable that names the key for all commands of a device."""


class Trust(TypedDict):
    """Requirements that a bundle must meet before use, as arguments of `read_bundle` and `Inspector.load`."""

    public_key: Path | None
    minimum_serial: int


def add_bundle_argument(parser: argparse.ArgumentParser) -> None:
    """Adds BUNDLE and the requirements for the bundle; `bundle_folder` and `trust` read them."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="bundle folder, or a store for its active bundle")
    add_trust_options(parser)


def bundle_folder(options: argparse.Namespace) -> Path:
    """The folder of the bundle: the active bundle if BUNDLE is a store, else BUNDLE itself.

    Raises:
        BundleError: no bundle of the store is active, or its folder holds another bundle.
    """
    given: Path = options.bundle
    if not is_store(given):
        return given
    folder = Store(given).active()
    if (found := read_manifest(folder)[1]) != folder.name:
        raise BundleMissingError(f"{folder}: expected the bundle of that digest, found {found}; add it again")
    return folder


def add_store_argument(parser: argparse.ArgumentParser) -> None:
    """Adds STORE."""
    parser.add_argument("store", type=Path, metavar="STORE", help="folder of the store")


def add_trust_options(parser: argparse.ArgumentParser) -> None:
    """Adds the requirements for a bundle; `trust` reads them."""
    configured = os.environ.get(PUBLIC_KEY_VARIABLE)
    # argparse would read a per cent sign in the path as a placeholder
    now = "not set" if configured is None else printable(configured).replace("%", "%%")
    parser.add_argument(
        "--public-key", type=Path, metavar="PEM", default=None if configured is None else Path(configured),
        help=f"refuse bundles that this Ed25519 key did not sign (default: ${PUBLIC_KEY_VARIABLE}, now {now})",
    )  # fmt: skip
    parser.add_argument(
        "--minimum-serial", type=int, metavar="N", default=0,
        help="refuse bundles with a lower serial number (default: %(default)s)",
    )  # fmt: skip


def trust(options: argparse.Namespace) -> Trust:
    """The values of the options of `add_trust_options`."""
    return {"public_key": options.public_key, "minimum_serial": options.minimum_serial}


def add_threads_option(parser: argparse.ArgumentParser, *, what: str = "threads per frame") -> None:
    """Adds `--threads`.

    Args:
        parser: parser of the command.
        what: the meaning of the number, for the help.
    """
    parser.add_argument(
        "--threads", type=int, metavar="N", help=f"{what} (default: as `goodpart tune` found, else all cores)"
    )


def add_megapixels_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--max-megapixels`."""
    parser.add_argument(
        "--max-megapixels", type=_megapixels, metavar="N", default=MAX_MEGAPIXELS,
        help="refuse image files whose header states more million pixels (default: %(default)g)",
    )  # fmt: skip


def _megapixels(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number > 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return number


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    parser.add_argument("--json", action="store_true", help="print results for programs, one JSON object per line")
