"""Calling a provider: requests out with its access token, answers in, and what they mean. Never more than asked for."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx

from hookline.commands import BaseCommand
from hookline.errors import JournalUnavailableError
from hookline.outcomes import Answer, Call, MayHaveBeenSent, NotSent, Outcome, Refused, outcome_of_error
from hookline.sending import PlannedCall, SendingAccount, SendingProvider
from hookline.telemetry import Telemetry

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer that are read."""

type TokenOf = "Callable[[SendingAccount[Any], bool], str | Outcome]"


class _AnswerTooLargeError(Exception):
    """Whoever asks for less gets an answer that can be read."""


class Caller:
    """Calls one provider.

    Args:
        provider: its data and pure functions.
        http: sends requests; its timeouts are explicit.
        telemetry: says what happened.
        token: the access token of an account, or an outcome that says why there is none; renewed when asked to.
            Raises JournalUnavailableError.
    """

    def __init__(
        self,
        provider: SendingProvider,
        http: httpx.Client,
        telemetry: Telemetry,
        token: TokenOf = lambda _account, _renew: "",
    ) -> None:
        self._provider = provider
        self._http = http
        self._telemetry = telemetry
        self._token = token

    def session(self, account: "SendingAccount[Any]") -> "Session | NotSent":
        """Begin calls for an account; or say why there is no access token for now: then no call is worth a claim.

        Raises:
            JournalUnavailableError: nobody knows whether there is one.
        """
        token = self._token(account, False)
        return Session(self, account, token) if isinstance(token, str) else _no_token(token)

    def renewed(self, account: "SendingAccount[Any]") -> str | NotSent:
        """Return another token, since the provider did not accept the last one. Never raises."""
        try:
            token = self._token(account, True)
        except JournalUnavailableError as error:
            return NotSent(str(error))
        return token if isinstance(token, str) else _no_token(token)

    def request(
        self, commands: Sequence[BaseCommand], account: "SendingAccount[Any]", token: str
    ) -> Iterator[tuple[tuple[BaseCommand, ...], list[Outcome]]]:
        """Make the calls that do commands, and say of each call which they were and what became of them."""
        for planned in self._provider.plan(commands, account, token):
            yield planned.commands, self._request(planned, account)

    def _request(self, planned: PlannedCall, account: "SendingAccount[Any]") -> list[Outcome]:
        try:
            answer = self._answer_to(planned.call)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._count(type(error).__name__)
            return [outcome_of_error(error)] * len(planned.commands)
        except _AnswerTooLargeError:
            self._count("too_large")
            return [_too_large(command) for command in planned.commands]
        self._count(f"{answer.status // 100}xx")
        return self._provider.read(planned.commands, account, answer)

    def _answer_to(self, call: Call) -> Answer:
        headers = dict(call.headers)
        with self._http.stream(call.method, call.url, headers=headers, content=call.content) as response:
            parts: list[bytes] = []
            size = 0
            for part in response.iter_bytes():
                size += len(part)
                if size > MAX_ANSWER:
                    raise _AnswerTooLargeError
                parts.append(part)
        return Answer(response.status_code, response.headers, b"".join(parts))

    def _count(self, result: str) -> None:
        self._telemetry.count("provider_calls", dimensions={"provider": self._provider.name, "result": result})


class Session:
    """Calls for one account, one after the other, with a token that is renewed where the provider wants another.

    Args:
        caller: makes the calls.
        account: whose.
        token: its access token.
    """

    def __init__(self, caller: Caller, account: "SendingAccount[Any]", token: str) -> None:
        self._caller = caller
        self._account = account
        self._token = token

    def outcomes(self, commands: Sequence[BaseCommand]) -> Iterator[tuple[BaseCommand, Outcome]]:
        """Do commands, and say what became of each. Never raises.

        Where the provider does not accept the token nothing was done: the call is made once more, with another.
        """
        for of_call, outcomes in self._caller.request(commands, self._account, self._token):
            if any(isinstance(outcome, NotSent) and outcome.renew_token for outcome in outcomes):
                newer = self._caller.renewed(self._account)
                if isinstance(newer, str):
                    self._token = newer
                    for again, said in self._caller.request(of_call, self._account, newer):
                        yield from zip(again, said, strict=True)
                else:
                    yield from ((command, newer) for command in of_call)
                continue
            yield from zip(of_call, outcomes, strict=True)


def _no_token(outcome: Outcome) -> NotSent:
    return outcome if isinstance(outcome, NotSent) else NotSent(getattr(outcome, "why", "no_token"))


def _too_large(command: BaseCommand) -> Outcome:
    if command.repeatable:
        text = f"the answer is larger than {MAX_ANSWER // 1024**2} MiB: ask for less"
        return Refused("answer_too_large", text, {})
    return MayHaveBeenSent("answer_too_large")
