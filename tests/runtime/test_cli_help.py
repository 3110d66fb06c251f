"""Help: a command line without a command shows it, and every command has it."""

import re

import pytest

from goodpart.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "commands"),
    [
        ([], ["info", "verify", "selftest", "score", "threshold", "checks", "tune", "bench", "drift", "store"]),
        (["store"], ["add", "activate", "rollback", "list", "gc"]),
    ],
)
def test_without_a_command_help_is_shown_and_nothing_reads_as_all_good(arguments, commands, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"usage: {' '.join(['goodpart', *arguments])} ")
    assert [line.split()[0] for line in printed.err.splitlines() if re.match(r" {4}[a-z]", line)] == commands


HELP = [["info"], ["verify"], ["selftest"], ["score"], ["threshold"], ["checks"], ["tune"], ["bench"], ["store", "add"]]
HELP += [["store", name] for name in ("activate", "rollback", "list", "gc")]


@pytest.mark.parametrize("command", HELP, ids=" ".join)
@pytest.mark.parametrize("key", [None, "/etc/100% our.pem"])
def test_every_command_has_help(command, key, monkeypatch, capsys):
    monkeypatch.delenv("GOODPART_PUBLIC_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("GOODPART_PUBLIC_KEY", key)
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--traceback" in text
    if "--public-key" in text:
        assert f"(default: $GOODPART_PUBLIC_KEY, now {key or 'not set'})" in text
