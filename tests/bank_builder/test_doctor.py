"""Doctor: what does not belong among good images is named, and a clean set gives no finding."""

import json

import cv2
import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.facts.calibration import RateUnit
from goodpart_bank_builder import BuildSettings, build_bundle
from goodpart_bank_builder.cli.diagnosis import all_lines
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.settings import FolderSettings
from goodpart_bank_builder.doctor.doctor import examine_folder, learn_and_examine
from goodpart_bank_builder.doctor.finding import FindingKind
from small_parts import draw_blotched

DEFECT = "odd/defect.png"


def write(path, frame):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), frame if frame.ndim == 2 else frame[:, :, ::-1])


@pytest.fixture
def clean(tmp_path):
    """25 good parts that differ about as much from each other."""
    for seed in range(25):
        write(tmp_path / "good" / f"{seed:02}.png", part(seed))
    return tmp_path / "good"


@pytest.fixture
def mixed(clean):
    """The same, and a defective part among them."""
    write(clean / DEFECT, blocked(99))
    return clean


def part(seed):
    return draw_blotched(seed, levels=9.0)


def blocked(seed, top=30, left=40, colour=(255, 0, 255)):
    """A part with a bright block on it."""
    frame = part(seed)
    frame[top : top + 14, left : left + 12] = colour
    return frame


def examined(folder, backbone, **options):
    return examine_folder(FolderSettings(good_dir=folder, backbone=backbone, **options)).diagnosis


def kinds(diagnosis):
    return {found.kind: [image.name for image in found.images] for found in diagnosis.findings}


@pytest.fixture
def command(tiny_backbone, tmp_path):
    return ["--backbone", str(tiny_backbone)], ["--out", str(tmp_path / "bundles" / "washer")]


def test_one_defect_among_25_good_parts_is_named_and_carries_the_threshold(mixed, tiny_backbone):
    diagnosis = examined(mixed, tiny_backbone)
    assert kinds(diagnosis)[FindingKind.OUTLIER] == [DEFECT]
    assert diagnosis.threshold.carried_by == (DEFECT,)
    assert diagnosis.threshold.threshold_without < 0.8 * diagnosis.threshold.threshold
    assert [(part.image, part.is_outlier) for part in diagnosis.threshold.parts] == [(DEFECT, True)]


def test_the_threshold_without_an_outlier_is_told_in_the_same_sigmas(mixed, tiny_backbone):
    """The outlier widens the sigma as well: in sigmas of their own, the other images' threshold seems higher."""
    report, learned, _ = learn_and_examine(FolderSettings(good_dir=mixed, backbone=tiny_backbone))
    raw = dict(zip(learned.held_out, learned.worst, strict=True))
    highest = max(score for path, score in raw.items() if path.name != "defect.png")
    expected = (highest - learned.calibration.mean) / learned.calibration.std
    assert report.diagnosis.threshold.threshold_without == pytest.approx(expected)


def test_a_clean_set_gives_no_finding_and_no_warning(clean, tiny_backbone):
    diagnosis = examined(clean, tiny_backbone)
    assert (diagnosis.findings, diagnosis.look_at, diagnosis.images) == ((), 0, 25)
    assert diagnosis.threshold.carried_by == ()
    assert diagnosis.threshold.threshold_without is None


def test_three_defects_of_different_kinds_are_all_named(clean, tiny_backbone):
    others = {"b": blocked(98, 50, 20, (0, 255, 0)), "c": blocked(97, 15, 10, (255, 255, 0))}
    for name, frame in {"a": blocked(99), **others}.items():
        write(clean / f"odd_{name}.png", frame)
    diagnosis = examined(clean, tiny_backbone)
    assert set(kinds(diagnosis)[FindingKind.OUTLIER]) == {"odd_a.png", "odd_b.png", "odd_c.png"}
    assert set(diagnosis.threshold.carried_by) == {"odd_a.png", "odd_b.png", "odd_c.png"}


def test_build_says_so_in_one_line_and_warns_at_the_end(mixed, command, capsys):
    backbone, out = command
    assert main(["build", str(mixed), *backbone, *out]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"look at     1 of 26 images wants a look: {DEFECT}; all findings: ") for line in lines)
    warning = lines.index(f"WARNING     The threshold rests on 1 image unlike the others: {DEFECT}")
    assert warning == len(lines) - 5
    assert lines[-1].endswith(f"--exclude {DEFECT}")
    beside = json.loads((mixed.parent / "bundles" / "washer.findings.json").read_text())
    assert beside["threshold"]["carried_by"] == [DEFECT]


