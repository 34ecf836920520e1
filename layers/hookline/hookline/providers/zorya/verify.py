"""Is this request a callback that Zorya signed, and still good?

Source: the provider's document, "Setting up Hooks", `pushStatus`, `moSMSCallback`, `mtSMSCallback`; how we read what
it leaves open is in docs/zorya.md.

A callback is a JWT: a compact JWS over JSON claims, signed with a secret that the account shares with Zorya. The token
is found (`tokens`) and verified by PyJWT (`jws`). Then the claims are read, once (`claims`); their times are held
against the clock that is handed in, and the address against them.
"""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from math import inf
from typing import NamedTuple

from hookline.callbacks import (
    CallbackProvider,
    Reason,
    ReceivingAccount,
    Refused,
    Request,
    Verdict,
    Verified,
    Warned,
)
from hookline.providers.zorya import jws, tokens
from hookline.providers.zorya.claims import (
    WRAPPERS,
    Claims,
    as_code,
    as_status,
    as_text,
    as_written,
    locate,
    read_json,
)
from hookline.providers.zorya.settings import SETTING_NAMES, ReceiveSettings, read_settings

UNKNOWN = "unknown"
ROUTES: Mapping[str, str] = {
    "/zorya/{account}/mo": "mo",
    "/zorya/{account}/mt": "mt",
    "/zorya/{account}": UNKNOWN,
    "/zorya/{account}/{clientID}/{txID}/{status}": "push_status",
}
"""The routes' paths, and the kind of callback that comes by each where its own shape does not tell."""

PATH_NAMES = ("clientID", "txID", "status")
"""What stands in the address of `pushStatus`."""

PUSH_FIELDS = ("txID", "clientID", "msisdn", "amount", "status")
"""Claims of which `pushStatus` has one at the least: nothing but an address makes no status of a top-up."""

MAX_PATH_VALUE = 200
MAX_PLAIN_IDENTITY = 200

_TIMES = ("exp", "nbf", "iat")
_CHANGING = frozenset({*_TIMES, "jti"})
_PLAIN = re.compile(r"[!-~]*")
_SECONDS = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE]\+?[0-9]{1,2})?")


class _Taken(NamedTuple):
    """Claims that may be taken, as text and read."""

    text: str
    claims: Claims
    warnings: tuple[Warned, ...]


def verify(request: Request, account: ReceivingAccount, now: float) -> Verdict:
    """Say whether a request is a callback that may be accepted.

    Args:
        request: what came, undecoded.
        account: its live secrets and `ReceiveSettings`.
        now: seconds since the epoch, UTC.

    Returns:
        Verified, with what the claims say as identity and their text in the payload; or Refused. Never raises.
    """
    found = tokens.find(request)
    if isinstance(found, Refused):
        return found
    settings: ReceiveSettings = account.settings
    token = found.token(settings.jwt_location)
    if token is not None:
        taken = _read_signed(token, account.secrets, settings)
    elif settings.allow_unsigned and not found.tokens and found.document is not None:
        taken = _read_claims(found.document, (Warned.UNSIGNED,))
    else:
        return Refused(Reason.SIGNATURE, "there is no token where jwt_location says")
    if isinstance(taken, Refused):
        return taken
    return _check_times(taken.claims, settings, now) or _bind(request, taken)


def _read_signed(token: str, secrets: tuple[bytes, ...], settings: ReceiveSettings) -> _Taken | Refused:
    signed = jws.verify(token, secrets, settings.algorithms)
    if isinstance(signed, Refused):
        return signed
    return _read_claims(signed.text, (Warned.SHORT_SECRET,) if signed.is_short else ())


def _read_claims(text: str, warnings: tuple[Warned, ...]) -> _Taken | Refused:
    claims = read_json(text, "the claims")
    return claims if isinstance(claims, Refused) else _Taken(text, claims, warnings)


def _check_times(claims: Claims, settings: ReceiveSettings, now: float) -> Refused | None:
    """Honour `exp`, `nbf` and `iat` where they are there."""
    times = {}
    for name in _TIMES:
        value = claims.get(name)
        if value is not None:
            text = as_text(value)
            if text is None or not _SECONDS.fullmatch(text):
                return Refused(Reason.MALFORMED, f"the claims: {name} is not a number of seconds")
            times[name] = float(text)
    if not times:
        return None
    earliest, latest = now - settings.clock_skew, now + settings.clock_skew
    if times.get("exp", inf) <= earliest:
        return Refused(Reason.EXPIRED, "exp has passed")
    if max(times.get("nbf", -inf), times.get("iat", -inf)) > latest:
        return Refused(Reason.TOO_FAR_AHEAD, "nbf or iat is further ahead than clock_skew allows")
    if times.get("iat", inf) + settings.replay_window <= earliest:
        # The journal may have forgotten it by now: a repeat would not be known as one.
        return Refused(Reason.EXPIRED, "iat is longer ago than replay_window")
    return None


