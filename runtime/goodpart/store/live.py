"""Live: the Inspector of a store's active bundle, exchanged while frames keep coming."""

import threading
from typing import Any

import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection
from goodpart.store.store import Store


class LiveInspector:
    """Inspects with a store's active bundle; `refresh` switches to a newly activated one without dropping a frame.

    Threads may inspect while another one refreshes: each frame is judged by the old bundle or by the new one, never by
    parts of both.
    """

    def __init__(self, store: Store, *, threads: int | None = None, spinning: bool | None = None) -> None:
        """Loads the active bundle.

        Args:
            store: see there.
            threads, spinning: as in `Inspector.load`, also for later bundles.

        Raises:
            BundleError, UsageError: as in `Store.load`.
        """
        self._store, self._threads, self._spinning = store, threads, spinning
        self._refreshing = threading.Lock()
        self._closing = threading.Event()
        self._inspector = self._load()

    @property
    def inspector(self) -> Inspector:
        """The one that judges now. Ask for it anew for each frame, or use `inspect`."""
        return self._inspector

    def inspect(self, frame: npt.NDArray[Any]) -> Inspection:
        """Judges one frame, as `Inspector.inspect`."""
        return self._inspector.inspect(frame)

    def refresh(self) -> bool:
        """Switches to the store's active bundle, if another one has been activated.

        For a while both are in memory. The old one ends with its last frame.

        Returns:
            whether another bundle judges from now on.

        Raises:
            BundleError, UsageError: as in `Store.load`; the old one goes on judging.
        """
        with self._refreshing:
            if self._closing.is_set():
                raise UsageError("live inspector: expected an open one, found a closed one; load the bundle again")
            if self._store.state.active == self._inspector.bundle.digest:
                return False
            before, loaded = self._inspector.bundle.digest, self._load()
            # one assignment: a frame takes what it finds here, and what no frame has any more ends by itself
            self._inspector = loaded
            if self._closing.is_set():
                loaded.close()  # meanwhile
            return loaded.bundle.digest != before

    def close(self) -> None:
        """Ends the threads and frees the memory; frames that are being inspected still get their verdict.

        It does not wait for a `refresh` in another thread, which then closes what it has loaded.
        """
        self._closing.set()
        self._inspector.close()

    def __enter__(self) -> "LiveInspector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self) -> Inspector:
        return self._store.load(threads=self._threads, spinning=self._spinning)
