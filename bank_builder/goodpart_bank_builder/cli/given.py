"""Which options stand on the command line, whatever their values: only these override a recipe."""

import argparse
from collections.abc import Sequence
from typing import Any

GIVEN = "given"


class _Noted(argparse.Action):
    """Mixed into the action of an option: notes that the option was given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if option_string is not None:
            setattr(namespace, GIVEN, getattr(namespace, GIVEN, frozenset()) | {self.dest})
        super().__call__(parser, namespace, values, option_string)


def note_given(parser: argparse.ArgumentParser) -> None:
    """Makes a parser note in `given` which of its options stand on the command line; to be called after the last."""
    parser.set_defaults(**{GIVEN: frozenset()})
    for action in parser._actions:
        if action.option_strings and action.dest != "help":
            action.__class__ = type(f"Noted{type(action).__name__}", (_Noted, type(action)), {})