def _bind(request: Request, taken: _Taken) -> Verdict:
    """Hold the address against the claims, and say which callback it is.

    The kind is what the claims' shape tells, and only else what the route is for: the same token is the same callback
    by whatever route it comes.
    """
    fields, shape = locate(taken.claims)
    path = {name: request.path[name] for name in PATH_NAMES if name in request.path}
    disagreement = _check_path(path, taken.claims, fields) if path else None
    if disagreement:
        return disagreement
    kind = shape or ROUTES.get(request.route, UNKNOWN)
    if kind == "push_status" and all(fields.get(name) is None for name in PUSH_FIELDS):
        kind = UNKNOWN
    return Verified(
        kind=kind,
        identity=_identity(kind, taken.claims, fields, path),
        payload=_payload(path, taken),
        warnings=taken.warnings,
    )


def _check_path(path: Mapping[str, str], claims: Claims, fields: Claims) -> Refused | None:
    """Hold what the address says against what the claims say of the same, wherever in them it stands."""
    levels = (fields,) if claims.keys().isdisjoint(WRAPPERS) else (fields, as_written(claims))
    for name, value in path.items():
        if len(value) > MAX_PATH_VALUE:
            return Refused(Reason.MALFORMED, f"{name} in the address is longer than {MAX_PATH_VALUE} characters")
        read = as_status if name == "status" else as_text
        for level in levels:
            claimed = level.get(name)
            if claimed is not None and read(claimed) != read(value):
                return Refused(Reason.MISMATCH, f"{name} in the address is not what the claims say")
    return None


def _identity(kind: str, claims: Claims, fields: Claims, path: Mapping[str, str]) -> str:
    """Say what makes a callback one of its kind, from what it says and nothing of its token.

    Where the claims (with the address, of a top-up's status) do not tell that, all of them make it, but for those
    that change when the same is signed again.
    """
    transaction = as_text(fields.get("txID"))
    parts: tuple[str | None, ...] = (None,)
    if kind == "mo":
        parts = (transaction,)
    elif kind == "mt":
        parts = (as_code(fields.get("code")), transaction)
    elif kind == "push_status":
        status = as_status(fields.get("status")) or as_status(path.get("status"))
        parts = (status, transaction or as_text(path.get("txID")))
    if None in parts:
        lasting = {name: value for name, value in claims.items() if name not in _CHANGING}
        return f"other#{_digest(lasting)}"
    plain = ":".join(map(str, (kind, *parts)))
    is_plain = len(plain) <= MAX_PLAIN_IDENTITY and _PLAIN.fullmatch(plain)
    return plain if is_plain else f"{kind}#{_digest(parts)}"


_encode = json.JSONEncoder(sort_keys=True).encode


def _digest(value: object) -> str:
    return sha256(_encode(value).encode()).hexdigest()


def _payload(path: Mapping[str, str], taken: _Taken) -> str:
    """Make one JSON object of the address's values and the claims, whose text stays as it was signed."""
    signed = "false" if Warned.UNSIGNED in taken.warnings else "true"
    values = ",".join([f'"{name}":{_encode(value)}' for name, value in path.items()])
    address = f'"path":{{{values}}},' if path else ""
    return f'{{"signed":{signed},{address}"claims":{taken.text}}}'


def describe_settings(settings: ReceiveSettings) -> dict[str, str]:
    """Give what the normaliser will want of an account's settings, to be kept with the entry."""
    return {"timezone": settings.zone.key}


CALLBACKS = CallbackProvider(
    name="zorya",
    read_settings=read_settings,
    setting_names=SETTING_NAMES,
    routes=ROUTES,
    verify=verify,
    acknowledgement='{"ack": 1}',
    normaliser_settings=describe_settings,
    replay_window=lambda settings: settings.replay_window,
    secret_problem=jws.secret_problem,
)
"""What the receiver of Zorya's callbacks is made of."""
