"""`goodpart-station token`."""

import json
import re

import pytest

from goodpart_station.cli.main import main
from goodpart_station.gate import Gate
from goodpart_station.tokens import TOKENS_NAME, Role, TokenFile
from station_files import LEAST


def test_a_token_is_printed_once_and_opens_the_gate(tmp_path, capsys):
    assert main(["token", "add", "anna", "--role", "engineer", "--data", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    token = shown.out.strip()
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token) and "anna (engineer)" in shown.err
    assert Gate(TokenFile(tmp_path / TOKENS_NAME), is_loopback=False).who(token, "a").name == "anna"
    assert main(["token", "list", "--data", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    assert re.fullmatch(r"anna +engineer +since \d{4}-\d\d-\d\d\n", listed)
    assert main(["token", "remove", "anna", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "removed anna\n"
    assert main(["token", "list", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_the_stations_file_names_its_data(tmp_path, capsys):
    (tmp_path / "line.toml").write_text(LEAST)
    (tmp_path / "var").mkdir()
    # the service makes the folder of frames: it need not be there
    assert main(["token", "add", "anna", "--role", "viewer", "--file", str(tmp_path / "line.toml")]) == 0
    assert [token.name for token in TokenFile(tmp_path / "var" / TOKENS_NAME).read()] == ["anna"]
    with pytest.raises(SystemExit):
        main(["token", "list", "--file", str(tmp_path / "line.toml"), "--data", str(tmp_path)])


def test_json(tmp_path, capsys):
    data = ["--data", str(tmp_path), "--json"]
    assert main(["token", "add", "anna", "--role", "viewer", *data]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made.keys() == {"name", "role", "token"}
    assert main(["token", "list", *data]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["role"] == "viewer" and made["token"] not in str(listed)
    assert main(["token", "remove", "anna", *data]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": "anna", "removed": True}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "anna", "--role", "viewer"], "found one in use"),
        (["add", "a b", "--role", "viewer"], "token name: expected"),
        (["remove", "bert"], "there are: anna"),
    ],
)
def test_what_cannot_be(tmp_path, capsys, words, said):
    TokenFile(tmp_path / TOKENS_NAME).add("anna", Role.VIEWER)
    assert main(["token", *words, "--data", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_not_there(tmp_path, capsys):
    assert main(["token", "list", "--data", str(tmp_path / "none")]) == 2
    assert "name it with --data" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["add"], ["add", "anna"], ["add", "anna", "--role", "boss"]])
def test_wrong_usage(words):
    with pytest.raises(SystemExit) as stop:
        main(["token", *words])
    assert stop.value.code == 2
