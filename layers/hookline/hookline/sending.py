"""What a provider supplies for commands: data and pure functions that know nothing of AWS and open no connection."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hookline.commands import BaseCommand
from hookline.errors import AccountNotFoundError, AccountSettingsError
from hookline.outcomes import Answer, Call, Outcome


class SendingSettings(BaseModel):
    """The settings that every account has for commands. A provider's own come by inheritance.

    Settings that only receiving knows are left alone here; `hookline accounts add` refuses names that nobody knows.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    max_per_second: float = Field(
        default=10.0, gt=0, le=10_000, description="Segments (SMS) or calls a second, held across all running copies."
    )
    max_segments: int = Field(default=10, ge=1, le=255, description="The longest message that is taken, in segments.")
    on_unknown: Literal["hold", "resend"] = Field(
        default="hold",
        description="What happens to an SMS when nobody knows whether it was sent: `hold` leaves it unknown, `resend` "
        "sends it again, perhaps twice.",
    )


class SendingAccount[S: SendingSettings](NamedTuple):
    """What a sender knows of an account.

    Attributes:
        name: our name for it.
        credentials: the provider's, by its names. Secret.
        settings: the provider's settings.
    """

    name: str
    credentials: Mapping[str, str]
    settings: S

    def __repr__(self) -> str:
        """Show no credential."""
        return f"SendingAccount({self.name})"


class PlannedCall(NamedTuple):
    """A request and the commands that it carries, in the order of its answer."""

    call: Call
    commands: tuple[BaseCommand, ...]


class SendingProvider(NamedTuple):
    """A provider's half of sending.

    Attributes:
        name: as it stands in events, for example `zoom_connect`.
        kinds: the commands that it can do, by name. A batch is split before, so `send_sms` stands for both.
        setting_names: every setting that an account may have for sending.
        read_account: reads an account's document. Raises AccountNotFoundError where it is another provider's,
            AccountSettingsError naming the field.
        check: raises `hookline.commands.Rejection` where the provider could not do a command, before any request;
            else returns the command as it will be sent (the number E.164, the text whole). Takes the command, the
            account and the time (seconds since the epoch, UTC).
        plan: packs commands of one account into as few calls as the provider's API allows. Takes the commands, the
            account and the provider's access token ("" for one that has none).
        read: what an answer means, one outcome a command of the call. A total function: what it can't read is
            MayHaveBeenSent, never Done and never Refused.
        size: what a command takes of the account's pace, in segments for an SMS, 1 for anything else.
        native_schedule: whether the provider itself keeps a message until `send_at`.
        log_in: the call that fetches an access token; None where the provider has none.
        read_token: the token from that call's answer; an outcome where there is none.
    """

    name: str
    kinds: frozenset[str]
    setting_names: frozenset[str]
    read_account: Callable[[str, Mapping[str, Any]], SendingAccount[Any]]
    check: Callable[[BaseCommand, SendingAccount[Any], float], BaseCommand]
    plan: Callable[[Sequence[BaseCommand], SendingAccount[Any], str], list[PlannedCall]]
    read: Callable[[Sequence[BaseCommand], SendingAccount[Any], Answer], list[Outcome]]
    size: Callable[[BaseCommand], int]
    native_schedule: bool = True
    log_in: Callable[[SendingAccount[Any]], Call] | None = None
    read_token: Callable[[Answer], str | Outcome] | None = None


def read_sending_account[S: SendingSettings](
    provider: str, settings_type: type[S], needed: Sequence[str], name: str, document: Mapping[str, Any]
) -> SendingAccount[S]:
    """Read from an account's document what a sender needs.

    Args:
        provider: the provider's name.
        settings_type: its settings.
        needed: the credentials that it can't do without.
        name: the account's name.
        document: the account's secret, as JSON.

    Raises:
        AccountNotFoundError: it is an account of another provider.
        AccountSettingsError: a field can't be used; names it.
    """
    if document.get("provider") != provider:
        raise AccountNotFoundError(name)
    credentials = document.get("credentials") or {}
    for field in needed:
        if not isinstance(credentials, dict) or not isinstance(credentials.get(field), str) or not credentials[field]:
            raise AccountSettingsError(f"credentials.{field}", "is needed for sending, as a text that is not empty")
    try:
        settings = settings_type.model_validate(document.get("settings") or {})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(["settings", *(str(step) for step in first["loc"])])
        raise AccountSettingsError(place, first["msg"].removeprefix("Value error, ")) from None
    return SendingAccount(name, credentials, settings)
