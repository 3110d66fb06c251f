"""`goodpart info | verify | selftest | score | bench`: the command line of the embedded PC."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import goodpart
from goodpart.backbone import usable_cores
from goodpart.bench import bench
from goodpart.bundle import Bundle, read_bundle
from goodpart.command import add_common_options, print_json, run, size
from goodpart.inspector import Inspector
from goodpart.score import score
from goodpart.spec import WeightsSource
from goodpart.strict_json import to_plain


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code (0 done or all good, 1 defect, 2 usage, 3 bundle, 4 frame, 5 unknown)."""
    return run(lambda options: int(options.command(options)), _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="goodpart", description="Find defects on a CPU, after seeing only good parts."
    )
    parser.add_argument("--version", action="version", version=f"goodpart {goodpart.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=call)
        added.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle folder")
        added.add_argument("--json", action="store_true", help="machine-readable results, one JSON object per line")
        if name != "info":
            added.add_argument(
                "--threads", type=int, default=usable_cores(), help="threads per frame (default %(default)s)"
            )
        add_common_options(added)
        return added

    command("info", _info, "Say what a bundle is: product, backbone, bank, threshold, origin.")
    command("verify", _verify, "Check every byte of a bundle and that its parts fit together.")
    command("selftest", _selftest, "Score the bundle's golden frames and compare with their known scores.")
    added = command("score", score, "Inspect image files; exit code 1 when at least one has a defect.")
    added.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="image files, or folders of them")
    added.add_argument("--maps", type=Path, metavar="DIR", help="write an overlay picture per frame into DIR")
    added = command("bench", bench, "Measure how long one frame takes on this machine, stage by stage.")
    added.add_argument("--frames", type=int, default=200, help="frames to time (default %(default)s)")
    added.add_argument(
        "--frame-size", type=size, metavar="HxW", help="size of the frames (default: as the golden frames)"
    )
    return parser


def _info(options: argparse.Namespace) -> int:
    bundle = read_bundle(options.bundle)
    if options.json:
        print_json({"digest": bundle.digest, **to_plain(bundle.manifest), "calibration": to_plain(bundle.calibration)})
        return 0
    for label, text in _facts(bundle).items():
        print(f"{label:<12}{text}")
    if (warning := bundle.manifest.backbone.weights.warning) is not None:
        print(f"\n{warning}")
    return 0


def _facts(bundle: Bundle) -> dict[str, str]:
    manifest, calibration = bundle.manifest, bundle.calibration
    facts, origin = manifest.backbone, manifest.provenance
    profile, weights = facts.profile, facts.weights
    roi = facts.frame.roi
    weights_name = (
        weights.source.value
        if weights.source is WeightsSource.UNTRAINED
        else f"{weights.name} ({weights.source.value})"
    )
    return {
        "bundle": f"{manifest.name}, format version {manifest.format_version}",
        "digest": bundle.digest,
        "frame": facts.frame.describe()
        + (f", values {facts.frame.value_range}" if facts.frame.value_range else "")
        + (f", region Y,X,H,W = {roi.y_px},{roi.x_px},{roi.height_px},{roi.width_px}" if roi else ""),
        "input": f"{profile.input_height_px}x{profile.input_width_px} pixels -> {facts.grid.rows}x{facts.grid.columns} "
        f"patches of {facts.grid.dimension} values",
        "profile": f"{profile.name}: {'+'.join(profile.stages)}, K = {profile.neighbours}, top-k = {profile.top_k}",
        "weights": f"{weights_name}, {f'sha256 {weights.sha256}' if weights.sha256 else f'seed {weights.seed}'}",
        "bank": f"{manifest.bank.vectors} x {facts.grid.dimension}, HNSW recall {manifest.bank.recall:.4f}",
        "calibration": f"mu {calibration.mean:.4f}, sigma {calibration.std:.4f} ({calibration.method})",
        "threshold": f"{calibration.threshold:.4f} sigmas, false-reject rate {calibration.false_reject_rate:g} "
        f"from {len(calibration.scores)} held-out good images",
        "built from": f"{origin.images} images ({origin.skipped_images} skipped), seed {origin.seed}, dataset sha256 "
        f"{origin.dataset_sha256}",
        "built with": ", ".join(f"{name} {version}" for name, version in origin.versions.items()),
    }


def _verify(options: argparse.Namespace) -> int:
    inspector = Inspector.load(options.bundle, threads=options.threads)
    bundle = inspector.bundle
    if options.json:
        print_json({"bundle": str(options.bundle), "digest": bundle.digest, "files": len(bundle.manifest.files)})
    else:
        size_bytes = sum(facts.size_bytes for facts in bundle.manifest.files.values())
        print(
            f"{options.bundle}: whole, {len(bundle.manifest.files)} files, {size_bytes / 1e6:.1f} MB, "
            f"digest {bundle.digest}"
        )
    return 0


def _selftest(options: argparse.Namespace) -> int:
    errors = Inspector.load(options.bundle, threads=options.threads).self_test()
    if options.json:
        print_json({"bundle": str(options.bundle), "errors_sigmas": errors})
    else:
        print(f"{options.bundle}: {len(errors)} golden frames, scores off by at most {max(errors.values()):.2g} sigmas")
    return 0


if __name__ == "__main__":
    sys.exit(main())
