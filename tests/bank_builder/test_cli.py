"""The command line of the workstation: a module per command, and the options that reach a build."""

import argparse
import dataclasses

import pytest

from goodpart_bank_builder.cli import build, main
from goodpart_bank_builder.data.settings import BuildSettings


def test_without_a_command_the_help_is_printed(capsys):
    assert main.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert all(f"    {name}" in captured.err for name in main.COMMANDS)


@pytest.mark.parametrize("command", main.COMMANDS.values(), ids=main.COMMANDS)
def test_every_command_has_options_a_summary_and_a_run(command):
    command.add_options(argparse.ArgumentParser())
    assert command.SUMMARY.endswith(".")
    assert callable(command.run)


OF_RECIPES = {"calibrates_since", "batches", "parent", "profile"}
"""What a recipe alone says; each is a key of it or follows from its bundle."""


def test_every_field_of_the_settings_is_an_option_of_build():
    parser = argparse.ArgumentParser()
    build.add_options(parser)
    options = vars(parser.parse_args(["good", "--backbone", "b.onnx", "--out", "out"]))
    fields = {field.name for field in dataclasses.fields(BuildSettings)} - OF_RECIPES
    assert fields == set(options) - {"json", "findings", "report", "given", "workspace"}


def test_defaults_are_those_of_the_settings(tmp_path):
    parser = argparse.ArgumentParser()
    build.add_options(parser)
    options = vars(parser.parse_args(["good", "--backbone", "b.onnx", "--out", "out"]))
    for field in dataclasses.fields(BuildSettings):
        if field.default is not dataclasses.MISSING and field.name not in {"threads", *OF_RECIPES}:
            assert options[field.name] == field.default, field.name


def test_an_unknown_calibration_is_named(capsys):
    with pytest.raises(SystemExit):
        main.main(["build", "good", "--backbone", "b.onnx", "--out", "out", "--calibration", "hope"])
    assert "--calibration: expected cross-conformal or split, found 'hope'" in capsys.readouterr().err
