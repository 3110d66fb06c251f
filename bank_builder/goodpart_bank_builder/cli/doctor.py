"""`goodpart-bank doctor`: which good images want a look, without making a bundle."""

import argparse
from pathlib import Path

from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json
from goodpart.cli.rows import say, tell
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.cli.diagnosis import (
    add_report_option,
    all_lines,
    look_at_line,
    tell_passed_over,
    warning_lines,
)
from goodpart_bank_builder.cli.learning import add_learning_options
from goodpart_bank_builder.data.settings import FolderSettings
from goodpart_bank_builder.doctor.doctor import learn_and_examine
from goodpart_bank_builder.report.look_closer import Closer

SUMMARY = "Look at photographs of good parts: which of them do not seem to belong there."

FINDINGS = 1
"""Exit code when there is anything to look at."""

_OPTIONS = (
    "good_dir",
    "backbone",
    "false_reject_rate",
    "rate_per",
    "group",
    "group_gap",
    "exclude",
    "ignore",
    "seed",
    "threads",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command; each is called like its field of `FolderSettings`."""
    parser.add_argument("good_dir", type=Path, metavar="GOOD_DIR", help="folder of good images, searched recursively")
    parser.add_argument("--backbone", type=Path, required=True, metavar="FILE", help="file from goodpart-export")
    add_learning_options(parser)
    add_report_option(parser)
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Looks, and prints what was found; returns the exit code, 1 if there is anything to look at."""
    if options.report is not None:
        # matplotlib takes a second to import, and only a page needs it
        from goodpart_bank_builder.report.suspects import check_suspects_folder, write_suspects

        check_suspects_folder(options.report)
    tell_passed_over(options.good_dir, becomes="looked at")
    settings = FolderSettings(**{name: getattr(options, name) for name in _OPTIONS})
    report, learned, backbone = learn_and_examine(settings)
    diagnosis = report.diagnosis
    if options.report is not None:
        closer = Closer(settings, backbone, learned.bank.vectors, learned.term)
        page = write_suspects(options.report, settings, diagnosis, closer, learned.calibration)
        tell(f"report      {page}")
    if options.json:
        print_json(significant_plain(to_plain(report), FIGURE_DIGITS))
    else:
        left_out = f", {len(report.excluded)} excluded" if report.excluded else ""
        say(f"images      {diagnosis.images} of {report.parts} good parts{left_out}")
        for phrase in report.passed_over:
            say(f"passed over {phrase}")
        say(look_at_line(diagnosis, None), *all_lines(diagnosis), *warning_lines(diagnosis))
    return FINDINGS if diagnosis.findings else 0
