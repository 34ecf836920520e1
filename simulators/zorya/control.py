"""The stand-in's own calls, under `/_simulator`: what it did, and how it shall behave. No provider has these."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.common import Chaos
from simulators.zorya.callbacks import CallbackSettings
from simulators.zorya.modes import Mode, UnknownModeError, read_modes
from simulators.zorya.state import Settings, State

type Endpoint = Callable[[Request], Awaitable[Response]]


class NumberControl(BaseModel):
    """The body of `PUT numbers/<msisdn>`."""

    model_config = ConfigDict(extra="forbid")

    modes: str
    times: int | None = Field(None, ge=1)


class ChaosControl(BaseModel):
    """The body of `PUT chaos`."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    modes: dict[Mode, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)


class Control:
    """The calls.

    Args:
        state: what they show and change.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Return the routes, below `/_simulator`."""
        return [
            Route("/ledger", self._ledger),
            Route("/money", self._money),
            Route("/requests", self._requests),
            Route("/tokens", self._tokens),
            Route("/tokens", self._revoke, methods=["DELETE"]),
            Route("/callbacks", self._callbacks),
            Route("/callbacks", _checked(self._put_callbacks), methods=["PUT"]),
            Route("/settings", _checked(self._put_settings), methods=["PUT"]),
            Route("/numbers/{msisdn}", _checked(self._put_number), methods=["PUT"]),
            Route("/numbers/{msisdn}", self._delete_number, methods=["DELETE"]),
            Route("/chaos", _checked(self._put_chaos), methods=["PUT"]),
        ]

    async def reset(self, _: Request) -> Response:
        """Answer `DELETE /_simulator`."""
        await self._state.reset()
        return _done()

    async def _ledger(self, request: Request) -> Response:
        since = request.query_params.get("since", "0")
        rows = [row for row in self._state.ledger.rows if row["number"] > int(since if since.isdecimal() else 0)]
        return JSONResponse({"accepted": len(rows), "rows": rows})

    async def _money(self, _: Request) -> Response:
        top_ups = sum(row["kind"] == "top_up" for row in self._state.ledger.rows)
        spent, balance = (format(amount, "f") for amount in (self._state.spent, self._state.balance()))
        return JSONResponse({"spent": spent, "balance": balance, "top_ups": top_ups})

    async def _requests(self, _: Request) -> Response:
        calls = sorted(self._state.calls.items())
        listed = [{"method": method, "path": path, "mode": mode, "count": n} for (method, path, mode), n in calls]
        return JSONResponse({"total": self._state.calls.total(), "calls": listed})

    async def _tokens(self, _: Request) -> Response:
        tokens = self._state.tokens
        return JSONResponse({"logins": tokens.logins, "refused": tokens.refused, "live": tokens.live})

    async def _revoke(self, _: Request) -> Response:
        self._state.tokens.revoke()
        return _done()

    async def _callbacks(self, _: Request) -> Response:
        sent = self._state.callbacks
        return JSONResponse({"pending": sent.pending, "gave_up": sent.gave_up, "attempts": sent.attempts})

    async def _put_callbacks(self, _: Request, body: dict[str, Any]) -> Response:
        client = body.pop("clientID", None)
        before = self._state.default_callbacks if client is None else self._state.callbacks_of(client)
        settings = CallbackSettings.model_validate(before.model_dump() | body)
        if client is None:
            self._state.default_callbacks = settings
        else:
            self._state.client_callbacks[client] = settings
        return _done()

    async def _put_settings(self, _: Request, body: dict[str, Any]) -> Response:
        self._state.settings = Settings.model_validate(self._state.settings.model_dump() | body)
        return _done()

    async def _put_number(self, request: Request, body: dict[str, Any]) -> Response:
        control = NumberControl.model_validate(body)
        self._state.numbers.put(request.path_params["msisdn"], read_modes(control.modes), control.times)
        return _done()

    async def _delete_number(self, request: Request) -> Response:
        self._state.numbers.remove(request.path_params["msisdn"])
        return _done()

    async def _put_chaos(self, _: Request, body: dict[str, Any]) -> Response:
        control = ChaosControl.model_validate(body)
        self._state.chaos = Chaos(
            control.seed, {mode.value: probability for mode, probability in control.modes.items()}
        )
        return _done()


def _checked(endpoint: Callable[[Request, dict[str, Any]], Awaitable[Response]]) -> Endpoint:
    """Hand an endpoint its JSON object, and answer 400 with what is wrong with it."""

    async def with_body(request: Request) -> Response:
        try:
            return await endpoint(request, dict(json.loads(await request.body())))
        except ValidationError as error:
            # without `input`: it may be a secret
            problems = error.errors(include_input=False, include_url=False, include_context=False)
            return JSONResponse({"error": problems}, HTTPStatus.BAD_REQUEST)
        except (UnknownModeError, ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    return with_body


def _done() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT)
