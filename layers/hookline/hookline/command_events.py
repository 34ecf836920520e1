"""From an entry of a command, or of an account, in the journal to the event that says what became of it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hookline import sms
from hookline.command_journal import State
from hookline.events import (
    AccountResumed,
    AccountStopped,
    BalanceReported,
    CarrierLookedUp,
    CommandRejected,
    Correlation,
    Data,
    Money,
    SmsStatus,
    SmsStatusUpdated,
    TopUpReportCompleted,
    TopUpStatus,
    TopUpStatusUpdated,
)
from hookline.stops import STOPPED

type Entry = Mapping[str, Any]


def data_of_command(entry: Entry) -> Data:
    """Say what became of a command.

    Args:
        entry: a command's entry whose state is one of `NEWS`, as plain values.
    """
    command = json.loads(entry["command"])
    outcome = json.loads(entry.get("outcome", "{}"))
    state = State(entry["state"])
    kind = entry["kind"]
    if kind == "send_sms" or (kind == "get_message_status" and state is State.SUCCEEDED):
        return _sms(entry, command, outcome, state)
    if kind == "top_up":
        return _top_up(command, outcome, state)
    if state is not State.SUCCEEDED:
        return CommandRejected(command_id=entry["command_id"], command=kind, field=None, problem=_problem(outcome))
    facts = outcome["facts"]
    if kind == "get_balance":
        return BalanceReported.model_validate(facts)
    if kind == "look_up_carrier":
        return CarrierLookedUp.model_validate({"number": command["number"], **facts})
    return TopUpReportCompleted.model_validate(
        {"first_day": command["first_day"], "last_day": command["last_day"], **facts}
    )


def data_of_rejection(entry: Entry) -> Data:
    """Say why a command was not taken."""
    named = json.loads(entry["command"])
    outcome = json.loads(entry["outcome"])
    return CommandRejected(
        command_id=named.get("id"),
        command=named.get("command"),
        field=outcome["field"] or None,
        problem=outcome["problem"],
    )


def data_of_account(entry: Entry) -> Data:
    """Say that an account was stopped, or goes on."""
    data = AccountStopped if entry["state"] == STOPPED else AccountResumed
    return data(why=entry["why"], who=entry["who"])


def correlation_of(entry: Entry) -> Correlation | None:
    """Say which command an entry belongs to: its own, where it is a command's."""
    command = json.loads(entry.get("command", "{}"))
    if "id" not in command:
        return None
    return Correlation(command_id=command["id"], reference=command.get("reference"))


def provider_data_of(entry: Entry) -> dict[str, Any]:
    """Give what the provider answered."""
    data: dict[str, Any] = json.loads(entry.get("outcome", "{}")).get("provider_data", {})
    return data


def _taken_on(entry: Entry, command: Mapping[str, Any]) -> SmsStatus:
    """What a provider took on before its `send_at` it keeps until then; what waited for it with us is on its way."""
    send_at = command.get("send_at")
    is_kept = send_at is not None and datetime.fromisoformat(send_at) > datetime.fromisoformat(entry["recorded_at"])
    return SmsStatus.SCHEDULED if is_kept else SmsStatus.ACCEPTED


def _sms(entry: Entry, command: Mapping[str, Any], outcome: Mapping[str, Any], state: State) -> SmsStatusUpdated:
    facts = outcome.get("facts", {})
    status, final = {
        State.SUCCEEDED: (_taken_on(entry, command), False),
        State.FAILED: (SmsStatus.REJECTED, True),
        State.UNKNOWN: (SmsStatus.UNKNOWN, False),
        State.SCHEDULED: (SmsStatus.SCHEDULED, False),
        State.CANCELLED: (SmsStatus.CANCELLED, True),
    }[state]
    count = sms.count(command["text"]) if "text" in command else None
    return SmsStatusUpdated(
        status=SmsStatus(facts.get("status", status)),
        final=facts.get("final", final),
        message_id=facts.get("message_id") or command.get("message_id"),
        to=facts.get("to") or command.get("to"),
        provider_code=outcome.get("code") or facts.get("provider_code"),
        provider_text=outcome.get("text") or outcome.get("why") or facts.get("provider_text"),
        cost=_money(facts.get("cost")),
        encoding=facts.get("encoding") or (count and count.encoding),
        segments=facts.get("segments") or (count and count.segments),
        mcc=facts.get("mcc"),
        mnc=facts.get("mnc"),
        campaign=command.get("campaign"),
        reference=command.get("reference"),
        settled_by=outcome.get("settled", {}).get("by"),
    )


def _top_up(command: Mapping[str, Any], outcome: Mapping[str, Any], state: State) -> TopUpStatusUpdated:
    facts = outcome.get("facts", {})
    status, final = {
        State.SUCCEEDED: (TopUpStatus.RECEIVED, False),
        State.FAILED: (TopUpStatus.REJECTED, True),
        State.UNKNOWN: (TopUpStatus.UNKNOWN, False),
    }[state]
    amount = facts.get("amount") or ({"amount": command["amount"]} if command.get("amount") else None)
    return TopUpStatusUpdated(
        status=TopUpStatus(facts.get("status", status)),
        final=facts.get("final", final),
        transaction_id=facts.get("transaction_id"),
        to=command.get("to"),
        amount=_money(amount),
        cost=_money(facts.get("cost")),
        provider_code=outcome.get("code") or facts.get("provider_code"),
        provider_text=outcome.get("text") or outcome.get("why") or facts.get("provider_text"),
        settled_by=outcome.get("settled", {}).get("by"),
    )


def _money(value: Mapping[str, Any] | None) -> Money | None:
    return Money.model_validate(value) if value else None


def _problem(outcome: Mapping[str, Any]) -> str:
    said = " ".join(part for part in (outcome.get("code"), outcome.get("text"), outcome.get("why")) if part)
    return f"the provider did not do it: {said}"
