"""`goodpart-station products`: the bundles of a station's products; thin over `goodpart store`."""

import argparse
from pathlib import Path

from goodpart import Bundle, Store
from goodpart._host.strict_json import to_plain
from goodpart.cli.common import Command, print_json
from goodpart.cli.options import add_json_option
from goodpart.cli.rows import say, tell
from goodpart.cli.store.shared import add_product_option
from goodpart.errors import UsageError
from goodpart_station.config.config import Config, read_config
from goodpart_station.config.tables import ProductTable

SUMMARY = "Show the products of a station, add bundles to them and activate bundles."


class _List:
    SUMMARY = "Show each product and its bundles."

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.toml", help="the station's file")
        add_json_option(parser)

    def run(self, options: argparse.Namespace) -> int:
        config = read_config(options.file, with_source=False)
        for product in config.products:
            bundles = _store(config, product).bundles()
            if not options.json:
                say(f"{product.number:>5}  {product.name}{'' if bundles else ': no bundles; add one'}")
            for entry in bundles:
                if options.json:
                    print_json({"product": product.number, **to_plain(entry)})
                else:
                    mark = "active" if entry.active else "before" if entry.last_good else ""
                    refused = "" if entry.error is None else f"  refused: {entry.error}"
                    moved = "" if entry.threshold is None else f"  threshold moved to {entry.threshold:.3f} sigmas"
                    moved += "  frame checks moved" if entry.checks_moved else ""
                    say(f"       {mark:<8}{entry.digest[:12]}  serial {entry.serial}{moved}{refused}")
        return 0


class _Add:
    SUMMARY = "Check a bundle and copy it into a product's store, without activating it."

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        _add_product(parser)
        parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder")
        add_product_option(parser)

    def run(self, options: argparse.Namespace) -> int:
        product, store = _open(options)
        bundle = store.add(options.bundle, product=options.product)
        say(f"added: {bundle.manifest.name}, serial {bundle.manifest.serial}, digest {bundle.digest}")
        _tell_other_name(options, product, bundle)
        return 0


class _Activate:
    SUMMARY = "Self-test a bundle of a product in a child process and, if it passes, switch to it."

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        _add_product(parser)
        parser.add_argument(
            "bundle", metavar="BUNDLE", help="serial, name, or the first 6 or more digits of the digest"
        )
        add_product_option(parser)

    def run(self, options: argparse.Namespace) -> int:
        product, store = _open(options)
        bundle = store.activate(options.bundle, product=options.product)
        say(
            f"active: {bundle.manifest.name}, serial {bundle.manifest.serial}, digest {bundle.digest}; a station that "
            f"runs takes it on SIGHUP (systemctl reload), or at the next change-over"
        )
        _tell_other_name(options, product, bundle)
        return 0


COMMANDS: dict[str, Command] = {"list": _List(), "add": _Add(), "activate": _Activate()}
"""The commands below `products`."""


def _add_product(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.toml", help="the station's file")
    parser.add_argument("number", type=int, metavar="N", help="the product's number in the file")


def _open(options: argparse.Namespace) -> tuple[ProductTable, Store]:
    config = read_config(options.file, with_source=False)
    for product in config.products:
        if product.number == options.number:
            return product, _store(config, product)
    known = ", ".join(str(product.number) for product in config.products)
    raise UsageError(f"N: expected the number of a product of {options.file} ({known}), found {options.number}")


def _tell_other_name(options: argparse.Namespace, product: ProductTable, bundle: Bundle) -> None:
    """Says it where file and bundle call the product differently: an empty store takes a bundle of any name."""
    if bundle.manifest.name != product.name:
        tell(
            f"note: {options.file} calls product {product.number} {product.name!r}, and the bundle is of "
            f"{bundle.manifest.name!r}; if that is not meant, add and activate another bundle"
        )


def _store(config: Config, product: ProductTable) -> Store:
    return Store(config.store_of(product), public_key=config.station.public_key)
