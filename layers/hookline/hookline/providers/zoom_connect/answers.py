"""What Zoom Connect's answers mean: bytes to outcomes. Every function here is total.

Source: the provider's document, "Sending an SMS", "Sending an SMS batch" and "Retrieving your account balance"; how we
read what it leaves open, status by status, is in docs/zoom-connect.md.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, quote_plus

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from hookline import sms
from hookline.commands import BaseCommand, SendSms
from hookline.outcomes import Answer, Done, MayHaveBeenSent, NotSent, Outcome, Refused, retry_after
from hookline.sending import SendingAccount

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SETTINGS_DELAY = 300.0
"""Seconds until a call is tried again that was turned away for what a person has to put right."""

MAX_WORDS = 500
"""Characters of the provider's words that are kept."""

REFUSED = frozenset({400, 413, 414, 422})
"""Something in the request is wrong: the same again would be refused again."""

TURNED_AWAY: Mapping[int, str] = {
    301: "moved",
    307: "moved",
    308: "moved",
    401: "credentials_refused",
    402: "payment_required",
    403: "forbidden",
    404: "address_not_found",
    405: "address_not_found",
    406: "encoding_refused",
    415: "encoding_refused",
}
"""The account or its settings are wrong, and not the message: it must not be lost, nor hammered with."""

NO_MONEY = 402
"""No other call that costs would be taken either, until a person did something."""

TOO_MANY = 429
_ID = re.compile(r"(?!null$)[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", re.ASCII)
_BARE_ID = re.compile(r"[0-9]{5,20}|[0-9a-fA-F]{24}", re.ASCII)
"""An id with nothing around it: decimal on old accounts, 24 hex digits on new ones. Not the 200 or 1 of a gateway."""
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_KEPT = ("status", "code", "message", "developerMessage", "moreInfoUrl", "error", "error_code", "creditBalance")


class Item(NamedTuple):
    """What an answer says of one message.

    Attributes:
        message_id: the provider's id of it; None where there is none.
        error: why it is refused; None where it is not.
        readable: false where it says something that we can't read.
    """

    message_id: str | None
    error: str | None = None
    readable: bool = True


class Body(NamedTuple):
    """What an answer's body says, in whichever encoding it says it.

    Attributes:
        items: of each message, by position; None where it speaks of none that we can read.
        fields: of itself, as text.
    """

    items: Sequence[Item] | None = None
    fields: Mapping[str, str] = {}


def read(commands: Sequence[BaseCommand], account: SendingAccount[Any], answer: Answer) -> list[Outcome]:
    """Say what an answer means.

    Args:
        commands: what the call carried, in its order: sends, or one question.
        account: whose call it was; its credentials are kept out of what is returned.
        answer: the provider's.

    Returns:
        One outcome a command, in the same order. Done only where a message id stands, or a balance.
    """
    body = read_body(answer.body)
    successful = 200 <= answer.status < 300  # noqa: PLR2004  # HTTP's own classes
    if successful and not isinstance(commands[0], SendSms):
        return [_balance(body)] * len(commands)
    if successful:
        return _sends(commands, account, body)
    if not (answer.status in REFUSED or answer.status in TURNED_AWAY or answer.status == TOO_MANY):
        why = "server_error" if answer.status >= 500 else "status_not_understood"  # noqa: PLR2004  # as above
        return [MayHaveBeenSent(why)] * len(commands)
    if _speaks_of_messages(answer, body):
        return _contradictory(commands, account, body)
    return _not_taken(commands, account, answer, body)


def _not_taken(
    commands: Sequence[BaseCommand], account: SendingAccount[Any], answer: Answer, body: Body
) -> list[Outcome]:
    """Say what it means that a whole call was refused or turned away."""
    if answer.status == TOO_MANY:
        return [NotSent("too_many_requests", retry_after(answer.headers))] * len(commands)
    if answer.status in TURNED_AWAY:
        delay = retry_after(answer.headers)
        why = TURNED_AWAY[answer.status]
        stop = answer.status == NO_MONEY
        return [NotSent(why, SETTINGS_DELAY if delay is None else delay, stop_account=stop)] * len(commands)
    if len(commands) > 1 and body.items is not None and len(body.items) == len(commands):
        return _sends(commands, account, body)
    if len(commands) > 1:
        return [NotSent("bulk_refused", split=True)] * len(commands)
    fields = _clean(body.fields, account)
    code = fields.get("code") or fields.get("error_code") or str(answer.status)
    text = next((fields[name] for name in ("message", "error", "developerMessage") if fields.get(name)), "")
    return [Refused(code, text or f"refused with HTTP status {answer.status}", fields)]


def _sends(commands: Sequence[BaseCommand], account: SendingAccount[Any], body: Body) -> list[Outcome]:
    if body.items is None:
        return [MayHaveBeenSent("answer_not_understood")] * len(commands)
    if len(body.items) != len(commands):
        return [MayHaveBeenSent("answer_of_another_length")] * len(commands)
    times = Counter(item.message_id for item in body.items)
    return [
        MayHaveBeenSent("message_id_twice")
        if item.message_id and times[item.message_id] > 1
        else _send(command, account, item)
        for command, item in zip(commands, body.items, strict=True)
    ]


