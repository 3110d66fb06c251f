"""Session: how onnxruntime is imported and opened, for the backbone and for plain products."""

import ctypes
import os
import weakref

# Since 1.29 onnxruntime keeps an identity of the device in the user's cache folder, queues facts about the machine and
# sends them to its maker, by a thread that a forked child waits for in vain when it exits. It reads this while it is
# imported; whoever sets it to 0 before keeps all that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

FOREIGN_ERRORS = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
    ValueError,
)
"""What onnxruntime raises."""

_sessions: "weakref.WeakSet[ort.InferenceSession]" = weakref.WeakSet()
"""All that live in this process."""


def _keep_inherited_sessions() -> None:
    """Lets no session that was forked along be destroyed in the child, not even when the interpreter ends.

    Destroying one waits for its threads. They stayed in the parent, and the child would hang or crash. A reference that
    nobody gives back keeps a session from it; its memory is shared with the parent and goes with the child.
    """
    for session in list(_sessions):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_keep_inherited_sessions)


def open_session(model: bytes, *, threads: int = 1, spinning: bool = False, arena: bool = True) -> ort.InferenceSession:
    """Opens a model on the CPU.

    Args:
        model: the bytes of an ONNX file that has been looked through, or is our own.
        threads: threads that one call uses, at least 1; with 1 it is the calling thread.
        spinning: whether threads wait busily for their next piece of work.
        arena: whether memory that a call has used is kept for the next one.

    Raises:
        One of FOREIGN_ERRORS: onnxruntime refuses it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    # weights in a file beside the model would be read from the current folder, and nothing has checked them
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    # errors come as exceptions; the library's own printing would repeat them
    options.log_severity_level = 4
    # its fallback would print to stdout, and try the same once more
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    _sessions.add(session)
    return session


def short(error: BaseException) -> str:
    """The first line of what onnxruntime says, at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
