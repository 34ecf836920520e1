"""What the tests of Zoom Connect's sending half share: accounts and commands, each with overrides."""

from collections.abc import Sequence
from typing import Any

from hookline.commands import GetBalance, SendSms
from hookline.outcomes import Answer, Outcome
from hookline.providers.zoom_connect.rest import SENDING, Account, read_account
from tests import samples
from tests.samples import ACCOUNT, NUMBER, TEXT

EMAIL, API_TOKEN = samples.EMAIL, samples.API_TOKEN

ENCODINGS = ("json", "xml", "url-parameters")
AUTHS = ("headers", "basic", "query")
MESSAGE_ID = "5a757c7b7736b6c1d340a0db"
OTHER_ID = "4635029"


def account(*, email: str = EMAIL, token: str = API_TOKEN, **settings: Any) -> Account:
    document = {"provider": "zoom_connect", "credentials": {"email": email, "token": token}, "settings": settings}
    return read_account(ACCOUNT, document)


def send_sms(number: int = 1, **overrides: Any) -> SendSms:
    given = {"command": "send_sms", "id": f"order-{number}", "account": ACCOUNT, "to": f"+{NUMBER}", "text": TEXT}
    return SendSms.model_validate(given | overrides)


def get_balance(**overrides: Any) -> GetBalance:
    return GetBalance.model_validate({"command": "get_balance", "id": "balance-1", "account": ACCOUNT} | overrides)


def sends(count: int) -> list[SendSms]:
    return [send_sms(number) for number in range(1, count + 1)]


def answered(
    status: int, body: bytes | str, commands: Sequence[SendSms | GetBalance] = (), **headers: str
) -> list[Outcome]:
    """Return what an answer means for commands; one send where none are given."""
    raw = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SENDING.read(commands or [send_sms()], account(), Answer(status, named, raw))
