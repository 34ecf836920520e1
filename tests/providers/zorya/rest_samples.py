"""Accounts, commands and answers that the tests of Zorya's REST API share."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hookline.commands import BaseCommand, GetBalance, GetMessageStatus, GetTopUpReport, LookUpCarrier, SendSms, TopUp
from hookline.outcomes import Answer
from hookline.providers.zorya.rest import SENDING
from hookline.providers.zorya.rest_settings import Account
from tests.redaction import Kind, mark
from tests.samples import TEXT

CLIENT = "1234-ABCD-1234"
PASSWORD = "marked/pass word?#%é&1"
TOKEN = "marked-token-sipx7YVFJ920220810"
mark(Kind.SECRET, PASSWORD, TOKEN)

AUTH, GATEWAY, TOPUP = "https://auth.example.com", "https://gateway.example.com/z", "https://topup.example.com"
URLS = {"auth_url": AUTH, "gateway_url": GATEWAY, "topup_url": TOPUP}

NUMBER, OTHER_NUMBER = "+525545891076", "+525512345678"
"""Of the document's examples."""


def document_of(**settings: Any) -> dict[str, Any]:
    """Make an account's secret."""
    return {
        "provider": "zorya",
        "signing_secrets": ["not looked at"],
        "credentials": {"client_id": CLIENT, "secure_password": PASSWORD},
        "settings": {**URLS, **settings},
    }


def account_of(**settings: Any) -> Account:
    return SENDING.read_account("acme-mx", document_of(**settings))


def send_sms(**fields: Any) -> SendSms:
    common = {"command": "send_sms", "id": "s-1", "account": "acme-mx", "to": NUMBER, "text": TEXT, "sender": "99999"}
    return SendSms.model_validate({**common, **fields})


def top_up(**fields: Any) -> TopUp:
    common = {"command": "top_up", "id": "t-1", "account": "acme-mx", "to": NUMBER, "amount": "20.00"}
    return TopUp.model_validate({**common, **fields})


def campaign_top_up(**fields: Any) -> TopUp:
    return top_up(**{"amount": None, "campaign": "campaignTest1", **fields})


def look_up(number: str = NUMBER) -> LookUpCarrier:
    return LookUpCarrier(command="look_up_carrier", id="l-1", account="acme-mx", number=number)


def get_status(message_id: str = "txID12345") -> GetMessageStatus:
    return GetMessageStatus(command="get_message_status", id="g-1", account="acme-mx", message_id=message_id)


def get_balance() -> GetBalance:
    return GetBalance(command="get_balance", id="b-1", account="acme-mx")


def get_report(first_day: str = "2022-08-09", last_day: str = "2022-08-12") -> GetTopUpReport:
    return GetTopUpReport(
        command="get_top_up_report", id="r-1", account="acme-mx", first_day=first_day, last_day=last_day
    )


COMMANDS: Mapping[str, BaseCommand] = {
    command.kind: command for command in (send_sms(), top_up(), look_up(), get_status(), get_balance(), get_report())
}
"""One of each kind that Zorya can do."""


def answer(body: object = b"", status: int = 200, **headers: str) -> Answer:
    """Make an answer; a body that is no text and no bytes is written as JSON."""
    if isinstance(body, str):
        content = body.encode()
    elif isinstance(body, bytes):
        content = body
    else:
        content = json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def failure(code: object, message: str | None = "Zorya's words", **more: Any) -> dict[str, Any]:
    """Make a failure as the document's examples have it."""
    return {
        "code": code,
        "message": message,
        "txID": "hRmvPsvbLrXr2v94W7op20220811",
        "response": None,
        "error": None,
    } | more


def success(response: object = None, **more: Any) -> dict[str, Any]:
    """Make a success."""
    return {
        "code": 200,
        "message": "done",
        "txID": "B9WN0dzTgTMdbosoU9Jp",
        "response": response,
        "error": [None],
    } | more


def money(amount: str, currency: str = "MXN") -> dict[str, str]:
    assert Decimal(amount).is_finite()
    return {"amount": amount, "currency": currency}
