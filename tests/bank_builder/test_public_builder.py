"""The public names of the bank builder: exactly these, each documented; importing them imports nothing heavy."""

import inspect
import json
import subprocess
import sys

import goodpart
import goodpart_bank_builder
from goodpart_bank_builder import BuildSettings, build_bundle, evaluate_category, read_categories

EXPECTED = [
    "Appended",
    "BatchSummary",
    "BatchUse",
    "BuildReport",
    "BuildSettings",
    "Category",
    "CategoryFigures",
    "CategoryResult",
    "CompareSettings",
    "Comparison",
    "CostCurve",
    "Costs",
    "Decision",
    "Diagnosis",
    "DoctorReport",
    "Edit",
    "Exclusion",
    "Finding",
    "FindingKind",
    "FolderSettings",
    "ImageResult",
    "KindFigures",
    "Match",
    "OddImage",
    "Outcome",
    "Rate",
    "Rebuilt",
    "Recipe",
    "Reproduced",
    "SupportingPart",
    "TestImage",
    "ThresholdSupport",
    "Update",
    "__version__",
    "build_bundle",
    "build_recipe",
    "compare_bundles",
    "decide",
    "evaluate_category",
    "examine_folder",
    "find_learned",
    "plan_update",
    "read_categories",
    "read_recipe",
    "reproduce",
    "update",
]


def test_the_bank_builder_has_exactly_these_names():
    assert goodpart_bank_builder.__all__ == EXPECTED == sorted(EXPECTED)
    assert all(hasattr(goodpart_bank_builder, name) for name in EXPECTED)


def test_every_public_thing_is_documented():
    for name in EXPECTED:
        thing = getattr(goodpart_bank_builder, name)
        if name == "__version__":
            continue
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing):
            own = {key: value for key, value in vars(thing).items() if not key.startswith("_")}
            for key, value in own.items():
                if inspect.isroutine(value) or isinstance(value, (property, classmethod)):
                    assert inspect.getdoc(getattr(thing, key)), f"{name}.{key}"


def test_importing_the_bank_builder_or_its_command_line_imports_nothing_heavy():
    heavy = ["matplotlib", "sklearn", "scipy", "jinja2", "torch", "onnx", "goodpart_export"]
    code = (
        "import goodpart_bank_builder.cli.main, json, sys\n"
        f"print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_notebook_builds_and_evaluates(good_dir, tiny_backbone, category, tmp_path):
    settings = BuildSettings(good_dir=good_dir, backbone=tiny_backbone, out=tmp_path / "washer", false_reject_rate=0.1)
    report = build_bundle(settings)
    result = evaluate_category(goodpart.Inspector.load(report.bundle), read_categories(category)[0])
    assert result.figures.threshold == report.calibration.threshold
    assert len(result.images) == 11
