"""Exclude: images are left out by name, counted and recorded; a name that matches nothing is an error."""

import hashlib
import json
import shutil

import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.errors import UsageError
from goodpart_bank_builder import BuildSettings, build_bundle
from goodpart_bank_builder.cli.main import main


def build(good_dir, backbone, out, *exclude):
    return build_bundle(
        BuildSettings(good_dir=good_dir, backbone=backbone, out=out, false_reject_rate=0.1, exclude=exclude)
    )


def test_an_excluded_image_is_neither_learned_nor_counted(good_dir, tiny_backbone, tmp_path):
    others = shutil.copytree(good_dir, tmp_path / "others")
    (others / "03.png").unlink()
    report = build(good_dir, tiny_backbone, tmp_path / "a" / "washer", "03.png")
    assert (report.images, report.parts) == (23, 23)
    assert report.excluded == {"03.png": hashlib.sha256((good_dir / "03.png").read_bytes()).hexdigest()}
    build(others, tiny_backbone, tmp_path / "b" / "washer")
    for name in ("bank.npy", "bank.hnsw", "directions.npy", "calibration.json", "origins.npy"):
        assert (tmp_path / "a" / "washer" / name).read_bytes() == (tmp_path / "b" / "washer" / name).read_bytes()
    assert read_bundle(tmp_path / "a" / "washer").manifest.provenance.images == 23


def test_names_come_from_lists_too(good_dir, tiny_backbone, tmp_path):
    listed = tmp_path / "bad.txt"
    listed.write_text("# looked at on Monday\n04.png\n\n05.png\n")
    report = build(good_dir, tiny_backbone, tmp_path / "a", "03.png", str(listed))
    assert list(report.excluded) == ["03.png", "04.png", "05.png"]


def test_a_path_of_an_image_is_as_good_as_its_name(good_dir, tiny_backbone, tmp_path):
    report = build(good_dir, tiny_backbone, tmp_path / "a", str(good_dir / "03.png"))
    assert list(report.excluded) == ["03.png"]


def test_the_option_may_be_given_several_times(good_dir, tiny_backbone, tmp_path, capsys):
    command = ["build", str(good_dir), "--backbone", str(tiny_backbone), "--out", str(tmp_path / "a"), "--json"]
    assert main([*command, "--exclude", "03.png", "04.png", "--exclude", "05.png"]) == 0
    assert list(json.loads(capsys.readouterr().out)["excluded"]) == ["03.png", "04.png", "05.png"]


@pytest.mark.parametrize("command", ["build", "doctor"])
def test_a_name_that_matches_nothing_is_a_usage_error(good_dir, tiny_backbone, tmp_path, capsys, command):
    out = ["--out", str(tmp_path / "a")] if command == "build" else []
    assert main([command, str(good_dir), "--backbone", str(tiny_backbone), *out, "--exclude", "33.png"]) == 2
    assert "--exclude: expected names of images below" in capsys.readouterr().err


def test_a_list_that_is_not_there_is_a_usage_error(good_dir, tiny_backbone, tmp_path):
    with pytest.raises(UsageError, match=r"none\.txt: expected an image's name or a text file"):
        build(good_dir, tiny_backbone, tmp_path / "a", str(tmp_path / "none.txt"))


def test_a_name_in_a_list_that_matches_nothing_is_named(good_dir, tiny_backbone, tmp_path):
    listed = tmp_path / "bad.txt"
    listed.write_text("04.png\nphoto of line 3\n")
    with pytest.raises(UsageError, match="'photo of line 3'"):
        build(good_dir, tiny_backbone, tmp_path / "a", str(listed))
