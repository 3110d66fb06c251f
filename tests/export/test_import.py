"""What an import brings with it: torch comes with the first export, since quantizing works without it."""

import json
import subprocess
import sys

import pytest

import goodpart_export


def test_quantizing_and_writing_onnx_files_import_no_torch():
    code = (
        "import goodpart_export.cli.quantize, goodpart_export.prologue, json, sys\n"
        "print(json.dumps([name for name in ('torch', 'torchvision') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_every_public_name_is_there():
    assert all(getattr(goodpart_export, name) is not None for name in goodpart_export.__all__)
    assert set(goodpart_export.__all__) <= set(dir(goodpart_export))
    with pytest.raises(AttributeError, match="has no attribute 'export_trunk'"):
        _ = goodpart_export.export_trunk
