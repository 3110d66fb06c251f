"""Findings file: all that wants a look, as JSON, beside the bundle that was built from the images."""

import contextlib
import json
from pathlib import Path

from goodpart._host.atomic import write_file
from goodpart._host.strict_json import to_plain
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.doctor.doctor import Diagnosis


def findings_file(bundle: Path) -> Path:
    """Where the findings of a bundle stand unless another file is given: beside it."""
    # resolved, because "." has no name
    folder = bundle.resolve()
    return folder.with_name(f"{folder.name}.findings.json")


def write_findings(file: Path | None, bundle: Path, diagnosis: Diagnosis) -> Path | None:
    """Writes the findings to `file` or beside the bundle.

    Args:
        file: where to; None for beside the bundle if anything was found.
        bundle: the folder of the bundle.
        diagnosis: what was found.

    Returns:
        where they stand; None if nothing was written.

    Raises:
        UsageError: the file cannot be written.
    """
    beside = findings_file(bundle)
    if file is None and not diagnosis.findings:
        # those of an older bundle of this name are no longer true
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        return None
    target = beside if file is None else file
    plain = significant_plain(to_plain(diagnosis), FIGURE_DIGITS)
    write_file(target, (json.dumps(plain, indent=2, allow_nan=False) + "\n").encode())
    return target
