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

The life of a bank: a recipe is built, and its bundle is compared with the one in use.

    from goodpart_bank_builder import CompareSettings, build_recipe, compare_bundles, decide

    with build_recipe(Path("bottle.toml")) as rebuilt:
        print(rebuilt.serial, rebuilt.report.digest)
    old, new = (goodpart.Inspector.load(folder, threads=1) for folder in ("released/bottle", "bundles/bottle"))
    settings = CompareSettings()
    print(decide(compare_bundles(old, new, category, Path("bottle"), settings), settings).headline)

Errors are those of `goodpart`.
"""

from goodpart_bank_builder.build.batch_summary import BatchSummary, BatchUse
from goodpart_bank_builder.build.build import BuildReport, build_bundle
from goodpart_bank_builder.compare.comparison import CompareSettings, Comparison
from goodpart_bank_builder.compare.comparison import compare as compare_bundles
from goodpart_bank_builder.compare.decide import Decision, Outcome, decide
from goodpart_bank_builder.data.dataset import Category, TestImage, read_categories
from goodpart_bank_builder.data.settings import BuildSettings, FolderSettings
from goodpart_bank_builder.doctor.doctor import Diagnosis, DoctorReport, examine_folder
from goodpart_bank_builder.doctor.finding import Finding, FindingKind, OddImage
from goodpart_bank_builder.doctor.outliers import SupportingPart, ThresholdSupport
from goodpart_bank_builder.evaluate.costs import CostCurve, Costs
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult, ImageResult, KindFigures
from goodpart_bank_builder.evaluate.metrics import Rate
from goodpart_bank_builder.life.exclude import Exclusion, Match, find_learned
from goodpart_bank_builder.life.rebuild import Edit, Rebuilt, build_recipe
from goodpart_bank_builder.life.reproduce import Reproduced, reproduce
from goodpart_bank_builder.life.update import Appended, Update, plan_update, update
from goodpart_bank_builder.recipe.recipe import Recipe, read_recipe

__version__ = "0.1.0"

__all__ = [
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
