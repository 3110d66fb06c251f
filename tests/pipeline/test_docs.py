"""The pages name every option of every command, and the README's links lead somewhere."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from goodpart.cli.main import main as goodpart
from goodpart_bank_builder.cli.main import main as goodpart_bank
from goodpart_export.cli.export import main as goodpart_export
from goodpart_export.cli.quantize import main as goodpart_quantize
from goodpart_station.cli.main import main as goodpart_station

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "docs" / name
    for name in (
        "workstation.md",
        "recipe.md",
        "build-all.md",
        "doctor.md",
        "compare.md",
        "device.md",
        "drift.md",
        "signing-and-store.md",
        "station.md",
        "station-cameras.md",
        "station-images.md",
        "station-page.md",
        "station-opcua.md",
    )
]
STORE = [["store", name] for name in ("add", "activate", "rollback", "list", "gc")]
COMMANDS: list[tuple[Callable[[list[str]], int], list[str]]] = [
    *[(goodpart, [name]) for name in ("info", "verify", "selftest", "score", "threshold", "checks", "tune", "bench")],
    (goodpart, ["drift"]),
    *[(goodpart, names) for names in STORE],
    *[
        (goodpart_bank, [name])
        for name in (
            "build",
            "build-all",
            "init",
            "update",
            "exclude",
            "reproduce",
            "doctor",
            "evaluate",
            "compare",
            "sign",
            "keygen",
            "demo-data",
        )
    ],
    (goodpart_export, []),
    (goodpart_quantize, []),
    *[(goodpart_station, [name]) for name in ("init", "grab", "check", "run", "export", "release")],
    *[(goodpart_station, ["token", name]) for name in ("add", "list", "remove")],
    *[(goodpart_station, ["opcua", name]) for name in ("certificate", "clients", "trust", "distrust")],
    *[(goodpart_station, ["products", name]) for name in ("list", "add", "activate")],
    *[(goodpart_station, ["token", name]) for name in ("add", "list", "remove")],
]


@pytest.mark.parametrize(("main", "names"), COMMANDS)
def test_every_option_stands_in_the_docs(
    main: Callable[[list[str]], int], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*names, "--help"])
    options = set(re.findall(r"--[a-z][a-z0-9-]*[a-z0-9]", capsys.readouterr().out))
    assert len(options) > 1
    written = set(re.findall(r"--[a-z][a-z0-9-]*[a-z0-9]", "\n".join(page.read_text() for page in PAGES)))
    assert options <= written


PROGRAMS = {
    "goodpart": goodpart,
    "goodpart-bank": goodpart_bank,
    "goodpart-export": goodpart_export,
    "goodpart-quantize": goodpart_quantize,
    "goodpart-station": goodpart_station,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_tells_its_version(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        PROGRAMS[program](["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.split()[0] == program


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_to_files(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
