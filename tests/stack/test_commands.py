"""The command line against a stack that runs."""

import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from hookline_cli import commands, local, output
from hookline_cli.stack import Stack
from tests.cli.commands import Said, call
from tests.redaction import Kind, kinds_in
from tests.samples import NEWER_SECRET, SECRET
from tests.stack.conftest import INSTANCE
from tests.stack.inbox import EVENT_SECONDS, Inbox, of_account, of_message
from tests.stack.provider import Provider, message_id, new_account

type Hookline = Callable[..., Said]


@pytest.fixture
def hookline(stack: Stack, capsys: pytest.CaptureFixture[str]) -> Hookline:  # noqa: ARG001  # it has to run
    """Run a command for the stack that runs here; whatever it says holds no secret."""

    def run(*arguments: str, stdin: str = "", where: str = INSTANCE) -> Said:
        said = call(capsys, *arguments, "--stack", where, stdin=stdin)
        assert kinds_in(said.out + said.err, [Kind.SECRET]) == set()
        return said

    return run


def json_of(said: Said) -> Any:
    assert (said.code, said.err) == (0, "")
    return json.loads(said.out)


def simulate(hookline: Hookline, *arguments: str) -> list[int]:
    """Send a callback as the command line does; return how it was answered."""
    return [answer["status"] for answer in json_of(hookline("simulate", "zoom-connect", *arguments, "--json"))]


def test_status_tells_a_script_what_it_needs(hookline: Hookline, stack: Stack) -> None:
    said = json_of(hookline("status", "--json"))
    assert stack.local is not None
    assert said["outputs"] == dict(stack.outputs)
    assert said["endpoint_url"] == stack.local.endpoint
    assert said["region"] == said["environment"]["AWS_REGION"]
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"} <= said["environment"].keys()
    assert said["subscription_queue_url"] == stack.outputs["SubscriptionQueueUrl"]
    url = urlsplit(said["api_url"])  # curl resolves it by itself, as browsers do
    assert (url.scheme, url.port) == ("http", stack.local.port)
    assert str(url.hostname).endswith(".execute-api.localhost")


def test_status_tells_a_person_where_things_are(hookline: Hookline, stack: Stack) -> None:
    said = hookline("status")
    assert said.code == 0
    assert stack.outputs["ApiId"] in said.out


