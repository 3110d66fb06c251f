"""Sessions of onnxruntime, for the backbone and for plain inner products.

onnxruntime is imported when the first model is opened, so that `import goodpart` neither loads it nor touches the
environment.
"""

import ctypes
import functools
import os
import types
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime as ort

_TELEMETRY = "ORT_DISABLE_TELEMETRY"

_sessions: "weakref.WeakSet[ort.InferenceSession]" = weakref.WeakSet()
"""All sessions alive in this process."""


@functools.cache
def load_onnxruntime() -> types.ModuleType:
    """Imports onnxruntime with its telemetry switched off.

    Since 1.29 onnxruntime stores a device identity in the user's cache folder, queues facts about the machine and sends
    them to its maker. The sending thread makes a forked child hang at exit. During its import, onnxruntime reads the
    environment variable that switches telemetry off. A value set by the user is respected; 0 keeps telemetry on.
    """
    unset = _TELEMETRY not in os.environ
    if unset:
        os.environ[_TELEMETRY] = "1"
    try:
        import onnxruntime
    finally:
        if unset:
            os.environ.pop(_TELEMETRY, None)
    return onnxruntime


@functools.cache
def foreign_errors() -> tuple[type[Exception], ...]:
    """The error types of onnxruntime, for `except` clauses, which evaluate this call only after an error."""
    load_onnxruntime()
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    return (
        errors.EPFail,
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NoModel,
        errors.NoSuchFile,
        errors.NotImplemented,
        errors.RuntimeException,
        RuntimeError,
        ValueError,
    )


def _keep_inherited_sessions() -> None:
    """Protects the sessions that a forked child inherited from destruction, even when the interpreter ends.

    The destruction of a session waits for its threads. They exist only in the parent, so the child would hang or crash.
    An extra reference that is never released prevents the destruction. The child shares the memory with the parent.
    """
    for session in list(_sessions):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    # at the import, and so before any module that drops its own session in a child: handlers run in the order in which
    # they were registered
    os.register_at_fork(after_in_child=_keep_inherited_sessions)


def open_session(
    model: bytes, *, threads: int = 1, spinning: bool = False, arena: bool = True
) -> "ort.InferenceSession":
    """Opens a model on the CPU.

    Args:
        model: the bytes of an ONNX file that `check_onnx` has accepted, or of our own.
        threads: threads per call, at least 1; with 1, the calling thread does the work.
        spinning: whether threads spin while they wait for work.
        arena: whether to keep the memory of a call for the next call.

    Raises:
        One of `foreign_errors()`: onnxruntime refuses the model.
    """
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    # without this, weights in external files would be read from the working directory, unchecked
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    # errors are raised as exceptions; by default the library prints them as well
    options.log_severity_level = 4
    # the fallback would print to stdout and try the same provider again
    session: ort.InferenceSession = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )
    _sessions.add(session)
    return session


def short(error: BaseException) -> str:
    """The first line of an error of onnxruntime, at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
