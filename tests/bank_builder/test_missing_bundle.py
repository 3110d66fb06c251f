"""`goodpart-bank evaluate` without a bundle: refused as other commands refuse it."""

from goodpart_bank_builder.cli.main import main


def test_a_missing_bundle_is_code_3_in_one_line(category, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path / "none"), "--data", str(category)]) == 3
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "expected a bundle" in printed.err
    assert printed.out == ""
