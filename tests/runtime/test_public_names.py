"""The public names: exactly these, each documented; the error tree as it is drawn."""

import inspect
import json
import pickle
import re
import subprocess
import sys

import pytest

import goodpart
import goodpart.errors
from goodpart.errors import GoodpartError

EXPECTED = {
    "Backbone", "Bank", "Bundle", "BundleError", "BundleMissingError", "Calibration", "CalibrationMethod", "Camera",
    "ContractError", "DeviceFileError", "DeviceSettings", "Drift", "DriftAlarm", "DriftPhase",
    "DriftReference", "DriftState", "Explanation", "ExportError", "FrameError",
    "FrozenGuard", "GoodPatch",
    "GoodpartError", "ImageFileError", "InferenceError", "Inspection", "Inspector", "IntegrityError", "LiveInspector",
    "ManifestError", "MissingExtraError", "PatchDistances", "Region", "RollbackError", "SelfTestError",
    "SignatureError", "Store", "StoreState", "StoredBundle", "TrialError", "TrialLimits", "UnfitImagesError",
    "UnreadableError",
    "UsageError", "Verdict", "VersionError", "__version__", "read_bundle",
}  # fmt: skip


def error_classes():
    members = vars(goodpart.errors).items()
    return {name: cls for name, cls in members if inspect.isclass(cls) and issubclass(cls, Exception)}


def test_goodpart_has_exactly_these_names():
    assert set(goodpart.__all__) == EXPECTED
    assert list(goodpart.__all__) == sorted(goodpart.__all__)


def test_the_older_name_of_the_guard_stays():
    assert goodpart.Camera is goodpart.FrozenGuard


def test_goodpart_export_has_exactly_these_names():
    goodpart_export = pytest.importorskip("goodpart_export")
    assert goodpart_export.__all__ == [
        "ExportReport",
        "InputChoice",
        "QuantizeReport",
        "RangeChoice",
        "__version__",
        "choose_input",
        "choose_range",
        "export_backbone",
        "load_profile",
        "load_weights",
        "quantize_backbone",
        "shipped_profiles",
        "survey",
    ]


@pytest.mark.parametrize("package", ["goodpart", "goodpart_export"])
def test_every_public_thing_is_documented(package):
    module = pytest.importorskip(package)
    for name in module.__all__:
        thing = getattr(module, name)
        if name == "__version__":
            continue
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing):
            own = {key: value for key, value in vars(thing).items() if not key.startswith("_")}
            for key, value in own.items():
                if inspect.isroutine(value) or isinstance(value, (property, classmethod)):
                    assert inspect.getdoc(getattr(thing, key)), f"{name}.{key}"


def test_the_error_tree_is_the_one_drawn():
    drawn = re.findall(r"^    ([│├└─ ]*)(\w+Error)\b", goodpart.errors.__doc__, re.M)
    parents, path = {}, []
    for prefix, name in drawn:
        depth = len(prefix) // 4
        path[depth:] = [name]
        parents[name] = path[depth - 1] if depth else "Exception"
    classes = error_classes()
    assert parents == {name: cls.__bases__[0].__name__ for name, cls in classes.items()}
    assert all(issubclass(cls, GoodpartError) for cls in classes.values())


@pytest.mark.parametrize("name", error_classes())
def test_every_message_is_one_line(name):
    message = str(error_classes()[name]("frame: expected\nthis,\r\nfound\u2028that"))
    assert message == r"frame: expected\nthis,\r\nfound\u2028that"
    assert pickle.loads(pickle.dumps(error_classes()[name]("so"))).args == ("so",)  # it may cross processes


def test_every_error_is_public():
    assert set(error_classes()) <= set(goodpart.__all__)


def test_importing_goodpart_imports_nothing_heavy():
    heavy = ["cv2", "torch", "torchvision", "onnx", "sklearn", "tqdm", "goodpart_export", "goodpart_bank_builder"]
    code = f"import goodpart, json, sys; print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
