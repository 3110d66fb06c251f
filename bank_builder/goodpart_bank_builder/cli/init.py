"""`goodpart-bank init`: the first recipe of a product."""

import argparse
from pathlib import Path

from goodpart._host.atomic import check_file, write_file
from goodpart._host.machine import usable_cores
from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json
from goodpart.cli.rows import say
from goodpart.errors import UsageError
from goodpart_bank_builder.data.settings import FolderSettings
from goodpart_bank_builder.doctor.doctor import examine_folder
from goodpart_bank_builder.life.first import first_recipe, look_at_folder, product_name

SUMMARY = "Write a first recipe for a product, with comments, from a look at its good images."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.description = (
        f"{SUMMARY} It says what the folder holds and guesses from the names which images show one part. With "
        "--backbone, the doctor looks at the images as well, which takes as long as a build."
    )
    parser.add_argument("good_dir", type=Path, metavar="DIR", help="folder of good images")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="where to write it (default: NAME.toml)")
    parser.add_argument("--name", help="the product's name (default: that of DIR, or of a folder above good/)")
    parser.add_argument("--backbone", type=Path, metavar="FILE", help="file from goodpart-export, to be pinned")
    parser.add_argument(
        "--doctor", action=argparse.BooleanOptionalAction, default=True,
        help="with --backbone, let the doctor look at the images (default: yes)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=int, default=usable_cores(), help="images to work on at a time (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print what was found as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Looks and writes; returns the exit code."""
    name = product_name(options.good_dir) if options.name is None else options.name
    file = Path(f"{name}.toml") if options.recipe is None else options.recipe
    if file.exists():
        raise UsageError(f"{file}: expected no recipe yet, found one; name another with --recipe, or edit this one")
    check_file(file)
    look = look_at_folder(options.good_dir)
    diagnosis = None
    if options.backbone is not None and options.doctor:
        settings = FolderSettings(
            good_dir=options.good_dir, backbone=options.backbone, group=look.group, threads=options.threads, head=0.0
        )
        diagnosis = examine_folder(settings).diagnosis
    text = first_recipe(file, options.good_dir, look, name=name, backbone=options.backbone, diagnosis=diagnosis)
    write_file(file, text.encode("utf-8", "surrogateescape"))
    if options.json:
        print_json({"recipe": str(file), "name": name, "look": to_plain(look)})
        return 0
    say(f"recipe      {file}")
    say(f"images      {look.images}, looked at: {look.in_words}")
    say(f"parts       {look.parts}" + ("" if look.group is None else f", guessed by {look.group!r}: correct it"))
    if diagnosis is not None:
        say(f"look at     {diagnosis.look_at} images; the recipe names them")
    say(f"next        goodpart-bank build {file}")
    return 0
