"""Page: an overview of many products, with those first that want a look."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from goodpart._host.atomic import check_target, staged_folder
from goodpart_bank_builder.many.row import Row, State
from goodpart_bank_builder.report.page import INDEX, MARK, environment

_OWN = re.compile(f"{re.escape(INDEX)}|{re.escape(MARK)}")


def check_page_folder(folder: Path) -> None:
    """Refuses a folder that the page cannot be written to; to be called before any long work.

    Raises:
        UsageError: the folder cannot be written, or holds files other than those of an earlier page.
    """
    check_target(folder, force=True, mark=MARK, own=_OWN)


def write_page(folder: Path, rows: Sequence[Row], seconds: float) -> Path:
    """Writes the page; it appears at once, in place of an earlier one.

    Args:
        folder: a new or empty folder, or one with an earlier page.
        rows: of all products.
        seconds: wall time of all.

    Returns:
        the page.

    Raises:
        UsageError: as in `check_page_folder`, or the page cannot be written.
    """
    counts = Counter(row.state for row in rows)
    page = environment().get_template("products.html.j2").render(
        rows=rows,
        counts={state.value: counts[state] for state in (State.BUILT, State.UP_TO_DATE, State.FAILED)},
        failed=[row for row in rows if row.state is State.FAILED],
        warned={
            warning: [row.name for row in rows if row.warning == warning]
            for warning in dict.fromkeys(row.warning for row in rows if row.warning is not None)
        },
        suspects=sum(row.suspects or 0 for row in rows),
        seconds=seconds,
    )  # fmt: skip
    with staged_folder(folder, force=True, mark=MARK, own=_OWN) as staging:
        (staging / INDEX).write_text(page, encoding="utf-8", newline="\n")
        (staging / MARK).write_text(f"{INDEX}\n", encoding="ascii", newline="\n")
    return folder / INDEX
