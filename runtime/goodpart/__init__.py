"""goodpart finds defects on a CPU, after seeing only good parts.

    inspector = goodpart.Inspector.load("bundles/bottle", threads=2)
    inspection = inspector.inspect(frame)
    inspection.verdict, inspection.score

Every error is a `GoodpartError`.
"""

from goodpart.bank.search import Bank, PatchDistances
from goodpart.bundle.bundle import Bundle, read_bundle
from goodpart.bundle.device import DeviceSettings
from goodpart.drift import Drift, DriftAlarm, DriftPhase, DriftReference, DriftState
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    ContractError,
    DeviceFileError,
    ExportError,
    FrameError,
    GoodpartError,
    ImageFileError,
    InferenceError,
    IntegrityError,
    ManifestError,
    MissingExtraError,
    RollbackError,
    SelfTestError,
    SignatureError,
    TrialError,
    UnfitImagesError,
    UnreadableError,
    UsageError,
    VersionError,
)
from goodpart.facts.calibration import Calibration, CalibrationMethod
from goodpart.frames.frozen import FrozenGuard
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from goodpart.scoring.explanation import Explanation, GoodPatch
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart.scoring.regions import Region
from goodpart.store.entry import StoredBundle
from goodpart.store.live import LiveInspector
from goodpart.store.state import StoreState
from goodpart.store.store import Store
from goodpart.store.trial import TrialLimits

__version__ = "0.1.0"

Camera = FrozenGuard
"""The older name of `FrozenGuard`: the same class."""

__all__ = [
    "Backbone",
    "Bank",
    "Bundle",
    "BundleError",
    "BundleMissingError",
    "Calibration",
    "CalibrationMethod",
    "Camera",
    "ContractError",
    "DeviceFileError",
    "DeviceSettings",
    "Drift",
    "DriftAlarm",
    "DriftPhase",
    "DriftReference",
    "DriftState",
    "Explanation",
    "ExportError",
    "FrameError",
    "FrozenGuard",
    "GoodPatch",
    "GoodpartError",
    "ImageFileError",
    "InferenceError",
    "Inspection",
    "Inspector",
    "IntegrityError",
    "LiveInspector",
    "ManifestError",
    "MissingExtraError",
    "PatchDistances",
    "Region",
    "RollbackError",
    "SelfTestError",
    "SignatureError",
    "Store",
    "StoreState",
    "StoredBundle",
    "TrialError",
    "TrialLimits",
    "UnfitImagesError",
    "UnreadableError",
    "UsageError",
    "Verdict",
    "VersionError",
    "__version__",
    "read_bundle",
]
