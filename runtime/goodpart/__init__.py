"""goodpart finds defects after seeing only good parts, on a CPU.

inspector = goodpart.Inspector.load("bundles/bottle", threads=2)
inspection = inspector.inspect(frame)
inspection.verdict, inspection.score
"""

from goodpart.backbone import Backbone
from goodpart.bank import Bank, PatchDistances
from goodpart.bundle import Bundle, read_bundle
from goodpart.calibration import Calibration, CalibrationMethod
from goodpart.camera import Camera
from goodpart.device import DeviceSettings
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    ContractError,
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
    UsageError,
    VersionError,
)
from goodpart.inspection import Inspection, Verdict
from goodpart.inspector import Inspector
from goodpart.live import LiveInspector
from goodpart.regions import Region
from goodpart.store import Store
from goodpart.store_state import StoreState
from goodpart.stored_bundle import StoredBundle
from goodpart.trial import TrialLimits

__version__ = "0.1.0"

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
    "DeviceSettings",
    "ExportError",
    "FrameError",
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
    "UsageError",
    "Verdict",
    "VersionError",
    "__version__",
    "read_bundle",
]
