"""What goodpart_export uses of onnxruntime's quantization tool."""

import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

class QuantType(enum.Enum):
    QInt8 = 0
    QUInt8 = 1

class QuantFormat(enum.Enum):
    QDQ = 1

class CalibrationMethod(enum.Enum):
    MinMax = 0

class CalibrationDataReader(Protocol):
    def get_next(self) -> Mapping[str, npt.NDArray[np.generic]] | None: ...

def quantize_static(
    model_input: str | Path,
    model_output: str | Path,
    calibration_data_reader: CalibrationDataReader,
    *,
    quant_format: QuantFormat,
    op_types_to_quantize: Sequence[str],
    nodes_to_quantize: Sequence[str],
    per_channel: bool,
    reduce_range: bool,
    activation_type: QuantType,
    weight_type: QuantType,
    calibrate_method: CalibrationMethod,
    extra_options: Mapping[str, object],
) -> None: ...
