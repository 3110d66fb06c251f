"""Build: good images and a backbone become a bundle, whole or not at all."""

import json
import shutil
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.errors import ContractError, FrameError, UsageError
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.build import build as build_module
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from goodpart_bank_builder.cli.main import main
from small_parts import draw_defect, draw_good


@pytest.fixture
def config(good_dir, tiny_backbone, tmp_path):
    return {"good_dir": good_dir, "backbone": tiny_backbone, "out": tmp_path / "washer", "false_reject_rate": 0.1}


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_inputs_give_the_same_bytes(config, built_bundle, threads):
    build_bundle(BuildSettings(**config, threads=threads))
    for path in sorted(built_bundle.rglob("*")):
        if path.is_file():
            assert (config["out"] / path.relative_to(built_bundle)).read_bytes() == path.read_bytes(), path.name


def test_another_seed_gives_another_bank(config, built_bundle):
    build_bundle(BuildSettings(**config, seed=1))
    assert (config["out"] / "bank.hnsw").read_bytes() != (built_bundle / "bank.hnsw").read_bytes()


def test_the_manifest_says_where_everything_came_from(built_bundle):
    manifest = read_bundle(built_bundle).manifest
    assert manifest.name == "washer"
    assert (manifest.provenance.images, manifest.provenance.parts) == (24, 24)
    assert manifest.provenance.patches == 24 * 192
    assert manifest.bank.vectors == 400
    assert 0.5 < manifest.bank.recall <= 1.0
    assert {"goodpart", "numpy", "onnxruntime", "hnswlib", "python"} <= set(manifest.provenance.versions)


def test_the_dataset_digest_follows_names_and_contents(config, good_dir, tmp_path):
    def digest(folder, out):
        build_bundle(BuildSettings(**{**config, "good_dir": folder, "out": tmp_path / out}))
        return read_bundle(tmp_path / out).manifest.provenance.dataset_sha256

    same = shutil.copytree(good_dir, tmp_path / "same")
    renamed = shutil.copytree(good_dir, tmp_path / "renamed")
    (renamed / "00.png").rename(renamed / "99.png")
    assert digest(good_dir, "a") == digest(same, "b") != digest(renamed, "c")


def test_a_planted_defect_is_among_the_golden_frames(built_bundle):
    inspector = Inspector.load(built_bundle)
    golden = inspector.bundle.manifest.golden
    verdicts = [inspector.inspect(inspector.bundle.read_golden(frame.file)).verdict for frame in golden]
    assert verdicts[0] is Verdict.GOOD
    assert verdicts[-1] is Verdict.DEFECT


def test_held_out_scores_are_what_the_threshold_comes_from(built_bundle):
    calibration = read_bundle(built_bundle).calibration
    assert len(calibration.scores) == 24
    assert sum(score > calibration.threshold for score in calibration.scores) == 1  # ceil(25 * 0.9) = 23rd of 24


def test_an_unreadable_image_is_named(config, good_dir, tmp_path):
    folder = shutil.copytree(good_dir, tmp_path / "some")
    (folder / "05.png").write_bytes(b"not a picture")
    with pytest.raises(FrameError, match=r"05\.png"):
        build_bundle(BuildSettings(**{**config, "good_dir": folder}))
    assert not config["out"].exists()


def test_unreadable_images_are_skipped_and_counted_when_asked(config, good_dir, tmp_path, capsys):
    folder = shutil.copytree(good_dir, tmp_path / "some")
    (folder / "05.png").write_bytes(b"not a picture")
    report = build_bundle(BuildSettings(**{**config, "good_dir": folder}, skip_unreadable=True))
    assert (report.images, report.skipped_images) == (23, 1)
    assert "05.png" in capsys.readouterr().err


