"""goodpart-export turns a truncated ResNet-18 into the ONNX file that workstation and embedded PC both embed with."""

from typing import TYPE_CHECKING

from goodpart_export.profiles import load_profile, shipped_profiles
from goodpart_export.quantize.quantize import QuantizeReport, quantize_backbone
from goodpart_export.sizing.input_size import InputChoice, choose_input
from goodpart_export.sizing.survey import survey
from goodpart_export.sizing.value_range import RangeChoice, choose_range

if TYPE_CHECKING:
    from goodpart_export.onnx_export import ExportReport, export_backbone
    from goodpart_export.weights import load_weights

__version__ = "0.1.0"

__all__ = [
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


def __getattr__(name: str) -> object:
    """Imports what needs torch on first use: torch takes seconds, and quantizing works without it."""
    if name in ("ExportReport", "export_backbone"):
        from goodpart_export import onnx_export

        return getattr(onnx_export, name)
    if name == "load_weights":
        from goodpart_export.weights import load_weights

        return load_weights
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
