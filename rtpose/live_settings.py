"""Settings that pages change during a session: applied in a separate thread, the newest request wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec

from rtpose.errors import RtposeError

if TYPE_CHECKING:
    from rtpose.server.protocol import LiveSettings
    from rtpose.server.server import PoseServer
    from rtpose.session import Session


class SettingsChanger:
    """Applies the requests of pages to a session, and tells all pages the result."""

    def __init__(self, session: Session, on_notice: Callable[[str], None] = lambda line: None) -> None:
        """on_notice: gets a line for each change that was applied or failed; in the changer's thread."""
        self._session = session
        self._on_notice = on_notice
        self._server: PoseServer | None = None
        self._lock = threading.Lock()
        self._wanted: LiveSettings | None = None
        self._running = False

    def show_on(self, server: PoseServer) -> None:
        """Tell the pages of this server."""
        self._server = server

    def request(self, wanted: LiveSettings) -> None:
        """A page asks for other settings. Any thread; does not wait."""
        with self._lock:
            self._wanted = wanted
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="rtpose-settings", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                wanted, self._wanted = self._wanted, None
                if wanted is None:
                    self._running = False
                    return
            given: dict[str, Any] = {k: v for k, v in msgspec.structs.asdict(wanted).items() if v is not None}
            try:
                self._session.change(**given)
            except RtposeError as error:
                self._on_notice(f"the page's settings are rejected: {error}")
            if self._server is not None:
                self._server.update_hello(**hello_fields(self._session))


def hello_fields(session: Session, *, changeable: bool = True) -> dict[str, Any]:
    """The fields of the hello that depend on the session's settings. changeable: whether pages may change them."""
    from rtpose.server.protocol import LiveSettings, Network

    settings = session.settings
    network = cast(Network, settings.network) if settings.network in get_args(Network) else None
    return {
        "estimator": str(session.estimators[0].describe()["estimator"]),
        "assumptions": session.assumptions,
        "height_m": session.height_m,
        "height_from": session.height_from,
        "settings": LiveSettings(session.height_m, settings.fov_deg, settings.persons, network) if changeable else None,
    }
