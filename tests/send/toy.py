"""A provider as small as can be: its answers say outright what they mean, as a JSON list of outcomes."""

import json
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from hookline import sms
from hookline.commands import BaseCommand, Rejection, SendSms
from hookline.outcomes import Answer, Call, Done, MayHaveBeenSent, NotSent, Outcome, Refused
from hookline.sending import PlannedCall, SendingAccount, SendingProvider, SendingSettings, read_sending_account

NAME = "zoom_connect"
"""A name that a command may give; the rest of it is not Zoom Connect's."""

BASE_URL = "https://toy.example"
MEANINGS: Mapping[str, Any] = {"done": Done, "refused": Refused, "not_sent": NotSent, "open": MayHaveBeenSent}


class ToySettings(SendingSettings):
    """How many messages a call may carry."""

    max_batch: int = 100


def check(command: BaseCommand, account: SendingAccount[ToySettings], now: float) -> BaseCommand:
    if not isinstance(command, SendSms):
        return command
    if not command.to.strip("+").isdecimal():
        raise Rejection("to", "is no valid phone number with its country code")
    segments = sms.count(command.text).segments
    if not 0 < segments <= account.settings.max_segments:
        raise Rejection("text", f"takes {segments} segments")
    if command.send_at is not None and not 0 < command.send_at.timestamp() - now < 366 * 86_400:
        raise Rejection("send_at", "is not in the future")
    return command.model_copy(update={"to": "+" + command.to.strip("+")})


def plan(commands: Sequence[BaseCommand], account: SendingAccount[ToySettings], token: str) -> list[PlannedCall]:
    return [
        PlannedCall(Call("POST", f"{BASE_URL}/{account.name}", {"authorization": token}, _body(part), len(part)), part)
        for part in batched(commands, account.settings.max_batch, strict=False)
    ]


def read(commands: Sequence[BaseCommand], _account: SendingAccount[ToySettings], answer: Answer) -> list[Outcome]:
    outcomes = [_outcome(*said) for said in json.loads(answer.body)]
    return outcomes * len(commands) if len(outcomes) == 1 else outcomes


def _outcome(meaning: str, values: Mapping[str, Any]) -> Outcome:
    made: Outcome = MEANINGS[meaning](**values)
    return made


def _body(commands: Sequence[BaseCommand]) -> bytes:
    return json.dumps([command.id for command in commands]).encode()


def _size(command: BaseCommand) -> int:
    return sms.count(command.text).segments if isinstance(command, SendSms) else 1


TOY = SendingProvider(
    name=NAME,
    kinds=frozenset({"send_sms", "get_balance", "top_up", "get_message_status"}),
    setting_names=frozenset(ToySettings.model_fields),
    read_account=lambda name, document: read_sending_account(NAME, ToySettings, ("token",), name, document),
    check=check,
    plan=plan,
    read=read,
    size=_size,
)


def done(message_id: str, **facts: Any) -> list[Any]:
    return ["done", {"facts": {"message_id": message_id, **facts}, "provider_data": {"messageId": message_id}}]


def balance(amount: str = "33") -> list[Any]:
    facts = {"balance": {"amount": amount, "currency": None}, "unit": "credits"}
    return ["done", {"facts": facts, "provider_data": {"creditBalance": amount}}]


def refused(code: str = "2", text: str = "Invalid mobile number") -> list[Any]:
    return ["refused", {"code": code, "text": text, "provider_data": {"code": code}}]


def not_sent(why: str = "too_many_requests", **more: Any) -> list[Any]:
    return ["not_sent", {"why": why, **more}]


def is_open(why: str = "server_error", **more: Any) -> list[Any]:
    return ["open", {"why": why, **more}]
