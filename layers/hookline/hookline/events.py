"""The events that Hookline publishes: one model a type, and the envelope they all share.

The JSON Schemas in `schemas/` are generated from these models (`hookline schemas`), and a test fails when they are
stale. Times are ISO 8601 with an offset, numbers are E.164, money is a decimal string with a currency.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

SOURCE = "hookline"
"""The `source` of every event on the bus."""

VERSION = "1.0"
"""The version of every event's shape. It changes when something is taken away or means something else."""

_NAMESPACE = UUID("6f6d2ab4-7b0b-5a4e-9c0f-9a7f3c1f5d21")


def event_id(key: str) -> str:
    """Derive an event's id from its entry's key: the same entry always gives the same id."""
    return str(uuid5(_NAMESPACE, key))


def _plain(value: Decimal) -> str:
    return format(value, "f")


Amount = Annotated[Decimal, PlainSerializer(_plain, return_type=str)]


class Model(BaseModel):
    """What every part of an event has in common. A reader ignores fields that it does not know: more may come."""

    model_config = ConfigDict(extra="ignore", frozen=True, serialize_by_alias=True, validate_by_name=True)


class Money(Model):
    """An amount of money."""

    amount: Amount = Field(description="A decimal, written out without an exponent.", examples=["0.29"])
    currency: str | None = Field(
        default=None, description="ISO 4217; null where the provider does not say.", examples=["MXN"]
    )


class Correlation(Model):
    """Which command of yours an event belongs to."""

    command_id: str = Field(description="The `id` of your command.")
    reference: str | None = Field(default=None, description="The `reference` that your command carried.")


class Metadata(Model):
    """What every event says of itself."""

    id: str = Field(description="The same for every copy of one event: remember it to handle each event once.")
    type: str = Field(description="The event's type, the same as `detail-type` on the bus.")
    version: str = Field(default=VERSION, description="The version of this type's shape.")
    provider: str = Field(description="`zoom_connect` or `zorya`.")
    account: str = Field(description="Our name of the account, for example `acme-za`.")
    occurred_at: AwareDatetime = Field(description="When it happened, as the provider says; else `recorded_at`.")
    recorded_at: AwareDatetime = Field(description="When Hookline stored it, UTC.")
    correlation: Correlation | None = Field(
        default=None, description="Your command that this belongs to; null where nothing of ours matches."
    )


class Data(Model):
    """The part of an event that differs by type."""

    type: ClassVar[str]


class SmsReceived(Data):
    """Somebody sent an SMS to you: a mobile-originated message (MO), often a reply to one of yours."""

    type: ClassVar[str] = "sms.received"

    from_: str | None = Field(alias="from", description="The sender, E.164; null where it is no valid number.")
    to: str | None = Field(default=None, description="The number or short code that it was sent to, as it came.")
    message_id: str = Field(description="The provider's id of this message.")
    text: str = Field(description="The message. Bytes that did not decode stand as U+FFFD.")
    text_complete: bool = Field(default=True, description="False where bytes did not decode: see `provider_data`.")
    in_reply_to: str | None = Field(default=None, description="The provider's id of the message it answers.")
    campaign: str | None = Field(default=None, description="The campaign of the message it answers.")
    reference: str | None = Field(default=None, description="What you, or we, sent along with that message.")


class SmsStatus(StrEnum):
    """How far a message of yours has come."""

    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


type SettledBy = Annotated[
    Literal["report", "query", "callback", "person"] | None,
    Field(
        description="What told, where nobody knew at first: the provider's report, its answer to a question, a "
        "callback, or a person who decided. Null where the answer to the request told."
    ),
]


