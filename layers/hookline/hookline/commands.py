"""The commands that Hookline takes: one model each, and what is said of a command that is not taken.

A command is the body of a message on a provider's command queue, the `detail` of a bus event of type
`command.requested`, or the payload of a direct invocation. The JSON Schemas in `schemas/commands/` are generated from
these models, and a test fails when they are stale.
"""

import hashlib
import json
import re
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

REQUESTED = "command.requested"
"""The `detail-type` of a bus event that carries a command."""

VERSION = "1.0"

MAX_BATCH_MESSAGES = 1000
MAX_TEXT = 10_000
TOKEN_LENGTH = 22
MAX_PLACE = 100
"""Characters of a field's place in a rejection: an unknown field's name is the caller's."""

_MONEY = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?", re.ASCII)
_DATE_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}", re.ASCII)


def _written_out(value: object) -> object:
    """Numbers would be read as seconds since 1970, and small slips as moments long ago."""
    if value is None or isinstance(value, datetime) or (isinstance(value, str) and _DATE_AND_TIME.match(value)):
        return value
    raise ValueError("must be a date and a time, for example 2026-11-22T10:00:00+02:00")


def _real(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day") from None
    return value


def _in_utc(value: datetime) -> datetime:
    """One moment is one content, whichever offset it was written with."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of every calendar") from None


type Id = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$",
        description="Chosen by you; it makes the command idempotent. The same id again is never done twice.",
        examples=["order-1001-confirmation"],
    ),
]
type BatchId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$",
        description="Chosen by you; it makes the batch idempotent. Its messages' ids begin with it.",
        examples=["newsletter-2026-11"],
    ),
]
type Number = Annotated[
    str, Field(max_length=32, description="A phone number with its country code.", examples=["+27725551234"])
]
type Text = Annotated[
    str, Field(max_length=MAX_TEXT, description="The message.", examples=["Your code is on its way."])
]
type Reference = Annotated[
    str | None, Field(max_length=200, description="Anything of yours; it comes back in every event of this command.")
]
type Campaign = Annotated[str | None, Field(max_length=100, description="The provider's campaign, for its reports.")]
type Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_real)]
type MoneyAmount = Annotated[
    Decimal,
    Field(gt=0, max_digits=12, decimal_places=2),
    WithJsonSchema({"type": "string", "pattern": f"^{_MONEY.pattern}$", "examples": ["20.00"]}),
]
type SendAt = Annotated[
    Annotated[AwareDatetime, AfterValidator(_in_utc)] | None,
    BeforeValidator(_written_out),
    Field(description="Send then, and not now: ISO 8601 with an offset, in the future."),
]


class Part(BaseModel):
    """What every command has in common: a field that is not known is refused, so that a slip is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Show neither a number nor a text, wherever a command is printed."""
        return [(name, value) for name, value in super().__repr_args__() if name in {"id", "account"}]


class BaseCommand(Part):
    """What every command carries."""

    kind: ClassVar[str]
    repeatable: ClassVar[bool] = False
    """Whether the provider may be asked again when nobody knows what became of it: true of questions only."""
    costs: ClassVar[bool] = False
    """Whether the provider takes money for it: what a stopped account does not do."""

    id: Id
    account: str = Field(max_length=63, description="Our name of the account that does it.", examples=["acme-za"])
    version: Literal["1.0"] = Field(default="1.0", description="The version of this command's shape.")
    reference: Reference = None
    provider: Literal["zoom_connect", "zorya"] | None = Field(
        default=None, description="Whose account it is. A command on the bus says it, so that a rule can route it."
    )

    @property
    def token(self) -> str:
        """What stands for this command at a provider: short, the same for the same id."""
        return command_token(self.id)

    @property
    def digest(self) -> str:
        """Tells whether two commands of one id ask for the same, whichever way they came in.

        Defaults are left out, so that a field which a later version adds changes no older command's digest.
        """
        asked = self.model_dump(mode="json", exclude_defaults=True, exclude={"provider"})
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


class SendSms(BaseCommand):
    """Send one SMS."""

    kind: ClassVar[str] = "send_sms"
    costs: ClassVar[bool] = True

    command: Literal["send_sms"]
    to: Number
    text: Text
    sender: str | None = Field(default=None, max_length=20, description="Alphanumeric sender or short code (Zorya).")
    campaign: Campaign = None
    flash: StrictBool = Field(default=False, description="Show it at once and keep it nowhere (Zorya).")
    send_at: SendAt = None


class BatchMessage(Part):
    """One message of a batch. It becomes a `send_sms` of its own."""

    id: Id | None = Field(default=None, description="Its own id; `<batch id>/<position from 1>` where there is none.")
    to: Number
    text: Text | None = Field(default=None, description="Its own text, where it is not the batch's.")
    reference: Reference = None


class SendSmsBatch(BaseCommand):
    """Send many SMS. Each message keeps its own id, outcome and events."""

    kind: ClassVar[str] = "send_sms_batch"
    costs: ClassVar[bool] = True

    command: Literal["send_sms_batch"]
    id: BatchId
    messages: list[BatchMessage] = Field(min_length=1, max_length=MAX_BATCH_MESSAGES)
    text: Text | None = Field(default=None, description="The text of every message that has none of its own.")
    sender: str | None = Field(default=None, max_length=20, description="Alphanumeric sender or short code (Zorya).")
    campaign: Campaign = None
    flash: StrictBool = Field(default=False, description="Show it at once and keep it nowhere (Zorya).")
    send_at: SendAt = None

    @field_validator("messages")
    @classmethod
    def _ids_differ(cls, messages: list[BatchMessage], info: ValidationInfo) -> list[BatchMessage]:
        ids = Counter(message.id or f"{info.data.get('id')}/{at}" for at, message in enumerate(messages, start=1))
        if len(ids) < len(messages):
            raise ValueError("two messages must not have the same id")
        return messages

    def split(self) -> "list[SendSms]":
        """Make the `send_sms` of each message."""
        return [
            SendSms(
                command="send_sms",
                id=message.id or f"{self.id}/{position}",
                account=self.account,
                reference=message.reference or self.reference,
                to=message.to,
                text=message.text if message.text is not None else self.text or "",
                sender=self.sender,
                campaign=self.campaign,
                flash=self.flash,
                send_at=self.send_at,
            )
            for position, message in enumerate(self.messages, start=1)
        ]


class TopUp(BaseCommand):
    """Put airtime or a package on a number (Zorya)."""

    kind: ClassVar[str] = "top_up"
    costs: ClassVar[bool] = True

    command: Literal["top_up"]
    to: Number
    amount: MoneyAmount | None = Field(default=None, description="How much; not with a campaign.")
    product: str | None = Field(default=None, max_length=20, description="A ZCode of Table 3, for example TELTA.")
    campaign: Campaign = None

    @field_validator("amount", mode="before")
    @classmethod
    def _no_floats(cls, value: object) -> object:
        if isinstance(value, float | bool) or (isinstance(value, str) and not _MONEY.fullmatch(value)):
            raise ValueError('money is a decimal text, for example "20.00", never a JSON float')
        return value


class LookUpCarrier(BaseCommand):
    """Ask which carrier a number belongs to (Zorya)."""

    kind: ClassVar[str] = "look_up_carrier"
    repeatable: ClassVar[bool] = True
    costs: ClassVar[bool] = True

    command: Literal["look_up_carrier"]
    number: Number


class GetMessageStatus(BaseCommand):
    """Ask what became of a message (Zorya)."""

    kind: ClassVar[str] = "get_message_status"
    repeatable: ClassVar[bool] = True

    command: Literal["get_message_status"]
    message_id: str = Field(min_length=1, max_length=100, description="The provider's id of the message.")


class GetBalance(BaseCommand):
    """Ask what is left on an account."""

    kind: ClassVar[str] = "get_balance"
    repeatable: ClassVar[bool] = True

    command: Literal["get_balance"]


class GetTopUpReport(BaseCommand):
    """Ask for the top-ups of a period (Zorya)."""

    kind: ClassVar[str] = "get_top_up_report"
    repeatable: ClassVar[bool] = True

    command: Literal["get_top_up_report"]
    first_day: Day = Field(description="In the account's time zone.")
    last_day: Day = Field(description="The day itself is in the report.")


class Cancel(BaseCommand):
    """Take back a command that still waits for its `send_at`."""

    kind: ClassVar[str] = "cancel"
    repeatable: ClassVar[bool] = True

    command: Literal["cancel"]
    command_id: Id = Field(description="The id of the command to take back.")


type Command = SendSms | SendSmsBatch | TopUp | LookUpCarrier | GetMessageStatus | GetBalance | GetTopUpReport | Cancel

COMMAND_TYPES: tuple[type[BaseCommand], ...] = (
    SendSms,
    SendSmsBatch,
    TopUp,
    LookUpCarrier,
    GetMessageStatus,
    GetBalance,
    GetTopUpReport,
    Cancel,
)
"""Every command, in the order of the documentation."""


class Rejection(Exception):  # noqa: N818  # what is said of a command, raised where it is found
    """A command that is not taken.

    Args:
        field: the field that is wrong, as it stands in the command; "" where it is the whole.
        problem: what is wrong with it, in words for the caller, without its value.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


def _kind(value: object) -> str | None:
    return value.get("command") if isinstance(value, Mapping) else getattr(value, "command", None)


_ADAPTER: TypeAdapter[Command] = TypeAdapter(
    Annotated[
        Annotated[SendSms, Tag("send_sms")]
        | Annotated[SendSmsBatch, Tag("send_sms_batch")]
        | Annotated[TopUp, Tag("top_up")]
        | Annotated[LookUpCarrier, Tag("look_up_carrier")]
        | Annotated[GetMessageStatus, Tag("get_message_status")]
        | Annotated[GetBalance, Tag("get_balance")]
        | Annotated[GetTopUpReport, Tag("get_top_up_report")]
        | Annotated[Cancel, Tag("cancel")],
        Discriminator(_kind),
    ]
)


def read_command(document: object) -> Command:
    """Read a command.

    Args:
        document: the JSON value, already parsed.

    Raises:
        Rejection: it can't be understood: names the first field that is wrong.
    """
    if not isinstance(document, Mapping):
        raise Rejection("", "a command is a JSON object")
    if not isinstance(document.get("command"), str):
        raise Rejection("command", f"must say which command it is: {_names()}")
    try:
        return _ADAPTER.validate_python(document)
    except ValidationError as error:
        raise _rejection(error) from None


def parse_command(text: str) -> Command:
    """Read a command from JSON text.

    Raises:
        Rejection: it can't be understood: names the first field that is wrong.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Rejection("", "a command is a JSON object, and this is not JSON") from None
    return read_command(document)


def command_token(command_id: str) -> str:
    """Make what stands for a command at a provider and in the journal's keys: 22 characters of base64url."""
    return urlsafe_b64encode(hashlib.sha256(command_id.encode()).digest())[:TOKEN_LENGTH].decode()


def _rejection(error: ValidationError) -> Rejection:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "union_tag_invalid":
        return Rejection("command", f"there is no such command; there are: {_names()}")
    place = ".".join(str(step) for step in first["loc"][1:])[:MAX_PLACE]  # the first step is the command's name
    return Rejection(place, first["msg"].removeprefix("Value error, "))


def _names() -> str:
    return ", ".join(command.kind for command in COMMAND_TYPES)


def command_schemas() -> dict[str, dict[str, Any]]:
    """Make the JSON Schema of every command, by its name: what stands in `schemas/commands/<name>.json`."""
    return {
        command.kind: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:hookline:command:{command.kind}:{VERSION}",
            **command.model_json_schema(),
        }
        for command in COMMAND_TYPES
    }
