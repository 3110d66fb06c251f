"""Importing torchvision where torch has no CUDA.

PyPI's torchvision is compiled for CUDA. Beside a CPU-only torch its compiled operators cannot load. The import fails
with "operator torchvision::nms does not exist", because its Python code refers to operators that were never declared.
Declaring their schemas is enough; ResNet-18 uses none of them.
"""

import functools
import importlib
import sys
from types import ModuleType

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@functools.cache
def _declared() -> torch.library.Library:
    # cached, because torch removes the declarations when the object is garbage-collected
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)
    return library


def import_torchvision_models() -> ModuleType:
    """`torchvision.models`; the missing operators are declared if necessary."""
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    _declared()
    return importlib.import_module("torchvision.models")
