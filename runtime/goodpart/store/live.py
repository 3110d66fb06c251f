"""Live inspection with a store's active bundle, which can be switched between frames."""

import threading
from typing import Any

import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection
from goodpart.store.store import Store


class LiveInspector:
    """Inspects with a store's active bundle; `refresh` switches to a newly activated bundle without dropping a frame.

    Threads may inspect while another thread refreshes. The old or the new bundle judges each frame, never a mixture.
    """

    def __init__(self, store: Store, *, threads: int | None = None, spinning: bool | None = None) -> None:
        """Loads the active bundle.

        Args:
            store: the store whose active bundle judges.
            threads, spinning: as in `Inspector.load`; they apply to later bundles as well.

        Raises:
            BundleError, UsageError: as in `Store.load`.
        """
        self._store, self._threads, self._spinning = store, threads, spinning
        self._refreshing = threading.Lock()
        self._closing = threading.Event()
        self._inspector = self._load()

    @property
    def inspector(self) -> Inspector:
        """The present Inspector. Read this property for each frame, or use `inspect`."""
        return self._inspector

    def inspect(self, frame: npt.NDArray[Any]) -> Inspection:
        """Judges one frame, as `Inspector.inspect`."""
        return self._inspector.inspect(frame)

    def refresh(self) -> bool:
        """Switches to the store's active bundle if another bundle has been activated.

        Both bundles are in memory during the switch. The old bundle is released after its last frame.

        Returns:
            whether another bundle judges now.

        Raises:
            BundleError, UsageError: as in `Store.load`; the old bundle continues to judge.
        """
        with self._refreshing:
            self._refuse_closed()
            if self._store.state.active == self._inspector.bundle.digest:
                return False
            before, loaded = self._inspector.bundle.digest, self._load()
            # one assignment: a frame uses the Inspector found here, and an Inspector without frames is released
            self._inspector = loaded
            if self._closing.is_set():
                loaded.close()  # closed while loading
            return loaded.bundle.digest != before

    def reload_settings(self) -> bool:
        """Reads the device file of the running bundle again, without loading model and bank.

        From the next frame on its threshold and frame checks hold, all of them or none. Threads and spinning stay.

        Returns:
            whether frames are judged by anything else now.

        Raises:
            DeviceFileError: the file is refused; frames are judged as before.
            UsageError: this is closed.
        """
        # not while `refresh` loads: the settings read then would be those of the old bundle
        with self._refreshing:
            self._refuse_closed()
            return self._inspector.reload_settings()

    def close(self) -> None:
        """Ends the threads and frees the memory; frames under inspection still get their verdict.

        It does not wait for a `refresh` in another thread; that `refresh` closes the Inspector that it loads.
        """
        self._closing.set()
        self._inspector.close()

    def __enter__(self) -> "LiveInspector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_closed(self) -> None:
        if self._closing.is_set():
            raise UsageError("live inspector: expected an open one, found a closed one; load the bundle again")

    def _load(self) -> Inspector:
        return self._store.load(threads=self._threads, spinning=self._spinning)
