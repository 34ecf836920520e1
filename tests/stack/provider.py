"""A provider, as the stack meets it: signed callbacks over real HTTP, sent again until they are taken."""

import http.client
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

from hookline_cli import accounts
from hookline_cli.stack import Stack
from tests import http_api
from tests.http_api import Event
from tests.providers.zoom_connect.callbacks import Fields, Place, good_fields, local_time, signed
from tests.samples import NUMBER, SECRET, TEXT

ANSWER_SECONDS = 60
"""A new copy of a function takes seconds to start here, and more where the machine has other work."""

type Headers = Mapping[str, str]


class Answer(NamedTuple):
    """What the API answered.

    Attributes:
        status: the HTTP status; 0 where no answer came.
        headers: names in lower case.
        body: as text.
    """

    status: int
    headers: Headers
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


class Provider:
    """Zoom Connect, for one account: signs as its document says, and sends over HTTP.

    Args:
        stack: whose API.
        account: the account's name in the path.
        secret: what it signs with.
    """

    def __init__(self, stack: Stack, account: str, secret: str = SECRET) -> None:
        self.stack = stack
        self.account = account
        self.secret = secret

    def callback(
        self,
        kind: str = "reply",
        *,
        place: Place = "body",
        secret: str | None = None,
        signed_as: Fields | None = None,
        **overrides: str | None,
    ) -> Event:
        """Make a callback that is good now; see `tests.providers.zoom_connect.callbacks`."""
        fields = self.fields(kind, **overrides)
        return signed(
            kind, fields, secret=secret or self.secret, account=self.account, place=place, signed_as=signed_as
        )

    def fields(self, kind: str = "reply", **overrides: str | None) -> Fields:
        """Give the parameters of a callback that is good now, with a nonce and a message id of its own."""
        now = time.time()
        own: dict[str, str | None] = {
            "from": NUMBER,
            "nonce": str(uuid.uuid4()),
            "messageId": uuid.uuid4().hex[:24],
            "date": local_time(now)[:12],
        }
        if kind == "reply":
            own["message"] = TEXT
        return good_fields(kind, at=now, number=1, **{**own, **overrides})

    def post(self, event: Event, headers: Headers | None = None) -> Answer:
        """Send a request once; a connection that breaks is an answer of status 0."""
        query = event["rawQueryString"]
        target = event["rawPath"] + (f"?{query}" if query else "")
        own = {name: event["headers"][name] for name in ("content-type", "user-agent") if name in event["headers"]}
        return request(self.stack, "POST", target, http_api.body_of(event), {**own, **(headers or {})})

    def insist(self, event: Event, attempts: int = 20) -> list[int]:
        """Send a request until it is answered 2xx, as a provider does that was told to try again.

        Returns:
            The statuses, in order; the last is 2xx, or the request was given up.
        """
        statuses: list[int] = []
        while len(statuses) < attempts:
            statuses.append(self.post(event).status)
            if is_taken(statuses[-1]):
                break
            time.sleep(0.1)
        return statuses


def is_taken(status: int) -> bool:
    """Say whether a status promises that the callback is stored."""
    return status // 100 == 2


def request(stack: Stack, method: str, target: str, body: bytes = b"", headers: Headers | None = None) -> Answer:
    """Send one HTTP request to a stack's API, its target as it is.

    The standard library's client and none that logs: a provider's parameters stand in the target.
    """
    url, needed = stack.wire(stack.api_url + target)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(cast("str", parts.hostname), parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request(method, target, body, {**(headers or {}), **needed})
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read().decode())
    except (OSError, http.client.HTTPException):
        return Answer(0, {}, "")
    finally:
        connection.close()


def message_id(event: Event) -> str:
    """Return the provider's id of the message in a callback that was made here."""
    return parameters(event)["messageId"]


def parameters(event: Event) -> dict[str, str]:
    """Return a callback's parameters, wherever they stand."""
    body = http_api.body_of(event)
    if body.startswith(b"{"):
        return cast("dict[str, str]", json.loads(body))
    return dict(parse_qsl(f"{event['rawQueryString']}&{body.decode()}", keep_blank_values=True))


def new_account(stack: Stack, *secrets: str, **settings: object) -> Provider:
    """Add an account of a name that nobody has had, and return its provider, who signs with the newest secret."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    live = list(secrets or (SECRET,))
    accounts.add(stack, name, {"provider": "zoom_connect", "signing_secrets": live, "settings": settings})
    return Provider(stack, name, live[0])
