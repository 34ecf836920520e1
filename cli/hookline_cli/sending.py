"""The providers that commands can be given to, and what an account needs to send through them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from hookline.errors import AccountSettingsError
from hookline.providers.zoom_connect.rest import SENDING as ZOOM_CONNECT
from hookline.providers.zoom_connect.rest import ZoomConnectSettings
from hookline.providers.zorya.rest import SENDING as ZORYA
from hookline.providers.zorya.rest_settings import CREDENTIALS, RestSettings
from hookline.sending import SendingProvider, SendingSettings

SENDERS: Mapping[str, SendingProvider] = {provider.name: provider for provider in (ZOOM_CONNECT, ZORYA)}
"""Every provider that takes commands, by name."""


class Needs(NamedTuple):
    """What a provider wants of an account that sends.

    Attributes:
        settings: the model of its settings.
        credentials: the names of its credentials, all of them needed.
    """

    settings: type[SendingSettings]
    credentials: tuple[str, ...]


NEEDS: Mapping[str, Needs] = {
    ZOOM_CONNECT.name: Needs(ZoomConnectSettings, ("email", "token")),
    ZORYA.name: Needs(RestSettings, CREDENTIALS),
}


def check_sending(name: str, document: Mapping[str, Any]) -> None:
    """Check what an account's document says of sending. Without credentials it may lack settings too.

    Args:
        name: the account's name.
        document: its document, whose `settings` and `credentials` are objects where they are there.

    Raises:
        AccountSettingsError: a field can't be used, or is missing; names it.
    """
    sender = SENDERS.get(str(document.get("provider")))
    if sender is None:
        return
    needs, credentials = NEEDS[sender.name], document.get("credentials", {})
    unknown = set(credentials) - set(needs.credentials)
    if unknown:
        known = ", ".join(needs.credentials)
        raise AccountSettingsError(f"credentials.{min(unknown)}", f"there is no such credential; there are: {known}")
    try:
        needs.settings.model_validate(document.get("settings", {}))
    except ValidationError as error:
        _refuse(error, may_lack=not credentials)
    if credentials:
        sender.read_account(name, document)


def _refuse(error: ValidationError, *, may_lack: bool) -> None:
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(["settings", *(str(step) for step in problem["loc"])])
        if problem["type"] != "missing":
            raise AccountSettingsError(place, problem["msg"].removeprefix("Value error, ")) from None
        if not may_lack:
            raise AccountSettingsError(place, "is needed for sending: set it first (accounts set)") from None
