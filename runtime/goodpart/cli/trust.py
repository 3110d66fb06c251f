"""Trust: what a bundle must show on this device before a command believes it."""

import argparse
import os
from pathlib import Path
from typing import TypedDict

PUBLIC_KEY_VARIABLE = "GOODPART_PUBLIC_KEY"
"""The environment variable that configures a key for all commands of a device."""


class Trust(TypedDict):
    """What `read_bundle` and `Inspector.load` take."""

    public_key: Path | None
    minimum_serial: int


def add_trust_options(parser: argparse.ArgumentParser) -> None:
    """What a bundle must show before it is believed; `trust` hands it on."""
    configured = os.environ.get(PUBLIC_KEY_VARIABLE)
    parser.add_argument(
        "--public-key", type=Path, metavar="PEM", default=None if configured is None else Path(configured),
        help=f"refuse bundles that this Ed25519 key has not signed (default: ${PUBLIC_KEY_VARIABLE})",
    )  # fmt: skip
    parser.add_argument(
        "--minimum-serial",
        type=int,
        metavar="N",
        default=0,
        help="refuse bundles with a lower serial, that is older ones",
    )


def trust(options: argparse.Namespace) -> Trust:
    """What the options of `add_trust_options` say."""
    return {"public_key": options.public_key, "minimum_serial": options.minimum_serial}
