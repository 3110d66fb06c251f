"""`goodpart-bank exclude`: images that turned out to be bad are found among those that were learned, and left out."""

import argparse
from pathlib import Path

from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json
from goodpart.cli.rows import say, tell
from goodpart_bank_builder.cli.update import add_build_options, tell_built
from goodpart_bank_builder.life.exclude import find_learned
from goodpart_bank_builder.life.rebuild import build_recipe
from goodpart_bank_builder.report.beside import write_beside

SUMMARY = "Leave learned images out that are, or look like, given frames, and build the bundle again."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.description = (
        f"{SUMMARY} Images are found by the sha256 of the file, and by near-identity of what they show. Without --yes "
        "they are only listed."
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="the recipe (.toml)")
    parser.add_argument("frames", type=Path, nargs="+", metavar="FRAME", help="an image of a part that is not good")
    parser.add_argument("--yes", action="store_true", help="put them into exclude in the recipe, and build")
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write a page with each frame beside the images that were found"
    )
    add_build_options(parser)


def run(options: argparse.Namespace) -> int:
    """Lists, and with --yes builds; returns the exit code."""
    if options.report is not None:
        # only a page needs jinja2
        from goodpart_bank_builder.report.exclusion import check_exclusion_folder

        check_exclusion_folder(options.report)
    found = find_learned(options.recipe, options.frames, threads=options.threads)
    lines = [
        f"{'the same' if match.identical else 'alike':<12}{match.frame}: {match.image} (sha256 {match.sha256[:12]})"
        for match in found.matches
    ]
    if found.more:
        lines.append(f"{'more':<12}{found.more} more are as near to a frame: leave these out first, then look again")
    build = options.yes and bool(found.matches)
    if options.report is not None:
        from goodpart_bank_builder.report.exclusion import write_exclusion

        tell(f"report      {write_exclusion(options.report, options.recipe, found, build=build)}")
    if not options.json:
        say(*lines or ["none        no learned image is one of these frames or looks like one"])
    if not build:
        if options.json:
            print_json({"matches": to_plain(found.matches), "more": found.more, "build": None})
        elif found.matches:
            say("            to leave them out and build again: the same command with --yes")
        return 0
    recipe, edit = options.recipe, found.edit
    with build_recipe(recipe, threads=options.threads, workspace=options.workspace, edit=edit) as rebuilt:
        write_beside(rebuilt.settings, rebuilt.report, rebuilt.learned)
    tell_built(rebuilt, as_json=options.json, more={"matches": to_plain(found.matches), "more": found.more})
    return 0
