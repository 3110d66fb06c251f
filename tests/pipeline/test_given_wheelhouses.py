"""Wheelhouses that were made beforehand: those of other sources are refused, never looked into."""

import zipfile

import pytest

import wheelhouses


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A folder with the files of a wheelhouse that are compared with this checkout."""
    folder = tmp_path / "x86_64" / "wheelhouse"
    (folder / "wheels").mkdir(parents=True)
    (folder / "SHA256SUMS").touch()
    (folder / "install.sh").write_bytes((wheelhouses.ROOT / "supply" / "install.sh").read_bytes())
    for package, files in wheelhouses.sources().items():
        with zipfile.ZipFile(folder / "wheels" / f"{package}-0.1.0-py3-none-any.whl", "w") as archive:
            for name, source in files.items():
                archive.writestr(name, source)
    (tmp_path / "x86_64.commit").write_text(wheelhouses.this_commit())
    monkeypatch.setenv(wheelhouses.VARIABLE, str(tmp_path))
    return folder


def test_one_of_this_checkout_is_taken(given, tmp_path):
    assert wheelhouses.wheelhouse_for("x86_64", tmp_path / "unused") == given


def test_a_missing_one_is_not_made_in_its_place(given, tmp_path):
    with pytest.raises(AssertionError, match="expected a wheelhouse in"):
        wheelhouses.wheelhouse_for("aarch64", tmp_path / "unused")


def test_one_of_another_commit_is_refused(given, tmp_path):
    (tmp_path / "x86_64.commit").write_text("0" * 40)
    with pytest.raises(AssertionError, match="expected one of the commit"):
        wheelhouses.wheelhouse_for("x86_64", tmp_path / "unused")


@pytest.mark.parametrize("package", wheelhouses.sources())
def test_one_of_other_sources_is_refused(given, tmp_path, package):
    with zipfile.ZipFile(next((given / "wheels").glob(f"{package}-*")), "a") as archive:
        archive.writestr(f"{package}/older.py", "")
    with pytest.raises(AssertionError, match=f"expected {package} of this checkout"):
        wheelhouses.wheelhouse_for("x86_64", tmp_path / "unused")
