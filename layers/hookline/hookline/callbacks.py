"""What a callback is, and what a verifier says of one. Imports nothing of ours, and nothing slow."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

MAX_REQUEST_BYTES = 64 * 1024
"""The query string and the decoded body of a callback together may be this long, and no longer."""


class Request(NamedTuple):
    """An HTTP request from a provider, as bytes, with nothing decoded that a signature may cover.

    Attributes:
        query: the raw query string as it travelled, without the leading `?`.
        body: the raw body, base64 of the HTTP API undone.
        headers: names in lower case.
        path: the path parameters of the route, percent-decoded.
        route: the path of the route that it came by, for example `/zoom-connect/{account}/reply`: each provider maps
            its own routes to kinds of callback.
    """

    query: bytes
    body: bytes
    headers: Mapping[str, str]
    path: Mapping[str, str]
    route: str


class Reason(StrEnum):
    """Why a callback was refused. The value is a metric's dimension: few, and never made of input."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    TOO_FAR_AHEAD = "too_far_ahead"
    MISMATCH = "mismatch"
    """The request's address says something else than what is signed."""


class Warned(StrEnum):
    """What is amiss with a callback that is taken all the same. The value is a metric's dimension, as a reason's is."""

    SHORT_SECRET = "short_secret"  # noqa: S105  # the name of a warning
    UNSIGNED = "unsigned"


class Refused(NamedTuple):
    """A callback that is not taken.

    Attributes:
        reason: decides the answer's status: malformed 400, too large 413, everything else the same 401.
        detail: what was wrong, in words for a person, with no value of the request in it. It is answered to the
            caller only with 400 and 413, and logged always.
    """

    reason: Reason
    detail: str


class Verified(NamedTuple):
    """A callback that its provider signed, now.

    Attributes:
        kind: which of the provider's callbacks it is, for example `reply`; the normaliser's key.
        identity: what makes it one of a kind within its account and provider: the journal keeps one of each.
        payload: the signed fields as they came, in the provider's own encoding; only its normaliser reads it.
        fingerprint: tells a repeat from another callback that wrongly carries the same identity; "" where the
            identity alone decides.
        warnings: what is amiss with it all the same; each is counted.
    """

    kind: str
    identity: str
    payload: str
    fingerprint: str = ""
    warnings: tuple[Warned, ...] = ()


type Verdict = Verified | Refused


class ReceivingAccount(NamedTuple):
    """What a receiver knows of an account.

    Attributes:
        name: our name for it, for example `acme-za`.
        secrets: the live signing secrets, one or two, newest first.
        settings: the provider's own settings, already read by its `read_settings`.
    """

    name: str
    secrets: tuple[bytes, ...]
    settings: Any

    def __repr__(self) -> str:
        """Show no secret."""
        return f"ReceivingAccount({self.name})"


class CallbackProvider(NamedTuple):
    """What a provider supplies for its callbacks: data and pure functions.

    Attributes:
        name: as it stands in events and in the journal, for example `zoom_connect`.
        read_settings: the account's settings, from the JSON object in its secret to what `verify` wants. Raises
            `hookline.errors.AccountSettingsError` naming the field.
        setting_names: every setting that an account of this provider may have.
        routes: the paths of its routes, each with the kind of callback that is to come by it.
        verify: a total function of the request, the account and the time (seconds since the epoch, UTC).
            It never raises, whatever the bytes.
        acknowledgement: the body of the 200 that this provider expects.
        normaliser_settings: the settings that the normaliser will want, as text that is stored with the entry.
        replay_window: how many seconds an entry must be remembered so that a repeat is known as one.
        secret_problem: what is wrong with a signing secret of the account, in words without the secret; None where it
            can be used.
    """

    name: str
    read_settings: Callable[[Mapping[str, Any]], Any]
    setting_names: frozenset[str]
    routes: Mapping[str, str]
    verify: Callable[[Request, ReceivingAccount, float], Verdict]
    acknowledgement: str
    normaliser_settings: Callable[[Any], dict[str, str]]
    replay_window: Callable[[Any], int]
    secret_problem: Callable[[bytes], str | None] = lambda _secret: None
