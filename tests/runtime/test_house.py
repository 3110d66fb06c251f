"""The house: no source is so long that it cannot be read at once."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ["runtime", "export", "bank_builder", "station", "tests", "benchmarks", "supply", "docs", "typings"]
LONGEST = 300


def too_long(root: Path, folders: list[str]) -> dict[str, int]:
    """How many lines each of the Python sources has that has more than `LONGEST`."""
    found = {}
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            lines = path.read_text(encoding="utf-8").count("\n")
            if lines > LONGEST:
                found[path.relative_to(root).as_posix()] = lines
    return found


def test_no_source_has_over_300_lines():
    assert all((ROOT / folder).is_dir() for folder in FOLDERS)
    assert too_long(ROOT, FOLDERS) == {}


def test_a_planted_long_source_is_found(tmp_path):
    (tmp_path / "docs" / "deploy").mkdir(parents=True)
    (tmp_path / "docs" / "deploy" / "short.py").write_text("\n" * LONGEST)
    (tmp_path / "docs" / "deploy" / "long.py").write_text("\n" * (LONGEST + 1))
    assert too_long(tmp_path, ["docs"]) == {"docs/deploy/long.py": 301}
