"""What a provider supplies for commands: data and pure functions that know nothing of AWS and open no connection."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hookline.commands import BaseCommand, Rejection
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


class Stake(NamedTuple):
    """What a command would take of what its account may ask for in a day.

    Attributes:
        staked: the day, in the account's time zone, and the amount.
        ceiling: what all of that day's commands may ask for together.
        rejection: what is said of a command that would go over it.
    """

    staked: tuple[str, Decimal]
    ceiling: Decimal
    rejection: Rejection


def _no_stake(_command: BaseCommand, _account: "SendingAccount[Any]", _now: float) -> None:
    return None


class OpenCommand(NamedTuple):
    """A command of which nobody knows yet what became of it.

    Attributes:
        command: the command.
        sent_at: when its request left, at the latest: seconds since the epoch, UTC.
        on_its_way: an attempt may still be under way, whose answer is yet to come.
        transaction_id: the provider's id of it, where an answer that told too little had one; "" where none had.
        is_known: the provider has it, and gave it no id: only a callback can still be about it.
    """

    command: BaseCommand
    sent_at: float
    on_its_way: bool = False
    transaction_id: str = ""
    is_known: bool = False

    def __repr__(self) -> str:
        """Show neither a number nor a text."""
        return f"OpenCommand({self.command.kind}, {self.command.id}, on_its_way={self.on_its_way})"


class Finding(NamedTuple):
    """What a provider turned out to have done with an open command.

    Attributes:
        transaction_id: the provider's id of it.
        done: whether the provider did it, or took it on; False where it will never do it.
        facts: what is known of it, by our names, as JSON values: `status` and `final` among them.
        by: how that became known.
    """

    transaction_id: str
    done: bool
    facts: Mapping[str, Any]
    by: Literal["report", "query", "callback", "person"]


class Word(NamedTuple):
    """What a callback says of something that the provider did, and of which nobody knows whose it is.

    Attributes:
        kind: the command that it must have been, by name.
        at: when the callback came: seconds since the epoch, UTC.
        finding: what it says.
    """

    kind: str
    at: float
    finding: Finding


type Asked = tuple[BaseCommand, Outcome]
"""A question, and what came of it."""


class Settling(NamedTuple):
    """A provider's half of settling: pure functions.

    Attributes:
        kinds: the commands, by name, whose unknown outcomes can be settled.
        questions: what to ask the provider about open commands: questions that it takes as commands. Takes the open
            commands that are to be asked about, and the account.
        ids: the provider's ids that answers speak of; each may be another command's already. Takes the questions and
            their outcomes.
        match: what answers say of open commands, by command id. Takes every open command of the account, those on
            their way too; the questions and their outcomes; by provider's id which command has it already (its token),
            or what a callback said of it; and the account.
        read_word: what an event of a callback says; None where it does not say enough. Takes the event's detail.
        match_word: the open commands that a word can be about; only where there is one is it certain. Takes the open
            commands of the account, those on their way too; the word; and the account.
    """

    kinds: frozenset[str]
    questions: Callable[[Sequence[OpenCommand], SendingAccount[Any]], list[BaseCommand]]
    ids: Callable[[Sequence[Asked]], list[str]]
    match: Callable[
        [Sequence[OpenCommand], Sequence[Asked], Mapping[str, str | Finding], SendingAccount[Any]], dict[str, Finding]
    ]
    read_word: Callable[[Mapping[str, Any]], Word | None]
    match_word: Callable[[Sequence[OpenCommand], Word, SendingAccount[Any]], list[OpenCommand]]


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
        native_schedule: whether the provider itself keeps a message until `send_at`; else we do, and can cancel it.
        stake: what a command would take of its account's ceiling for a day; None for most. Takes the command, the
            account and the time (seconds since the epoch, UTC).
        settling: how unknown outcomes are settled; None for a provider that can't be asked.
        refused_id: the provider's id in the `provider_data` of a refusal: so that it is nobody else's.
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
    stake: Callable[[BaseCommand, SendingAccount[Any], float], Stake | None] = _no_stake
    settling: Settling | None = None
    refused_id: Callable[[Mapping[str, Any]], str | None] = lambda _provider_data: None
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