class SmsStatusUpdated(Data):
    """Something became known of an SMS of yours: a mobile-terminated message (MT)."""

    type: ClassVar[str] = "sms.status_updated"

    status: SmsStatus = Field(description="How far the message has come.")
    final: bool = Field(description="True where no other status is to be expected.")
    message_id: str | None = Field(default=None, description="The provider's id of the message.")
    to: str | None = Field(default=None, description="The recipient, E.164; null where it is not known or not valid.")
    provider_code: str | None = Field(default=None, description="The provider's own status or code, as it came.")
    provider_text: str | None = Field(default=None, description="The provider's own words for it.")
    cost: Money | None = Field(default=None, description="What it cost.")
    encoding: Literal["gsm-7", "ucs-2"] | None = Field(default=None, description="How the text is encoded.")
    segments: int | None = Field(default=None, description="How many segments (SMS parts) the text takes.")
    mcc: str | None = Field(default=None, description="Mobile country code of the recipient's network.")
    mnc: str | None = Field(default=None, description="Mobile network code of the recipient's network.")
    campaign: str | None = Field(default=None, description="The campaign it was sent in.")
    reference: str | None = Field(default=None, description="What you, or we, sent along with the message.")
    settled_by: SettledBy = None


class TopUpStatus(StrEnum):
    """How far a top-up of yours has come."""

    RECEIVED = "received"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class TopUpStatusUpdated(Data):
    """Something became known of an airtime top-up of yours."""

    type: ClassVar[str] = "top_up.status_updated"

    status: TopUpStatus = Field(description="How far the top-up has come.")
    final: bool = Field(description="True where no other status is to be expected.")
    transaction_id: str | None = Field(default=None, description="The provider's id of the top-up.")
    to: str | None = Field(default=None, description="The number topped up, E.164; null where not known or not valid.")
    amount: Money | None = Field(default=None, description="What was asked for.")
    cost: Money | None = Field(default=None, description="What it cost.")
    provider_code: str | None = Field(default=None, description="The provider's own status or code, as it came.")
    provider_text: str | None = Field(default=None, description="The provider's own words for it.")
    unconfirmed: list[str] = Field(
        default_factory=list,
        description="Fields taken from the address of a callback, which its signature does not cover.",
    )
    settled_by: SettledBy = None


class CarrierLookedUp(Data):
    """The answer to a `look_up_carrier`."""

    type: ClassVar[str] = "carrier.looked_up"

    number: str = Field(description="The number asked for, E.164.")
    carrier: str | None = Field(default=None, description="The carrier's name.")
    carrier_id: str | None = Field(default=None, description="The provider's id of the carrier.")
    mcc: str | None = Field(default=None, description="Mobile country code.")
    mnc: str | None = Field(default=None, description="Mobile network code.")
    number_type: Literal["mobile", "fixed", "other"] | None = Field(default=None, description="What the number is.")
    ported: bool | None = Field(default=None, description="Whether the number was ported; null where it is not said.")
    ported_at: AwareDatetime | None = Field(default=None, description="When it was ported.")
    cost: Money | None = Field(default=None, description="What the look-up cost.")


class BalanceReported(Data):
    """The answer to a `get_balance`."""

    type: ClassVar[str] = "balance.reported"

    balance: Money = Field(description="What is left. Without a currency it is counted in `unit`.")
    unit: Literal["money", "credits"] = Field(description="What the amount counts.")


class TopUpReportRow(Model):
    """One top-up of a report."""

    transaction_id: str = Field(description="The provider's id of the top-up.")
    to: str | None = Field(description="The number topped up, E.164; null where it is not valid.")
    amount: Money = Field(description="What was asked for.")
    cost: Money | None = Field(default=None, description="What it cost.")
    provider_code: str | None = Field(default=None, description="The provider's own status, as it came.")
    provider_text: str | None = Field(default=None, description="The provider's own words.")
    carrier_id: str | None = Field(default=None, description="The provider's id of the carrier.")
    occurred_at: AwareDatetime | None = Field(default=None, description="When it was asked for.")
    updated_at: AwareDatetime | None = Field(default=None, description="When its status last changed.")


class TopUpReportCompleted(Data):
    """The answer to a `get_top_up_report`."""

    type: ClassVar[str] = "top_up_report.completed"

    first_day: str = Field(description="The first day of the report, in the account's time zone.")
    last_day: str = Field(description="The last day of the report, itself included.")
    count: int = Field(description="How many top-ups there are.")
    rows: list[TopUpReportRow] | None = Field(description="The top-ups; null where they are too many: see `rows_url`.")
    complete: bool = Field(default=True, description="False where the provider has rows that could not be read.")
    rows_url: str | None = Field(
        default=None,
        description="Where the rows are when they are too many: `s3://<bucket>/<key>`, an object of JSON lines.",
    )