def test_only_unreadable_images_are_an_error(config, tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    for name in range(20):
        (folder / f"{name}.png").write_bytes(b"not a picture")
    with pytest.raises(UsageError, match="expected readable images, found too few"):
        build_bundle(BuildSettings(**{**config, "good_dir": folder}, skip_unreadable=True))


def test_images_are_found_in_subfolders_and_of_every_kind(config, tmp_path):
    folder = tmp_path / "kinds"
    for index, suffix in enumerate(["png", "jpg", "tif", "bmp", "PNG"] * 3):
        path = folder / f"shift{index % 2}" / f"{index:02}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), draw_good(index)[:, :, ::-1])
    assert build_bundle(BuildSettings(**{**config, "good_dir": folder})).images == 15


def test_grey_files_of_many_sizes_build_with_the_default_frame(config, tmp_path):
    folder = tmp_path / "grey"
    folder.mkdir()
    for index in range(12):
        cv2.imwrite(str(folder / f"{index:02}.png"), draw_good(index, 60 + 7 * index, 90 - 3 * index)[:, :, 0])
    report = build_bundle(BuildSettings(**{**config, "good_dir": folder}))
    assert report.images == 12
    assert np.isfinite(Inspector.load(config["out"]).inspect(draw_defect(0)).score)


def test_a_rate_that_so_few_images_cannot_support_fails_before_any_work(config, monkeypatch):
    monkeypatch.setattr(build_module, "learn", None)  # never reached
    with pytest.raises(UsageError, match=r"24 held-out good images support no rate below 0\.04"):
        build_bundle(BuildSettings(**{**config, "false_reject_rate": 0.01}))


def test_a_copy_of_a_photograph_is_named(config, good_dir, tmp_path):
    folder = shutil.copytree(good_dir, tmp_path / "some")
    shutil.copy(folder / "03.png", folder / "copy.png")
    with pytest.raises(UsageError, match=r"(copy|03)\.png: .* a copy of .*(copy|03)\.png"):
        build_bundle(BuildSettings(**{**config, "good_dir": folder}))


def test_a_frame_without_signal_is_not_learned(config, good_dir, tmp_path):
    folder = shutil.copytree(good_dir, tmp_path / "some")
    cv2.imwrite(str(folder / "black.png"), np.zeros((90, 70, 3), np.uint8))
    with pytest.raises(FrameError, match=r"black\.png: .*no signal"):
        build_bundle(BuildSettings(**{**config, "good_dir": folder}))
    assert build_bundle(BuildSettings(**{**config, "good_dir": folder}, skip_unreadable=True)).skipped_images == 1


@pytest.mark.parametrize("name", ["test", "ground_truth"])
def test_a_whole_category_is_not_learned_as_good(config, good_dir, tmp_path, name):
    folder = shutil.copytree(good_dir, tmp_path / "some")
    (folder / name).mkdir()
    with pytest.raises(UsageError, match="train/good"):
        build_bundle(BuildSettings(**{**config, "good_dir": folder}))


@pytest.mark.parametrize("name", ["", "x" * 129, "two\nlines", "\udcff"])
def test_a_name_that_no_manifest_takes_fails_before_any_work(config, name):
    with pytest.raises(UsageError, match="printable"):
        BuildSettings(**config, name=name)


def test_an_existing_bundle_is_kept_unless_forced(config):
    build_bundle(BuildSettings(**config))
    before = (config["out"] / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="--force"):
        build_bundle(BuildSettings(**config, seed=1))
    assert (config["out"] / "manifest.json").read_bytes() == before
    build_bundle(BuildSettings(**config, seed=1, force=True))
    assert (config["out"] / "manifest.json").read_bytes() != before
    assert [path.name for path in config["out"].parent.iterdir()] == ["washer"]


def test_force_does_not_replace_a_folder_that_is_no_bundle(config):
    config["out"].mkdir()
    (config["out"] / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="expected a new folder or one that holds"):
        build_bundle(BuildSettings(**config, force=True))
    assert (config["out"] / "thesis.txt").exists()


def test_a_missing_backbone_and_a_foreign_onnx_file_are_refused(config, tmp_path):
    with pytest.raises(UsageError, match="goodpart-export"):
        build_bundle(BuildSettings(**{**config, "backbone": tmp_path / "none.onnx"}))
    (tmp_path / "foreign.onnx").write_bytes(b"\x08\x07")
    with pytest.raises(ContractError, match=r"foreign\.onnx"):
        build_bundle(BuildSettings(**{**config, "backbone": tmp_path / "foreign.onnx"}))


def test_an_error_while_writing_leaves_nothing(config, monkeypatch):
    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build_module, "write_bundle", fail)
    with pytest.raises(UsageError, match="No space left"):
        build_bundle(BuildSettings(**config))
    assert not list(config["out"].parent.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_build_leaves_nothing_and_says_so(config, tmp_path, number):
    # the child stops itself at the worst moment: everything is written, nothing is published yet
    script = (
        "import os, signal, sys; from threading import Event\n"
        # a test run under nohup, or in a shell's background, would hand down that they are ignored
        f"signal.signal({int(number)}, signal.default_int_handler)\n"
        "from goodpart_bank_builder.cli import main as cli; from goodpart.inspector import Inspector\n"
        # another thread may take the signal, and this one must not go on before it knows
        f"Inspector.load = classmethod(lambda *a, **k: os.kill(os.getpid(), {int(number)}) or Event().wait(60))\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    command = ["build", str(config["good_dir"]), "--backbone", str(config["backbone"]), "--out", str(config["out"])]
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert "interrupted" in done.stderr
    assert not list(config["out"].parent.iterdir())


def test_the_command_line_reports_as_json(config, capsys):
    command = ["build", str(config["good_dir"]), "--backbone", str(config["backbone"]), "--out", str(config["out"])]
    assert main([*command, "--false-reject-rate", "0.2", "--name", "Washer M8", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["bank"] == [400, 64]
    assert report["calibration"]["false_reject_rate"] == 0.2
    assert read_bundle(config["out"]).manifest.name == "Washer M8"
    assert read_bundle(config["out"]).digest == report["digest"]
