"""The stand-in as an ASGI app."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from simulators.zoom_connect.api import Api
from simulators.zoom_connect.callbacks import CallbackSettings
from simulators.zoom_connect.control import Control
from simulators.zoom_connect.state import State

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

BASE_PATHS = ("/app/api/rest/v1", "/zoom/api/rest/v1")
HANG_S = 30.0


class Simulator(State):
    """A Zoom Connect of one's own, to be served by `simulators.common`. How it behaves: the package's docstring.

    Args:
        ledger: the file of what was accepted; None keeps it in memory.
        callbacks: where callbacks go, for accounts that have no settings of their own.
        credentials: tokens by email; None lets in whoever brings both.
        hang_s: seconds after which a connection without an answer is closed.
        clock: seconds since the epoch, UTC.
    """

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        callbacks: CallbackSettings | None = None,
        credentials: Mapping[str, str] | None = None,
        hang_s: float = HANG_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(ledger=ledger, callbacks=callbacks or CallbackSettings(), clock=clock)
        control = Control(self)
        calls = Api(self, credentials, hang_s).routes()
        self._app = Starlette(
            routes=[
                *(Mount(base, routes=calls) for base in BASE_PATHS),
                Route("/_simulator", control.reset, methods=["DELETE"]),
                Mount("/_simulator", routes=control.routes()),
            ],
            lifespan=self._lifespan,
        )

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Be an ASGI app."""
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self.callbacks.start()
        yield
        await self.callbacks.stop()
        self.ledger.close()