def _send(command: BaseCommand, account: SendingAccount[Any], item: Item) -> Outcome:
    if not item.readable:
        return MayHaveBeenSent("answer_not_understood")
    if item.message_id and item.error:
        return MayHaveBeenSent("answer_contradictory", {"message_id": item.message_id})
    if item.error:
        text = _clean({"error": item.error}, account)
        return Refused("error", text["error"], {"messageId": None, **text})
    if not item.message_id:
        return MayHaveBeenSent("no_message_id")
    count = sms.count(command.text if isinstance(command, SendSms) else "")
    facts = {"message_id": item.message_id, "encoding": count.encoding, "segments": count.segments}
    return Done(facts, {"messageId": item.message_id, "error": None})


def _contradictory(commands: Sequence[BaseCommand], account: SendingAccount[Any], body: Body) -> list[Outcome]:
    """Believe the errors of an answer whose status says that nothing was taken, but not its message ids."""
    return [
        MayHaveBeenSent("answer_contradictory", {"message_id": outcome.facts["message_id"]})
        if isinstance(outcome, Done)
        else outcome
        for outcome in _sends(commands, account, body)
    ]


def _speaks_of_messages(answer: Answer, body: Body) -> bool:
    """Whether an answer has more to say of messages than that they are refused: what was taken is not sent again."""
    if body.items is None:
        return b"messageId" in answer.body
    return any(item.message_id or not item.error or not item.readable for item in body.items)


def _balance(body: Body) -> Outcome:
    said = body.fields.get("creditBalance", "")
    if not _AMOUNT.fullmatch(said):
        return MayHaveBeenSent("no_balance")
    amount = format(Decimal(said), "f")
    return Done({"balance": {"amount": amount, "currency": None}, "unit": "credits"}, {"creditBalance": said})


def _clean(fields: Mapping[str, str], account: SendingAccount[Any]) -> dict[str, str]:
    """Keep the provider's words: credentials left out, not too long, and fit for UTF-8."""
    return {name: _clean_text(value, account.credentials.values()) for name, value in fields.items()}


def _clean_text(text: str, secrets: Iterable[object]) -> str:
    for secret in secrets:
        if isinstance(secret, str) and secret:
            for form in (secret, quote_plus(secret), quote(secret)):
                text = text.replace(form, "[credential]")
    return text.encode("utf-8", "replace").decode()[:MAX_WORDS]


# --- bodies ----------------------------------------------------------------------------------------------------------


class _Fraction(str):
    """A JSON number with a fraction or an exponent, as it is written: money is never a float."""

    __slots__ = ()


def read_body(body: bytes) -> Body:
    """Read a body in whichever of the provider's encodings it is: an id alone, JSON or XML."""
    bare = body.strip().strip(b'"').decode("ascii", "replace")
    if _BARE_ID.fullmatch(bare):
        return Body([Item(bare)])
    try:
        return _read_json(json.loads(body, parse_float=_Fraction, parse_constant=_refuse_constant))
    except (ValueError, RecursionError):
        pass
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError):
        return Body()
    return Body(_xml_items(root), {_name(child): _text(child) for child in root.iter() if _name(child) in _KEPT})


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _read_json(document: object) -> Body:
    if not isinstance(document, dict):
        return Body()
    fields = {name: _plain(document[name]) for name in _KEPT if name in document}
    kept = {name: value for name, value in fields.items() if value is not None}
    if "sendSmsResponses" in document:
        responses = document["sendSmsResponses"]
        return Body([_json_item(response) for response in responses] if isinstance(responses, list) else None, kept)
    return Body([_json_item(document)] if {"messageId", "error"} & document.keys() else None, kept)


def _json_item(item: object) -> Item:
    if not isinstance(item, dict):
        return Item(None, readable=False)
    message_id, error = item.get("messageId"), item.get("error")
    is_id = isinstance(message_id, str | int) and not isinstance(message_id, bool | _Fraction)
    if (message_id is not None and not is_id) or not isinstance(error, str | None) or isinstance(error, _Fraction):
        return Item(None, readable=False)
    return _item(None if message_id is None else str(message_id), error)


def _item(message_id: str | None, error: str | None) -> Item:
    """Make an item of what was said: an empty text says nothing."""
    message_id = (message_id or "").strip() or None
    error = (error or "").strip() or None
    if message_id and not _ID.fullmatch(message_id):
        return Item(None, readable=False)
    return Item(message_id, error)


def _plain(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _xml_items(root: "Element") -> list[Item] | None:
    """Find what XML says of messages.

    The document's own examples have lost their tags: an element named `messageId` counts wherever it stands; `error`
    counts only where we know what it is about.
    """
    responses = [element for element in root.iter() if _name(element) == "sendSmsResponse"]
    if responses:
        return [_xml_item(response) for response in responses]
    named = [element for element in root.iter() if _name(element) in {"messageId", "error"}]
    if any(_name(element) == "error" and _text(element) for element in named):
        return None
    return [_item(_text(element), None) for element in named if _name(element) == "messageId"] or None


def _xml_item(response: "Element") -> Item:
    said = {name: [_text(child) for child in response if _name(child) == name] for name in ("messageId", "error")}
    if any(len(texts) > 1 for texts in said.values()):
        return Item(None, readable=False)
    return _item("".join(said["messageId"]), "".join(said["error"]))


def _name(element: "Element") -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: "Element") -> str:
    return (element.text or "").strip()
