"""Importing goodpart has no effects: onnxruntime comes with the first model, and the environment stays as it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1"

CODE = """
import json, os, sys
before = dict(os.environ)
import goodpart
imported = "onnxruntime" in sys.modules
same_after_import = dict(os.environ) == before
goodpart.Inspector.load(sys.argv[1], threads=1).close()
print(json.dumps([imported, same_after_import, dict(os.environ) == before, "onnxruntime" in sys.modules]))
"""


@pytest.mark.parametrize("setting", [None, "1", "0"])
def test_an_import_loads_no_onnxruntime_and_leaves_the_environment(setting, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment |= {} if setting is None else {"ORT_DISABLE_TELEMETRY": setting}
    command = [sys.executable, "-c", CODE, str(FORMAT_1)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == [False, True, True, True]
    if setting != "0":
        assert list(tmp_path.rglob("*")) == []
