"""Zorya's REST API: a command to a request. What an answer means is in `answers`.

Source: the provider's document, "API Methods"; how we read what it leaves open is in docs/zorya.md.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import quote

from hookline import sms
from hookline.commands import (
    BaseCommand,
    GetBalance,
    GetMessageStatus,
    GetTopUpReport,
    LookUpCarrier,
    Rejection,
    SendSms,
    TopUp,
)
from hookline.outcomes import Answer, Call, NotSent, Outcome, Refused, retry_after
from hookline.providers.zorya.answers import (
    NO_FUNDS,
    RETRY_LATER,
    RETRY_LATER_SECONDS,
    SUCCESS,
    TOO_MANY,
    read,
    transaction_of,
    words_of,
)
from hookline.providers.zorya.checks import CHECKERS, GATEWAY, TOPUP, check, stake
from hookline.providers.zorya.claims import as_code, as_text, get
from hookline.providers.zorya.repair import read_document
from hookline.providers.zorya.rest_settings import Account, RestSettings, read_account
from hookline.providers.zorya.settling import SETTLING
from hookline.sending import PlannedCall, SendingProvider

LOGIN_REFUSALS = frozenset({"400", "401", "403", "-202", "-203", "-204", "-205", "-208", "-211", "-312"})
"""What a log-in with wrong credentials is answered. Asking again with the same ones is no use."""

MAX_TOKEN = 4096
_TOKEN_DEPTH = 3


class Method(NamedTuple):
    """A method of the API.

    Attributes:
        name: as the document has it.
        base: the setting that its base URL is in.
        verb: of HTTP.
        path: what follows the base URL; for a GET the parameters stand in it.
        body: the fields of its JSON body, for a POST: texts, and amounts as Decimal.
    """

    name: str
    base: str
    verb: str
    path: str
    body: Mapping[str, str | Decimal]


# --- the log-in ------------------------------------------------------------------------------------------------------


def log_in(account: Account) -> Call:
    """Make the call of `getAuthToken`. Its URL holds the password: it must stand in no log and no exception."""
    client, password = (_segment(account.credentials[name]) for name in ("client_id", "secure_password"))
    url = f"{account.settings.auth_url}/auth/api/getAuthToken/{client}/{password}"
    return Call("GET", url, {"Accept": "application/json"}, b"")


def read_token(answer: Answer) -> str | Outcome:
    """Take the token from a log-in's answer.

    Returns:
        The token; Refused where the credentials are wrong, in our own words: the provider's may repeat them; NotSent
        where it may do later.
    """
    document = read_document(answer.body)
    code = as_code(get(document, "code")) if document is not None else None
    if document is not None and code in {None, SUCCESS}:
        token = _find_token(document)
        if token is not None and (code == SUCCESS or answer.status < 300):  # noqa: PLR2004  # 2xx
            return token
    said = code or str(answer.status)
    if said in LOGIN_REFUSALS:
        return Refused(said, words_of("log_in", said) or "the credentials were refused", {})
    if said == RETRY_LATER:
        return NotSent("retry_later", delay=RETRY_LATER_SECONDS)
    if said == NO_FUNDS:
        return NotSent("no_funds", stop_account=True)
    if TOO_MANY in {said, str(answer.status)}:
        return NotSent("too_many_requests", delay=retry_after(answer.headers))
    return NotSent("no_token")


def _find_token(value: object, depth: int = _TOKEN_DEPTH) -> str | None:
    """Find `zrtauth`, whatever its case, at the top or further down."""
    if isinstance(value, dict):
        token = as_text(get(value, "zrtauth"))
        if token is not None and token.isascii() and token.isprintable() and " " not in token:
            return token if len(token) <= MAX_TOKEN else None
        value = list(value.values())
    if not isinstance(value, list) or depth == 0:
        return None
    return next((token for inner in value if (token := _find_token(inner, depth - 1))), None)


# --- commands to requests --------------------------------------------------------------------------------------------


def plan(commands: Sequence[BaseCommand], account: Account, token: str) -> list[PlannedCall]:
    """Make a call of each command: the API takes one at a time."""
    return [PlannedCall(_call(method_of(command, account), account, token), (command,)) for command in commands]


def method_of(command: BaseCommand, account: Account) -> Method:
    """Choose the method that does a command, with its parameters.

    Args:
        command: as `check` returned it.
        account: whose it is.
    """
    settings, client = account.settings, account.credentials["client_id"]
    match command:
        case SendSms():
            return _send_method(command, settings, client)
        case TopUp():
            return _top_up_method(command, settings, client)
        case LookUpCarrier():
            path = "/v2/api/carrierLookUp/" if settings.lookup_version == "v2" else "/api/carrierLookUp/"
            body = {"clientID": client, "MSISDN": command.number.removeprefix("+")}
            return Method("carrierLookUp", GATEWAY, "POST", path, body)
        case GetMessageStatus():
            path = f"/api/getSmsStatus/{_segment(client)}/{_segment(command.message_id)}"
            return Method("getSmsStatus", GATEWAY, "GET", path, {})
        case GetBalance():
            return Method("getBalance", GATEWAY, "GET", f"/api/getBalance/{_segment(client)}", {})
        case GetTopUpReport():
            first, last = (
                date.fromisoformat(day).strftime("%m-%d-%Y") for day in (command.first_day, command.last_day)
            )
            return Method("getTopUpReport", TOPUP, "GET", f"/api/getTopUpReport/{_segment(client)}/{first}/{last}/", {})
        case _:
            raise Rejection("command", "Zorya's REST API has no such thing")


def _send_method(command: SendSms, settings: RestSettings, client: str) -> Method:
    name, path = "sendSms", "/v3/api/sendSms"
    if command.flash:
        name, path = "sendSmsFlash", "/v1/api/sendSmsFlash"
    elif settings.send_method == "light":
        name, path = "sendSmsLight", "/v1/api/sendSmsLight"
    body = {
        "msisdn": command.to.removeprefix("+"),
        "clientID": client,
        "sender": command.sender or settings.sender or "",
        "message": command.text,
    }
    return Method(name, GATEWAY, "POST", path, body)


def _top_up_method(command: TopUp, settings: RestSettings, client: str) -> Method:
    msisdn = command.to.removeprefix("+")
    if command.campaign is not None or command.amount is None:
        body: dict[str, str | Decimal] = {"msisdn": msisdn, "clientID": client, "campaign": command.campaign or ""}
        return Method("executeTopUpCamp", TOPUP, "POST", settings.campaign_path, body)
    body = {"clientID": client, "MSISDN": msisdn, "amount": command.amount}
    if command.product is None:
        return Method("executeTopUp", TOPUP, "POST", "/api/executeTopUp/", body)
    return Method("executeDirectTopUp", TOPUP, "POST", "/api/executeDirectTopUp/", {**body, "ZCode": command.product})


def _call(method: Method, account: Account, token: str) -> Call:
    url = f"{getattr(account.settings, method.base)}{method.path}"
    headers = {"Accept": "application/json", "ZRTAuth": token}
    if method.verb == "GET":
        return Call("GET", url, headers, b"")
    return Call("POST", url, {**headers, "Content-Type": "application/json"}, _json(method.body))


def _json(fields: Mapping[str, str | Decimal]) -> bytes:
    """Write a JSON object in ASCII; an amount is a number with two decimals, as it is and never by way of a float."""
    members = (
        f"{json.dumps(name)}: {format(value, '.2f') if isinstance(value, Decimal) else json.dumps(value)}"
        for name, value in fields.items()
    )
    return f"{{{', '.join(members)}}}".encode("ascii")


def _segment(text: str) -> str:
    """Percent-encode a text so that it stays one segment of a path: `/` too, and a lone `.` or `..`."""
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def _size(command: BaseCommand) -> int:
    return sms.count(command.text).segments if isinstance(command, SendSms) else 1


SENDING = SendingProvider(
    name="zorya",
    kinds=frozenset(CHECKERS),
    setting_names=frozenset(RestSettings.model_fields),
    read_account=read_account,
    check=check,
    plan=plan,
    read=read,
    size=_size,
    native_schedule=False,
    stake=stake,
    settling=SETTLING,
    refused_id=transaction_of,
    log_in=log_in,
    read_token=read_token,
)
"""What the sender of Zorya's commands is made of."""
