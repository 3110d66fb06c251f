"""`goodpart info | verify | selftest | score | threshold | bench | tune | store`: the device's command line."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import goodpart
from goodpart.cli.bench import bench
from goodpart.cli.common import add_common_options, print_json, run, size
from goodpart.cli.info import info
from goodpart.cli.score import score
from goodpart.cli.store import add_store_commands, find_bundle
from goodpart.cli.threshold import threshold
from goodpart.cli.trust import add_trust_options, trust
from goodpart.cli.tune import tune
from goodpart.inspector import Inspector


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code (0 done or all good, 1 defect, 2 usage, 3 bundle, 4 frame, 5 unknown)."""
    return run(_command, _parser(), argv)


def _command(options: argparse.Namespace) -> int:
    if "store" not in options:
        options.bundle = find_bundle(options.bundle)
    return int(options.command(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="goodpart", description="Find defects on a CPU, after seeing only good parts."
    )
    parser.add_argument("--version", action="version", version=f"goodpart {goodpart.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=call)
        added.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle folder, or a store")
        added.add_argument("--json", action="store_true", help="machine-readable results, one JSON object per line")
        add_trust_options(added)
        threads = (
            "threads per frame" if name != "score" else "threads per frame, or images at a time if there are several"
        )
        threads += " (default: as tuned, or all cores)"
        if name not in ("info", "threshold", "tune"):
            added.add_argument("--threads", type=int, help=threads)
        add_common_options(added)
        return added

    command("info", info, "Say what a bundle is: product, backbone, bank, threshold, origin.")
    command("verify", _verify, "Check every byte of a bundle and that its parts fit together.")
    command("selftest", _selftest, "Score the bundle's golden frames and compare with their known scores.")
    added = command("score", score, "Inspect image files; exit code 1 when at least one has a defect.")
    added.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="image files, or folders of them")
    added.add_argument("--maps", type=Path, metavar="DIR", help="write an overlay picture per frame into DIR")
    added = command("threshold", threshold, "Show the threshold, or move it on this device; the bundle never changes.")
    way = added.add_mutually_exclusive_group()
    way.add_argument(
        "--false-reject-rate", type=float, metavar="RATE", help="what the held-out good parts promise at this rate"
    )
    way.add_argument("--value", type=float, metavar="SIGMAS", help="this image score; the pixel threshold stays")
    way.add_argument("--reset", action="store_true", help="back to the bundle's own")
    added = command("bench", bench, "Measure how long one frame takes on this machine, stage by stage.")
    added.add_argument("--frames", type=int, default=200, help="frames to time (default %(default)s)")
    added.add_argument(
        "--frame-size", type=size, metavar="HxW", help="size of the frames (default: as the golden frames)"
    )
    added = command("tune", tune, "Find the fastest number of threads on this device, and keep it for this bundle.")
    added.add_argument("--frames", type=int, default=100, help="frames to time for each way (default %(default)s)")
    added.add_argument("--reset", action="store_true", help="take the tuning back")
    text = "Keep the bundles of one inspection station, and switch between them safely."
    add_store_commands(commands.add_parser("store", help=text, description=text))
    return parser


def _verify(options: argparse.Namespace) -> int:
    inspector = Inspector.load(options.bundle, threads=options.threads, **trust(options))
    bundle = inspector.bundle
    if options.json:
        print_json(
            {
                "bundle": str(options.bundle),
                "digest": bundle.digest,
                "files": len(bundle.manifest.files),
                "serial": bundle.manifest.serial,
                "signed_by": None if options.public_key is None else str(options.public_key),
            }
        )
    else:
        signed = "signature not checked" if options.public_key is None else f"signed by {options.public_key}"
        size_bytes = sum(facts.size_bytes for facts in bundle.manifest.files.values())
        print(
            f"{options.bundle}: whole, {len(bundle.manifest.files)} files, {size_bytes / 1e6:.1f} MB, "
            f"serial {bundle.manifest.serial}, {signed}, digest {bundle.digest}"
        )
    return 0


def _selftest(options: argparse.Namespace) -> int:
    errors = Inspector.load(options.bundle, threads=options.threads, **trust(options)).self_test()
    if options.json:
        print_json({"bundle": str(options.bundle), "errors_sigmas": errors})
    else:
        print(f"{options.bundle}: {len(errors)} golden frames, scores off by at most {max(errors.values()):.2g} sigmas")
    return 0


if __name__ == "__main__":
    sys.exit(main())
