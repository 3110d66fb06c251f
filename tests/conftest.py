"""What all tests share: the option `--no-skips`, and the places of the real images.

Nothing here imports a package beside pytest: tests of the runtime run with `./runtime`, pytest and hypothesis alone.
"""

import gc
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

# several tests import onnxruntime themselves, which must not keep an identity of the developer's machine
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import pytest

pytest_plugins = ["washers"]

# one process per core: more threads in each would only get in each other's way
if "PYTEST_XDIST_WORKER" in os.environ:
    for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_variable, "1")


# collecting imports packages and makes thousands of tests, which last: none of it is garbage, now or later
gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail when any test was skipped")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = len(terminalreporter.stats.get("skipped", []))
    if config.getoption("--no-skips") and skipped:
        terminalreporter.write_line(f"--no-skips: {skipped} tests were skipped", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def tried_once() -> Iterator[None]:
    """A store tries each bundle in a child process, which takes a second: here the same content only once."""
    from goodpart.store import store

    honest, passed = store.try_bundle, set()

    def try_bundle(folder: Path, limits: object) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        content = hashlib.sha256()
        for path in files:
            content.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode() + path.read_bytes())
        if (limits, content.digest()) not in passed:
            honest(folder, limits)
            passed.add((limits, content.digest()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "try_bundle", try_bundle)
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with `mvtec_bottle_half` and `magnetic_tile`."""
    return _real("GOODPART_DATA")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """The state dict of the pretrained trunk."""
    return _real("GOODPART_WEIGHTS")


def _real(variable: str) -> Path:
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    return Path(os.environ[variable])
