"""`goodpart verify` runs no model, and finds everything that can be wrong without one."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import change_json, repair
from goodpart.bundle.bundle import read_bundle
from goodpart.cli.main import main
from goodpart.errors import ContractError
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from goodpart.model.onnx_facts import METADATA_KEY, check_ends, read_spec

FIXTURES = Path(__file__).parents[1] / "fixtures"
BUNDLES = ["format_1", "format_2", "format_2_thermal", "bars/newer"]

_IN_A_CHILD = """
import sys
from goodpart.cli.main import main
code = main(["verify", sys.argv[1], "--json"])
print(sorted(name for name in sys.modules if name.partition(".")[0] == "onnxruntime"), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def listed(tmp_path):
    """A copy of the fixture of format 2, to be broken."""
    return Path(shutil.copytree(FIXTURES / "format_2", tmp_path / "bar"))


@pytest.fixture
def model(listed):
    return pytest.importorskip("onnx").load(listed / "backbone.onnx")


def wrong(bundle, capsys, *words):
    """Verify refuses the bundle in one line that has these words."""
    assert main(["verify", str(bundle)]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    for word in words:
        assert word in told.err


def put(bundle, name, array):
    file = io.BytesIO()
    np.save(file, array)
    write(bundle, name, file.getvalue())


def write(bundle, name, data):
    (bundle / name).write_bytes(data)
    repair(bundle)


@pytest.mark.parametrize("name", BUNDLES)
def test_onnxruntime_is_not_even_loaded(name):
    done = subprocess.run(
        [sys.executable, "-c", _IN_A_CHILD, str(FIXTURES / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", BUNDLES)
def test_the_file_says_what_its_session_says(name):
    data = (FIXTURES / name / "backbone.onnx").read_bytes()
    spec = read_spec(data, "it")
    check_ends(data, spec, "it")
    assert spec == Backbone(data).spec == read_bundle(FIXTURES / name).manifest.backbone


def test_golden_scores_are_left_to_the_selftest(listed, capsys):
    change_json(listed / "manifest.json", lambda facts: facts["golden"][0].update(score=99.0))
    assert main(["verify", str(listed)]) == 0
    assert main(["selftest", str(listed)]) == 3


def test_a_golden_frame_of_another_dtype(listed, capsys):
    put(listed, "golden/000.npy", np.zeros((24, 18, 3), np.float32))
    wrong(listed, capsys, "golden/000.npy", "expected uint8 RGB")


def test_a_golden_frame_that_is_no_array(listed, capsys):
    write(listed, "golden/000.npy", b"not an array")
    wrong(listed, capsys, "golden/000.npy")


def test_bank_vectors_of_another_length(listed, capsys):
    put(listed, "bank.npy", np.load(listed / "bank.npy") * np.float32(1.5))
    wrong(listed, capsys, "expected finite unit vectors")


def test_the_graph_of_another_bank(listed, capsys):
    put(listed, "bank.npy", np.load(listed / "bank.npy")[::-1].copy())
    wrong(listed, capsys, "bank.hnsw", "another bank")


def test_a_head_of_another_size(listed, capsys):
    put(listed, "head.npy", np.zeros(7, np.float32))
    wrong(listed, capsys, "head.npy")


def test_an_origin_that_cannot_be(listed, capsys):
    origins = np.load(listed / "origins.npy")
    origins[0, 1] = 99
    put(listed, "origins.npy", origins)
    wrong(listed, capsys, "origins.npy")


def test_a_list_of_fewer_images(listed, capsys):
    change_json(listed / "images.json", lambda facts: facts["images"].pop())
    repair(listed)
    wrong(listed, capsys, "images.json", "found 23")


def test_an_ignore_mask_of_another_grid(listed, capsys):
    (listed / "ignore.npy").write_bytes(b"")
    change_json(listed / "manifest.json", lambda facts: facts["files"].update({"ignore.npy": {}}))
    put(listed, "ignore.npy", np.zeros((3, 3), np.bool_))
    wrong(listed, capsys, "ignore.npy")


@pytest.mark.parametrize("data", [b"no picture", b"\xff\xd8\xff\xe0 half a picture"])
def test_a_sheet_that_is_no_picture(listed, capsys, data):
    write(listed, "atlas/000.jpg", data)
    wrong(listed, capsys, "atlas/000.jpg", "expected a JPEG")


def test_a_sheet_too_many(listed, capsys):
    shutil.copy(listed / "atlas" / "000.jpg", listed / "atlas" / "001.jpg")
    change_json(listed / "manifest.json", lambda facts: facts["files"].update({"atlas/001.jpg": {}}))
    repair(listed)
    Inspector.load(listed, threads=1).close()
    wrong(listed, capsys, "atlas/001.jpg", "expected 1 sheet")


def test_a_file_that_is_no_model(listed, capsys):
    write(listed, "backbone.onnx", b"not a model")
    wrong(listed, capsys, "backbone.onnx", "expected a")


def test_a_graph_that_may_run_for_ever(listed, model, capsys):
    model.graph.node[0].op_type = "Loop"
    write(listed, "backbone.onnx", model.SerializeToString())
    wrong(listed, capsys, "backbone.onnx", "'Loop'")


def test_facts_of_another_backbone(listed, capsys):
    data = (listed / "backbone.onnx").read_bytes()
    assert data.count(b'"seed": 5') == 1
    write(listed, "backbone.onnx", data.replace(b'"seed": 5', b'"seed": 6'))
    wrong(listed, capsys, "differ", "seed=5", "seed=6")


def test_no_facts(listed, model, capsys):
    del model.metadata_props[:]
    write(listed, "backbone.onnx", model.SerializeToString())
    wrong(listed, capsys, "without its facts")


@pytest.mark.parametrize("first", [True, False])
def test_facts_that_stand_twice(listed, model, capsys, first):
    """Readers differ in which of them they take: the guard would read one and onnxruntime another."""
    facts = model.metadata_props[0].value
    for text in (facts, "{}") if first else ("{}", facts):
        model.metadata_props.add(key=METADATA_KEY, value=text)
    del model.metadata_props[0]
    write(listed, "backbone.onnx", model.SerializeToString())
    wrong(listed, capsys, METADATA_KEY, "found it 2 times")
    with pytest.raises(ContractError, match="found it 2 times"):
        Inspector.load(listed, threads=1)


def test_an_entry_whose_value_stands_twice(listed, model, capsys):
    entry = model.metadata_props[0].SerializeToString()
    del model.metadata_props[:]
    entry += b"\x12\x02{}"
    data = model.SerializeToString() + b"\x72" + bytes([len(entry) & 0x7F | 0x80, len(entry) >> 7]) + entry
    write(listed, "backbone.onnx", data)
    wrong(listed, capsys, "backbone.onnx", "found some twice")


def test_facts_in_other_bytes_than_utf_8(listed, model, capsys):
    facts = model.metadata_props[0].value
    data = model.SerializeToString().replace(facts.encode(), b"\xff" * len(facts))
    write(listed, "backbone.onnx", data)
    wrong(listed, capsys, "backbone.onnx metadata", "expected UTF-8 JSON")


def test_an_input_of_another_name(listed, model, capsys):
    model.graph.input[0].name = "picture"
    for node in model.graph.node:
        node.input[:] = ["picture" if name == "frame" else name for name in node.input]
    write(listed, "backbone.onnx", model.SerializeToString())
    wrong(listed, capsys, "expected the input 'frame' of uint8", "'picture'")


@pytest.mark.parametrize("change", ["name", "type", "shape", "second"])
def test_another_output(listed, model, capsys, change):
    output = model.graph.output[0]
    if change == "name":
        output.name = "\u202eodd"
    elif change == "type":
        output.type.tensor_type.elem_type = 6
    elif change == "shape":
        output.type.tensor_type.shape.dim[1].dim_value += 1
    else:
        model.graph.output.add().CopyFrom(output)
    write(listed, "backbone.onnx", model.SerializeToString())
    wrong(listed, capsys, "backbone.onnx", "expected the output 'embeddings' of float (64, 8)")


def test_the_device_file_still_counts(listed, capsys):
    listed.with_name("bar.device.json").write_text("{")
    wrong(listed, capsys, "bar.device.json")


def test_verify_has_no_threads(listed, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(listed), "--threads", "1"])
    assert ended.value.code == 2
    assert "--threads" in capsys.readouterr().err
