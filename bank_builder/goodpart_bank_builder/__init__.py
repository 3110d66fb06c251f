"""Build and evaluate bundles on a workstation: what `goodpart-bank` does, for notebooks and scripts.

    from pathlib import Path
    import goodpart
    from goodpart_bank_builder import BuildSettings, build_bundle, evaluate_category, read_categories

    report = build_bundle(
        BuildSettings(good_dir=Path("bottle/train/good"), backbone=Path("backbone.onnx"), out=Path("bundles/bottle"))
    )
    print(report.calibration.threshold)
    category = read_categories(Path("bottle"))[0]
    result = evaluate_category(goodpart.Inspector.load(report.bundle), category)
    print(result.figures.image_auroc, result.figures.escapes)

Errors are those of `goodpart`.
"""

from goodpart_bank_builder.build.build import BuildReport, build_bundle
from goodpart_bank_builder.data.dataset import Category, TestImage, read_categories
from goodpart_bank_builder.data.settings import BuildSettings, FolderSettings
from goodpart_bank_builder.doctor.doctor import Diagnosis, DoctorReport, examine_folder
from goodpart_bank_builder.doctor.finding import Finding, FindingKind, OddImage
from goodpart_bank_builder.doctor.outliers import SupportingPart, ThresholdSupport
from goodpart_bank_builder.evaluate.costs import CostCurve, Costs
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult, ImageResult, KindFigures
from goodpart_bank_builder.evaluate.metrics import Rate

__version__ = "0.1.0"

__all__ = [
    "BuildReport",
    "BuildSettings",
    "Category",
    "CategoryFigures",
    "CategoryResult",
    "CostCurve",
    "Costs",
    "Diagnosis",
    "DoctorReport",
    "Finding",
    "FindingKind",
    "FolderSettings",
    "ImageResult",
    "KindFigures",
    "OddImage",
    "Rate",
    "SupportingPart",
    "TestImage",
    "ThresholdSupport",
    "__version__",
    "build_bundle",
    "evaluate_category",
    "examine_folder",
    "read_categories",
]
