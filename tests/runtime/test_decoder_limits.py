"""The child process that checks image files: it has no effect before the first file, and a hang of it has an end."""

import subprocess
import sys

import pytest

pytest.importorskip("cv2", reason="needs goodpart[images]")
pytest.importorskip("PIL", reason="makes the files")

from damaged_files import half_jpeg, pillow
from goodpart.errors import ImageFileError, UsageError
from goodpart.frames import damage
from goodpart.frames.images import read_image
from small_parts import RGB

PYTHON = sys.executable

# answers to the empty file with which a decoder starts, takes the next file, and never comes to an end
HANGING = """
import sys, threading
sys.stdin.buffer.read(9)
sys.stdout.buffer.write(bytes(8))
sys.stdout.buffer.flush()
threading.Event().wait()
"""

# the standard library has hooks of its own
IMPORTS = """
import atexit, os
hooks = []
atexit.register = lambda hook, *_, **__: hooks.append(hook) or hook
os.register_at_fork = lambda **given: hooks.extend(given.values())
import goodpart, goodpart.frames.images
print([hook for hook in hooks if "goodpart.frames" in str(getattr(hook, "__module__", ""))])
"""


@pytest.fixture
def hanging(tmp_path, monkeypatch):
    """A decoder whose child process hangs at its first file."""
    python = tmp_path / "python"
    python.write_text(f"#!{PYTHON}\n{HANGING}")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    monkeypatch.setattr(damage, "limit_of", lambda megapixels: 0.2)
    monkeypatch.setattr("goodpart.frames.images.DECODER", decoder := damage.Decoder())
    return decoder


def test_reading_frames_registers_nothing_to_be_called_later_at_import():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_decoder_that_hangs_is_ended_and_the_file_is_refused(hanging, tmp_path):
    (tmp_path / "x.jpg").write_bytes(pillow("JPEG"))
    with pytest.raises(ImageFileError, match=r"x\.jpg: expected a file that is decoded within .* still at work"):
        read_image(tmp_path / "x.jpg", RGB)
    assert hanging._process is None


def test_a_file_larger_than_a_pipe_does_not_hang_either(hanging):
    with pytest.raises(damage.DecoderTimeoutError):
        hanging.complaint(bytes(1 << 22), is_jpeg=True, megapixels=1.0)


def test_after_a_hang_the_next_file_gets_a_new_process(hanging, monkeypatch):
    with pytest.raises(damage.DecoderTimeoutError):
        hanging.complaint(pillow("JPEG"), is_jpeg=True, megapixels=1.0)
    monkeypatch.undo()
    assert "premature end" in hanging.complaint(half_jpeg(), is_jpeg=True, megapixels=1.0)
    hanging.close()


def test_a_python_that_hangs_at_its_start_is_one_line(hanging, tmp_path, monkeypatch):
    (tmp_path / "python").write_text(f"#!{PYTHON}\nimport threading\nthreading.Event().wait()\n")
    monkeypatch.setattr(damage, "_START_S", 0.2)
    with pytest.raises(UsageError, match=r"found none .it did not start within 0 s.; allow this user"):
        hanging.complaint(b"", is_jpeg=True, megapixels=1.0)


def test_a_large_picture_may_take_longer():
    assert damage.limit_of(200.0) > damage.limit_of(1.0) >= 30.0