def test_the_json_report_holds_all_and_the_warning_goes_to_stderr(mixed, command, capsys, tmp_path):
    backbone, out = command
    findings = tmp_path / "findings.json"
    assert main(["build", str(mixed), *backbone, *out, "--json", "--findings", str(findings)]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["diagnosis"] == json.loads(findings.read_text())
    assert report["diagnosis"]["findings"][0]["kind"] == "outlier"
    assert captured.err.splitlines()[-1].endswith(f"--exclude {DEFECT}")


def test_a_clean_build_says_that_nothing_stands_out_and_takes_old_findings_away(mixed, command, capsys):
    backbone, out = command
    beside = mixed.parent / "bundles" / "washer.findings.json"
    assert main(["build", str(mixed), *backbone, *out]) == 0
    assert beside.exists()
    assert main(["build", str(mixed), *backbone, *out, "--force", "--exclude", DEFECT]) == 0
    printed = capsys.readouterr().out.partition("excluded    1 on demand")[2]
    assert "look at     none of 25 images stands out" in printed
    assert "WARNING" not in printed
    assert not beside.exists()


def test_doctor_has_exit_code_1_for_findings_and_0_for_none(mixed, command, capsys):
    backbone, _ = command
    assert main(["doctor", str(mixed), *backbone]) == 1
    printed = capsys.readouterr().out
    assert "outlier     1 image unlike the others" in printed
    assert "these are" not in printed
    assert main(["doctor", str(mixed), *backbone, "--exclude", DEFECT, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["parts"], list(report["excluded"])) == (25, [DEFECT])
    assert not (mixed.parent / "bundles").exists()


def test_doctor_names_the_files_that_it_does_not_look_at(mixed, command, capsys):
    backbone, _ = command
    (mixed / "notes.txt").write_text("lot 7")
    assert main(["doctor", str(mixed), *backbone, "--exclude", DEFECT, "--json"]) == 0
    captured = capsys.readouterr()
    assert f"{mixed}: not looked at: other files: 1, such as notes.txt" in captured.err.splitlines()
    assert json.loads(captured.out)["passed_over"] == ["other files: 1, such as notes.txt"]


def test_doctor_and_build_find_the_same(mixed, tiny_backbone, tmp_path):
    built = build_bundle(BuildSettings(good_dir=mixed, backbone=tiny_backbone, out=tmp_path / "washer"))
    assert built.diagnosis == examined(mixed, tiny_backbone)


def test_an_outlier_among_the_images_of_one_part_is_named_by_its_image(mixed, tiny_backbone):
    for seed in range(20):
        write(mixed / f"{seed:02}_again.png", part(100 + seed))
    diagnosis = examined(mixed, tiny_backbone, group=r"(\d\d|defect)", rate_per=RateUnit.PART)
    assert kinds(diagnosis)[FindingKind.OUTLIER] == [DEFECT]
    assert diagnosis.threshold.carried_by == (DEFECT,)


def test_too_few_parts_for_the_rate_are_a_finding(clean, tiny_backbone):
    diagnosis = examined(clean, tiny_backbone, false_reject_rate=0.01, rate_per=RateUnit.PART)
    (found,) = diagnosis.findings
    assert found.kind is FindingKind.FEW_PARTS
    assert "at least 99 good parts" in found.advice
    assert found.figures["parts needed"] == 99


def test_too_few_images_for_a_rate_per_image_are_a_finding(clean, tiny_backbone):
    for seed in range(4):
        write(clean / f"{seed:02}_again.png", part(100 + seed))
    diagnosis = examined(clean, tiny_backbone, group=r"(\d\d)", false_reject_rate=0.01)
    (found,) = diagnosis.findings
    assert found.summary == "29 images, too few for a false-reject rate of 0.01"
    assert "at least 99 good images" in found.advice
    assert diagnosis.threshold.unit is RateUnit.IMAGE
    assert "; 1 image scores as high or higher:" in "\n".join(all_lines(diagnosis))


def test_images_that_cannot_be_learned_are_listed_all_at_once(clean, tiny_backbone):
    (clean / "torn.png").write_bytes(b"not a picture")
    write(clean / "black.png", np.zeros((90, 70, 3), np.uint8))
    diagnosis = examined(clean, tiny_backbone)
    assert kinds(diagnosis) == {FindingKind.UNREADABLE: ["black.png", "torn.png"]}
    assert diagnosis.images == 27


def test_findings_list_20_images_and_count_all(tiny_backbone, tmp_path):
    for seed in range(60):
        write(tmp_path / "good" / f"{seed:02}.png", part(seed))
    for number in range(23):
        (tmp_path / "good" / f"torn{number}.png").write_bytes(b"not a picture")
    diagnosis = examined(tmp_path / "good", tiny_backbone)
    (found,) = diagnosis.findings
    assert (found.count, len(found.images), diagnosis.look_at, len(diagnosis.names)) == (23, 20, 23, 20)


def test_a_rate_that_is_none_is_still_refused(clean, tiny_backbone):
    with pytest.raises(UsageError, match="false-reject rate"):
        examined(clean, tiny_backbone, false_reject_rate=0.0)


def test_findings_are_written_where_they_are_asked_for_even_if_there_are_none(clean, command, tmp_path):
    backbone, out = command
    findings = tmp_path / "findings.json"
    assert main(["build", str(clean), *backbone, *out, "--findings", str(findings)]) == 0
    assert json.loads(findings.read_text())["findings"] == []
    assert not (tmp_path / "bundles" / "washer.findings.json").exists()
