"""The file of a backbone: where it and its report lie, and how a model is stripped of what differs between machines."""

from pathlib import Path

import onnx

from goodpart._host.atomic import check_file
from goodpart._host.strict_json import encode, parse
from goodpart.errors import ManifestError, UsageError, found_at
from goodpart.facts.spec import BackboneSpec
from goodpart.model.onnx_facts import METADATA_KEY


def sealed(model: onnx.ModelProto, spec: BackboneSpec) -> bytes:
    """The checked bytes of a finished model. Its facts are the only metadata; the same inputs give the same bytes.

    Args:
        model: the whole graph; it is changed.
        spec: its facts.
    """
    model.graph.name = "backbone"
    model.producer_name, model.producer_version, model.doc_string = "goodpart-export", "", ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for node in model.graph.node:
        # torch records source paths and stack traces here
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA_KEY: encode(spec).decode("utf-8")})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def report_path(out: Path) -> Path:
    """Where the report of a backbone lies."""
    return out.with_name(out.stem + ".report.json")


def check_out(out: Path, *, force: bool) -> None:
    """Refuses a target that may not or cannot be written; call it before any long work.

    Args:
        out: the ONNX file to write.
        force: whether existing files may be replaced.

    Raises:
        UsageError: nothing can be written there; a folder lies there or where the report belongs; or, with `force` off,
            a file lies there, or a file that is not the report of such a backbone lies where the report belongs.
    """
    for path in (out, report_path(out)):
        found = found_at(path)
        if found == "a folder":
            raise UsageError(f"{path}: expected a new file, found a folder; name another with --out")
        if found == "a file" and not force and (path == out or not _is_report_of(path, out)):
            raise UsageError(
                f"{path}: expected a new file, found an existing one; name another with --out, or give --force to "
                f"replace it"
            )
        check_file(path)


def _is_report_of(path: Path, out: Path) -> bool:
    """Whether an existing file is the report of an earlier backbone of the same name."""
    try:
        plain = parse(path.read_bytes(), where=str(path)) if path.is_file() else None
    except (OSError, ManifestError):
        return False
    return isinstance(plain, dict) and plain.get("file") == out.name and {"sha256", "backbone"} <= plain.keys()
