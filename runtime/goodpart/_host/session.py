"""Session: how onnxruntime is imported and opened, for the backbone and for plain inner products.

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
"""All that live in this process."""


@functools.cache
def load_onnxruntime() -> types.ModuleType:
    """The onnxruntime module, imported so that it keeps no identity of the device and sends nothing.

    Since 1.29 onnxruntime keeps such an identity in the user's cache folder, queues facts about the machine and sends
    them to its maker. The thread that sends them hangs a forked child at its end. onnxruntime reads the environment
    variable that turns this off while it is imported. A value that the user has set is respected: 0 keeps all that.
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
    """What onnxruntime raises; for `except` clauses, which ask for it only when something was raised."""
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
    """Keeps the sessions that a forked child inherited from being destroyed, even when the interpreter ends.

    Destroying a session waits for its threads. They stayed in the parent, so the child would hang or crash. One more
    reference, which nobody gives back, prevents that. The memory is shared with the parent and ends with the child.
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
        model: the bytes of an ONNX file that `check_onnx` has passed, or of our own.
        threads: threads that one call uses, at least 1; with 1 it is the calling thread.
        spinning: whether threads wait busily for their next piece of work.
        arena: whether memory that a call has used is kept for the next one.

    Raises:
        One of `foreign_errors()`: onnxruntime refuses it.
    """
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    # weights in a file beside the model would be read from the current folder, and nothing has checked them
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    # errors come as exceptions, and the library would print them as well
    options.log_severity_level = 4
    # its fallback would print to stdout and try the same again
    session: ort.InferenceSession = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )
    _sessions.add(session)
    return session


def short(error: BaseException) -> str:
    """The first line of what onnxruntime says, at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