def as_on_aws(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line find the stack by CloudFormation, with what is in the environment, as one on AWS."""
    assert stack.local is not None
    for name, value in stack.local.environment.items():
        monkeypatch.setenv(name, value)


def test_a_stack_is_found_by_its_name_as_on_aws(
    hookline: Hookline, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_on_aws(stack, monkeypatch)
    said = json_of(hookline("status", "--json", where=stack.name))
    assert said["api_url"] == stack.outputs["ApiUrl"]
    assert (said["endpoint_url"], said["environment"]) == (None, {})
    assert isinstance(json_of(hookline("accounts", "list", "--json", where=stack.name)), list)


def test_a_stack_that_is_not_there_is_said_so(
    hookline: Hookline, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_on_aws(stack, monkeypatch)
    for command in (["status"], ["accounts", "list"], ["events", "tail", "--seconds", "1"]):
        said = hookline(*command, where="hookline-nowhere")
        assert said.code == 1
        assert said.words.startswith("hookline: there is no stack hookline-nowhere here: is the region right?")
        assert said.out == ""


def test_an_account_is_added_shown_rotated_and_retired(hookline: Hookline) -> None:
    name = f"test-{uuid.uuid4().hex[:12]}"
    added = hookline("accounts", "add", name, "--provider", "zoom-connect", "--set", "clock_skew=45", stdin=SECRET)
    assert added.code == 0
    assert f"/zoom-connect/{name}/delivery-report" in added.out
    assert name in json_of(hookline("accounts", "list", "--json"))
    assert hookline("accounts", "rotate-secret", name, stdin=NEWER_SECRET).code == 0
    shown = json_of(hookline("accounts", "show", name, "--json"))
    assert (shown["signing_secrets"], shown["settings"]) == ("2 live", {"clock_skew": 45})
    assert hookline("accounts", "retire-secret", name).code == 0
    assert json_of(hookline("accounts", "show", name, "--json"))["signing_secrets"] == "1 live"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("accounts", "show", "nobody"), "there is no account nobody"),
        (("accounts", "rotate-secret", "nobody"), "there is no account nobody"),
        (("accounts", "retire-secret", "nobody"), "there is no account nobody"),
        (("simulate", "zoom-connect", "reply", "--account", "nobody"), "there is no account nobody"),
        (("event", "receive_zoom_connect", "reply", "--account", "nobody"), "there is no account nobody"),
        (("accounts", "add", "x", "--provider", "pigeon"), "provider: must be one of"),
        (("accounts", "add", "x", "--provider", "zoom-connect", "--set", "zone=UTC"), "settings.zone: there is no"),
        (("accounts", "add", "x", "--provider", "zoom-connect", "--set", "timezone=X"), "settings.timezone: must be"),
        (("accounts", "add", "X", "--provider", "zoom-connect"), "'X' can't be an account's name"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(hookline: Hookline, arguments: tuple[str, ...], words: str) -> None:
    said = hookline(*arguments, stdin=SECRET)
    assert said.code == 1
    assert said.words.startswith(f"hookline: {words}")
    assert said.out == ""


def test_a_simulated_reply_becomes_an_event(hookline: Hookline, stack: Stack, inbox: Inbox) -> None:
    account = new_account(stack).account
    given = ("--from", "27825550100", "--message", "Yes [please] ✓", "--set", "campaign=spring", "--set", "a=b=c")
    assert simulate(hookline, "reply", "--account", account, *given) == [200]
    [event] = inbox.wait(of_account(account))
    assert event["detail"]["data"]["text"] == "Yes [please] ✓"
    assert event["detail"]["data"]["from"] == "+27825550100"
    assert event["detail"]["data"]["campaign"] == "spring"
    assert event["detail"]["provider_data"]["a"] == "b=c"


def test_a_simulated_delivery_report_becomes_an_event(hookline: Hookline, provider: Provider, inbox: Inbox) -> None:
    of = uuid.uuid4().hex[:24]
    given = ("--account", provider.account, "--status", "FAILED", "--message-id", of)
    assert simulate(hookline, "delivery-report", *given) == [200]
    [event] = inbox.wait(of_message(of))
    assert (event["detail-type"], event["detail"]["data"]["status"]) == ("sms.status_updated", "failed")


@pytest.mark.parametrize(("option", "answers"), [("--tamper", [401]), ("--expired", [401]), ("--replay", [200, 200])])
@pytest.mark.parametrize("kind", ["reply", "delivery-report"])
def test_what_should_be_refused_or_repeated_can_be_simulated(
    hookline: Hookline, provider: Provider, kind: str, option: str, answers: list[int]
) -> None:
    assert simulate(hookline, kind, "--account", provider.account, option) == answers


@pytest.mark.shows_events("it prints samples of callbacks")
def test_a_sample_signed_with_the_accounts_secret_is_taken(hookline: Hookline, provider: Provider) -> None:
    for name in ("reply", "delivery-report"):
        event = json_of(hookline("event", "receive_zoom_connect", name, "--account", provider.account))
        assert provider.post(event).status == 200


@pytest.mark.shows_events("it shows the events of the subscription queue")
def test_events_are_shown_as_they_come_by_type_and_account(
    hookline: Hookline, stack: Stack, inbox: Inbox, settle: Callable[[], None]
) -> None:
    provider = new_account(stack)
    settle()
    reply, report = provider.callback("reply"), provider.callback("delivery_report")
    assert provider.insist(report)[-1] == provider.insist(reply)[-1] == 200
    assert local.wait_for(lambda: commands.count(stack, stack.outputs["SubscriptionQueueUrl"]) == 2, EVENT_SECONDS)
    options = ("--type", "sms.received", "--account", provider.account, "--seconds", "4")
    said = hookline("events", "tail", *options, "--json")
    assert (said.code, said.err) == (0, "")
    shown = [json.loads(line) for line in said.out.splitlines()]
    assert [event["data"]["message_id"] for event in shown] == [message_id(reply)]
    assert len(inbox.wait(of_message(message_id(report)), seconds=5)) == 1, "it was left out, and given back"
    assert inbox.now(of_message(message_id(reply))) == []


@pytest.mark.shows_events("it shows the events of a queue of its own")
def test_events_are_seen_from_now_on_and_the_subscription_queue_keeps_them(
    hookline: Hookline, stack: Stack, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = new_account(stack)
    earlier, reply, report = (provider.callback(kind) for kind in ("reply", "reply", "delivery_report"))
    assert provider.insist(earlier)[-1] == 200
    assert inbox.wait(of_message(message_id(earlier)))
    monkeypatch.setattr(output, "progress", lambda _words: [provider.insist(it) for it in (report, reply)])
    options = ("--keep", "--type", "sms.received", "--account", provider.account, "--seconds", "8")
    said = hookline("events", "tail", *options, "--json")
    assert (said.code, said.err) == (0, "")
    shown = [json.loads(line) for line in said.out.splitlines()]
    assert [event["data"]["message_id"] for event in shown] == [message_id(reply)]
    assert len(inbox.wait(of_account(provider.account), 3)) == 3
    rules = stack.events.list_rules(EventBusName=stack.outputs["BusName"])["Rules"]
    assert [rule["Name"] for rule in rules if "-tail-" in rule["Name"]] == []
    assert not stack.sqs.list_queues(QueueNamePrefix="hookline-local-tail").get("QueueUrls")


def test_dead_letters_are_counted(hookline: Hookline) -> None:
    assert {"publish", "events"} <= json_of(hookline("dead-letters", "list", "--json")).keys()
