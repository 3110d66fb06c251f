"""Page: what all web pages have in common: their files, and how templates show names and figures."""

import functools
import importlib.metadata

from jinja2 import Environment, PackageLoader, StrictUndefined

from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.report.tables import TUNED
from goodpart_bank_builder.report.text import (
    apart,
    breakable,
    figure_text,
    image_name,
    interval_text,
    percent_text,
    printable,
    ucfirst,
    with_options,
)
from goodpart_bank_builder.report.words import WORDS

INDEX = "index.html"
"""The page to open."""

MARK = "goodpart-report.txt"
"""The file that marks a report's folder. It lists the report's pages, and a new report removes no other files."""


@functools.cache  # it keeps the compiled templates, for the next report of this process
def environment() -> Environment:
    """The environment of all templates."""
    made = Environment(
        loader=PackageLoader("goodpart_bank_builder.report"),
        autoescape=True,  # names of files and folders may contain markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "figure": figure_text, "percent": percent_text, "interval": interval_text, "printable": printable,
        "breakable": breakable, "ucfirst": ucfirst, "with_options": with_options, "apart": apart,
    }  # fmt: skip
    made.globals |= {
        "Verdict": Verdict,
        "image_name": image_name,
        "tuned": TUNED,
        "words": WORDS,
        "version": importlib.metadata.version("goodpart-bank-builder"),
    }
    return made
