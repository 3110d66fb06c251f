"""`goodpart-bank build-all`: every product that is out of date, on all cores of this machine or on several machines."""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from goodpart._host.machine import usable_cores
from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json
from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.cli.diagnosis import shortened
from goodpart_bank_builder.many.build_all import Build, build_all
from goodpart_bank_builder.many.cluster import Cluster, import_distributed
from goodpart_bank_builder.many.row import Row, State

SUMMARY = "Build the bundles of many recipes: those that are out of date, several at a time."

FAILED = 1
"""Exit code when a product failed."""

_SHOWN = (State.BUILT, State.UP_TO_DATE, State.FAILED)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.description = (
        f"{SUMMARY} A product is out of date if its recipe, its images, its backbone or the version of the builder "
        "changed since its bundle was built. A product that fails is listed, and the others go on; the exit code is "
        "then 1."
    )
    parser.add_argument("recipes", type=Path, nargs="+", metavar="RECIPE", help="recipes of products (.toml)")
    parser.add_argument(
        "--jobs", type=_jobs, default=usable_cores(), metavar="N",
        help="build N products at a time, each in a process with one thread (default: all %(default)s cores)",
    )  # fmt: skip
    parser.add_argument(
        "--scheduler", metavar="ADDRESS",
        help="build on the workers of a Dask scheduler instead, tcp://127.0.0.1:PORT or tls://HOST:PORT; they see the "
        "recipes' folders under the same paths (needs goodpart-bank-builder[dask])",
    )  # fmt: skip
    for name, words in (("ca", "certificate authority"), ("cert", "client's certificate"), ("key", "client's key")):
        parser.add_argument(f"--tls-{name}", type=Path, metavar="FILE", help=f"{words} for tls://, as a PEM file")
    parser.add_argument("--force", action="store_true", help="also build bundles that are up to date")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a page with the table of all products")
    parser.add_argument("--json", action="store_true", help="print the rows as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Builds, and prints the table; returns the exit code, 1 if a product failed."""
    if options.report is not None:
        from goodpart_bank_builder.many.page import check_page_folder

        check_page_folder(options.report)
    build = _on_cluster(options)
    began = time.perf_counter()
    rows = build_all(options.recipes, jobs=options.jobs, force=options.force, build=build)
    spent_s = time.perf_counter() - began
    if options.report is not None:
        from goodpart_bank_builder.many.page import write_page

        tell(f"report      {write_page(options.report, rows, spent_s)}")
    counts = Counter(row.state for row in rows)
    if options.json:
        plain = {
            "products": [to_plain(row) for row in rows],
            **{state.value.replace(" ", "_"): counts[state] for state in _SHOWN},
            "seconds": spent_s,
        }
        print_json(significant_plain(plain, FIGURE_DIGITS))
    else:
        say(*_table(rows))
        say("", ", ".join(f"{counts[state]} {state.value}" for state in _SHOWN) + f"; {spent_s:.1f} s")
    return FAILED if counts[State.FAILED] else 0


def _on_cluster(options: argparse.Namespace) -> Build | None:
    """What builds on a scheduler's workers, tried before any work; None without a scheduler."""
    if options.scheduler is None:
        if options.tls_ca or options.tls_cert or options.tls_key:
            raise UsageError("--tls-ca, --tls-cert, --tls-key: expected --scheduler tls://HOST:PORT, found none")
        return None
    cluster = Cluster(address=options.scheduler, ca=options.tls_ca, cert=options.tls_cert, key=options.tls_key)
    import_distributed()
    return cluster.build


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"expected 1 to 1024, found {text!r}")
    return int(text)


def _table(rows: Sequence[Row]) -> list[str]:
    """The table of all products, and below it why products failed and which have a warning."""
    width = max(len("product"), *(len(row.name) for row in rows))
    lines = [f"{'product':<{width}}  state       images  threshold  seconds  suspects"]
    for row in rows:
        figures = (
            f"{_figure(row.images, '6d')}  {_figure(row.threshold, '9.3f')}  {_figure(row.seconds, '7.1f')}  "
            f"{_figure(row.suspects, '8d')}"
        )
        lines.append(f"{row.name:<{width}}  {row.state.value:<10}  {figures}")
    lines += [row.why for row in rows if row.reason is not None]
    for warning in dict.fromkeys(row.warning for row in rows if row.warning is not None):
        names = [row.name for row in rows if row.warning == warning]
        lines.append(f"{shortened(names)}: {warning}")
    return lines


def _figure(value: float | None, form: str) -> str:
    return f"{'-':>{form.partition('.')[0].rstrip('d')}}" if value is None else f"{value:{form}}"
