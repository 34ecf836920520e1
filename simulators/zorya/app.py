"""The stand-in as an ASGI app."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from simulators.zorya.api import Api
from simulators.zorya.callbacks import CallbackSettings
from simulators.zorya.control import Control
from simulators.zorya.state import Settings, State

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HANG_S = 30.0


class Simulator(State):
    """A Zorya of one's own, to be served by `simulators.common`. How it behaves: the package's docstring.

    Args:
        ledger: the file of what was accepted; None keeps it in memory.
        callbacks: where callbacks go, for clients that have no settings of their own.
        settings: money, the report, tokens.
        credentials: passwords by client ID; None lets in whoever brings both.
        hang_s: seconds after which a connection without an answer is closed.
        clock: seconds since the epoch, UTC.
    """

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        callbacks: CallbackSettings | None = None,
        settings: Settings | None = None,
        credentials: Mapping[str, str] | None = None,
        hang_s: float = HANG_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            ledger=ledger,
            callbacks=callbacks or CallbackSettings(),
            settings=settings or Settings(),
            credentials=credentials,
            clock=clock,
        )
        control = Control(self)
        self._app = Starlette(
            routes=[
                Route("/_simulator", control.reset, methods=["DELETE"]),
                Mount("/_simulator", routes=control.routes()),
                *Api(self, hang_s).routes(),
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
