"""Modules stand on floors: each imports only from lower ones of its own package, and from packages below."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOORS = {
    "runtime/goodpart": [
        {"errors", "session"},
        {
            "strict_json",
            "profile",
            "calibration",
            "command",
            "index_file",
            "products",
            "parallel",
            "machine",
            "onnx_check",
            "signature",
            "lifetime",
            "trust",
            "locks",
        },
        {"spec", "scoring", "graph", "atomic"},
        {"regions", "images", "manifest", "store_state"},
        {"inspection", "checked_file"},
        {"bundle", "backbone", "bank", "overlay", "camera"},
        {"device", "stored_bundle", "store_folder"},
        {"inspector", "info", "threshold"},
        {"score", "bench", "tune", "trial", "trial_child"},
        {"store"},
        {"live", "store_cli"},
        {"__init__"},
        {"cli"},
    ],
    "export/goodpart_export": [
        {"torchvision_beside_cpu_torch", "profiles/__init__", "input_size", "progress"},
        {"survey", "onnx_file", "shift", "int8_cpu"},
        {"weights", "trunk"},
        {"prologue"},
        {"parity", "quantize"},
        {"onnx_export"},
        {"__init__"},
        {"cli", "quantize_cli"},
    ],
    "bank_builder/goodpart_bank_builder": [
        {
            "progress",
            "dataset",
            "metrics",
            "demo_data",
            "parts",
            "ignore_mask",
            "lookalikes",
            "golden",
            "published",
            "sign",
        },
        {"coreset", "embed", "index", "costs", "masks", "pixel_counts", "report_text"},
        {"calibrate", "figures"},
        {"learn", "evaluation_log", "report_choice"},
        {"report_charts", "report_pictures", "report_tables"},
        {"build", "evaluate", "report"},
        {"__init__"},
        {"cli"},
    ],
}
FORBIDDEN = {
    "goodpart": {"torch", "torchvision", "onnx", "sklearn", "tqdm", "goodpart_export", "goodpart_bank_builder"},
    "goodpart_export": {"goodpart_bank_builder", "cv2", "sklearn"},
    "goodpart_bank_builder": {"goodpart_export", "torch", "torchvision", "onnx"},
}


def imported(source: str) -> set[str]:
    """Dotted names of all modules that a source imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            # `from goodpart import strict_json` imports the module, too
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def violations(package: str, module: str, source: str, floors: list[set[str]]) -> list[str]:
    """What a module imports that does not lie below it."""
    floor_of = {name: at for at, names in enumerate(floors) for name in names}
    own = floor_of[module]
    wrong = []
    for name in sorted(imported(source)):
        top, _, rest = name.partition(".")
        if top in FORBIDDEN[package]:
            wrong.append(f"{module} imports {name}")
        if top == package:
            target = next((known for known in (rest.replace(".", "/"), f"{rest}/__init__") if known in floor_of), None)
            if target is not None and floor_of[target] >= own:
                wrong.append(f"{module} (floor {own}) imports {target} (floor {floor_of[target]})")
    return wrong


@pytest.mark.parametrize("folder", FLOORS)
def test_every_module_has_a_floor(folder):
    found = {path.relative_to(ROOT / folder).with_suffix("").as_posix() for path in (ROOT / folder).rglob("*.py")}
    assert found == set().union(*FLOORS[folder])


@pytest.mark.parametrize("folder", FLOORS)
def test_modules_import_only_from_lower_floors(folder):
    package = Path(folder).name
    wrong = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        module = path.relative_to(ROOT / folder).with_suffix("").as_posix()
        wrong += violations(package, module, path.read_text(encoding="utf-8"), FLOORS[folder])
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("errors", "from goodpart.inspector import Inspector"),
        ("bank", "import goodpart.inspector"),
        ("bank", "from goodpart import backbone"),
        ("inspector", "def late():\n    import torch"),
        ("scoring", "from goodpart_bank_builder.metrics import auroc"),
    ],
)
def test_a_planted_violation_is_found(module, source):
    assert violations("goodpart", module, source, FLOORS["runtime/goodpart"])


def test_only_the_decoder_touches_opencv():
    for path in (ROOT / "runtime" / "goodpart").glob("*.py"):
        assert "cv2" not in imported(path.read_text(encoding="utf-8")) or path.name == "images.py"