class AccountStopped(Data):
    """An account of yours was stopped: what costs money waits until somebody lets it go on."""

    type: ClassVar[str] = "account.stopped"

    why: str = Field(description="The reason, `no_funds` or `payment_required` where the provider gave it.")
    who: str = Field(description="`provider`, or the person who stopped it.")


class AccountResumed(Data):
    """An account of yours goes on: what waited is done."""

    type: ClassVar[str] = "account.resumed"

    why: str = Field(description="The reason that was given.")
    who: str = Field(description="The person who let it go on.")


class CommandRejected(Data):
    """A command that was not taken: nothing was asked of the provider."""

    type: ClassVar[str] = "command.rejected"

    command_id: str | None = Field(description="The command's `id`; null where it could not be read.")
    command: str | None = Field(description="Which command it was; null where it could not be read.")
    field: str | None = Field(description="The field that was wrong; null where it is the whole command.")
    problem: str = Field(description="What was wrong with it.")


class CallbackUnrecognised(Data):
    """A callback that the provider did sign but that has no shape we know: all of it is in `provider_data`."""

    type: ClassVar[str] = "callback.unrecognised"

    kind: str = Field(description="Which of the provider's callbacks it came as.")
    problem: str = Field(description="What was missing or different.")


DATA_TYPES: tuple[type[Data], ...] = (
    SmsReceived,
    SmsStatusUpdated,
    TopUpStatusUpdated,
    CarrierLookedUp,
    BalanceReported,
    TopUpReportCompleted,
    AccountStopped,
    AccountResumed,
    CommandRejected,
    CallbackUnrecognised,
)
"""Every type of event, in the order of the documentation."""


class Happening(NamedTuple):
    """What a normaliser makes of a fact: an event but for what the envelope adds.

    Attributes:
        data: the event's data.
        occurred_at: when it happened, as the provider says; None where it does not.
        links: what may tell which command it belongs to, most telling first: (kind, value), the kind being `token`
            (ours, sent along with the command) or `message_id` (the provider's).
    """

    data: Data
    occurred_at: datetime | None = None
    links: tuple[tuple[str, str], ...] = ()


class Event(Model):
    """An event as it stands in `detail` on the bus."""

    metadata: Metadata
    data: Data
    provider_data: dict[str, Any] = Field(description="The provider's own fields, secrets and signatures left out.")

    def detail(self) -> str:
        """Return the JSON text for the bus."""
        return self.model_dump_json(serialize_as_any=True)


def event_models(types: Iterable[type[Data]] = DATA_TYPES) -> dict[str, type[Event]]:
    """Make one model a type of event, for schemas and for readers of events: `sms.received` to its model."""
    return {data.type: _event_model(data) for data in types}


def _event_model(data: type[Data]) -> type[Event]:
    metadata = type(
        f"{data.__name__}Metadata",
        (Metadata,),
        {"__annotations__": {"type": Literal[data.type]}, "__doc__": Metadata.__doc__},
    )
    return type(
        f"{data.__name__}Event",
        (Event,),
        {"__annotations__": {"metadata": metadata, "data": data}, "__doc__": data.__doc__},
    )


class CallbackNormaliser(NamedTuple):
    """What a provider supplies to turn its verified callbacks into events: pure functions.

    Attributes:
        name: the provider's name, as `CallbackProvider` has it.
        read_fields: the provider's own fields, from a payload that its verifier made; signatures left out. These
            are the event's `provider_data`.
        normalise: what a callback says, from its kind, its fields and the settings kept with the entry. Raises
            `hookline.errors.UnrecognisedError` where the fields have no shape it knows.
    """

    name: str
    read_fields: Callable[[str], dict[str, Any]]
    normalise: Callable[[str, Mapping[str, Any], Mapping[str, str]], Happening]
