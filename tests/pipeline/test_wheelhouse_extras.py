"""Extras of the station that a wheelhouse holds only when somebody asks: nothing is fetched or compiled here."""

import json
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheelhouse(monkeypatch):
    """The script as a module, and what it asks pip to fetch."""
    monkeypatch.syspath_prepend(str(ROOT / "supply"))
    import wheelhouse as script

    asked = []

    def pip(*arguments, env):
        if arguments[0] == "download":
            asked.extend(arguments)
            raise script.UsageError("that is all that the test needs")
        folder = Path(next(each for each in arguments if each.startswith("--wheel-dir=")).partition("=")[2])
        folder.mkdir(exist_ok=True)
        for name in ("goodpart-0.1.0-py3-none-any.whl", "goodpart_station-0.1.0-py3-none-any.whl"):
            (folder / name).touch()

    monkeypatch.setattr(script, "_pip", pip)
    yield script, asked
    for name in ("wheelhouse", "papers", "target"):
        sys.modules.pop(name, None)


def station_extras(asked):
    (station,) = [each for each in asked if "goodpart_station-" in each]
    return station.partition("[")[2].rstrip("]").split(",")


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ([], []),
        (["--station-extra", "genicam"], ["genicam"]),
        (
            ["--station-extra", "stream", "--station-extra", "genicam", "--station-extra", "stream"],
            ["stream", "genicam"],
        ),
    ],
)
def test_an_extra_with_a_licence_of_its_own_comes_when_asked(wheelhouse, tmp_path, options, more):
    script, asked = wheelhouse
    assert script.main([str(tmp_path / "out"), *options]) == 2
    assert station_extras(asked) == ["modbus", "mqtt", "web", "opcua", "gpio", *more]
    # nothing half-made is left
    assert list(tmp_path.iterdir()) == []


def test_another_extra_is_refused(wheelhouse, tmp_path, capsys):
    script, asked = wheelhouse
    with pytest.raises(SystemExit) as error:
        script.main([str(tmp_path / "out"), "--station-extra", "gpio"])
    assert error.value.code == 2
    assert "stream, genicam" in capsys.readouterr().err.replace("'", "")
    assert asked == []


def test_without_a_station_an_extra_of_it_is_refused(wheelhouse, tmp_path, monkeypatch, capsys):
    script, asked = wheelhouse
    monkeypatch.setattr(script.Target, "has_station", property(lambda target: False))
    assert script.main([str(tmp_path / "out"), "--station-extra", "genicam"]) == 2
    assert "--station-extra genicam: expected Python 3.11 or later" in capsys.readouterr().err
    assert asked == []
    assert list(tmp_path.iterdir()) == []


def test_texts_in_a_folder_of_licences_are_found(wheelhouse, tmp_path):
    """As genicam's wheel has them."""
    import papers

    wheel = tmp_path / "genicam-1.6.0-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("genicam-1.6.0.data/purelib/genicam/licenses/GenICam_License.pdf", b"its own")
        archive.writestr("genicam-1.6.0.dist-info/licenses/LICENSE.txt", b"of the group")
        archive.writestr("genicam/licensing.py", b"")
    made = papers.Wheel("genicam", "1.6.0", wheel, "0" * 64)
    listed = json.dumps([{"Name": "genicam", "License": "LicenseRef-GenICam-1.6"}])
    assert papers.write_licences(tmp_path, [made], listed, apache=ROOT / "LICENSE") == {
        "genicam": "LicenseRef-GenICam-1.6"
    }
    texts = {path.read_bytes() for path in (tmp_path / "licenses" / "genicam").iterdir()}
    assert texts == {b"its own", b"of the group"}
