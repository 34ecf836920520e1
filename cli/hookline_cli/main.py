"""The `hookline` command."""

import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.progress import Progress

from hookline import sms
from hookline.command_journal import FINAL, NEWS, State
from hookline.providers.zorya.tables import MT_STATUSES
from hookline_cli import (
    accounts,
    batches,
    callbacks,
    commands,
    demo,
    docs,
    emulator,
    local,
    output,
    people,
    processes,
    project,
    reports,
    schemas,
    settling,
    subscriber,
    top_ups,
)
from hookline_cli.errors import CommandError
from hookline_cli.samples import signed_sample
from hookline_cli.stack import LOCAL, Stack, find

app = typer.Typer(
    help="Operate Hookline: the local stack of this checkout, or with --stack a stack on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
accounts_app = typer.Typer(
    help="Accounts at providers: add, show, list, change. Never prints a secret.", no_args_is_help=True
)
events_app = typer.Typer(help="Events as a subscriber gets them.", no_args_is_help=True)
simulate_app = typer.Typer(help="Send a callback as a provider would.", no_args_is_help=True)
simulate_zoom_connect = typer.Typer(help="Send a callback as Zoom Connect would.", no_args_is_help=True)
simulate_zorya = typer.Typer(help="Send a callback as Zorya would.", no_args_is_help=True)
commands_app = typer.Typer(help="Commands that were given.", no_args_is_help=True)
dead_letters_app = typer.Typer(help="What nobody could decide: look, and put it back to work.", no_args_is_help=True)
app.add_typer(commands_app, name="commands")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(accounts_app, name="accounts")
app.add_typer(events_app, name="events")
app.add_typer(simulate_app, name="simulate")
simulate_app.add_typer(simulate_zoom_connect, name="zoom-connect")
simulate_app.add_typer(simulate_zorya, name="zorya")

MAX_SHOWN = 20
"""Lines of a file that are named, where more are wrong."""

ZOOM_ACCOUNT = demo.account_of("zoom_connect")
ZORYA_ACCOUNT = demo.account_of("zorya")

StackOption = Annotated[
    str, typer.Option("--stack", envvar="HOOKLINE_STACK", help="`local`, or the name of a CloudFormation stack on AWS.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
AccountOption = Annotated[str, typer.Option("--account", help="The account that it is for.")]
TamperOption = Annotated[bool, typer.Option("--tamper", help="Change it after signing: 401.")]
ExpiredOption = Annotated[bool, typer.Option("--expired", help="Let it have expired: 401.")]
ReplayOption = Annotated[bool, typer.Option("--replay", help="Send it twice: 200 both times, one event.")]
IdOption = Annotated[str | None, typer.Option("--id", help="The command's id: the same again is not done twice.")]
WhoOption = Annotated[
    str | None, typer.Option("--who", help="Who does it; else the ARN that AWS knows you by, or user@host.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Any field of the provider's, NAME=VALUE; repeatable.")
]


def run() -> None:
    """Run the command line: errors that a person can act on are shown in words, without a traceback."""
    try:
        app()
    except CommandError as error:
        output.complain(str(error))
        sys.exit(1)
    except (ClientError, BotoCoreError) as error:
        output.complain(f"AWS refused: {error}")
        sys.exit(1)


@app.command()
def up(instance: Annotated[str, typer.Option(help="Which local stack.")] = LOCAL, as_json: JsonOption = False) -> None:
    """Bring the local stack up, or up to date with the checkout.

    Example: `hookline up`
    """
    stack = local.up(instance, output.progress)
    if as_json:
        output.print_json(_status(stack))
    else:
        _show(stack)


@app.command()
def down(
    instance: Annotated[str, typer.Option(help="Which local stack.")] = LOCAL, as_json: JsonOption = False
) -> None:
    """Stop the local stack; its data is gone.

    Example: `hookline down`
    """
    stopped = local.down(instance)
    if as_json:
        output.print_json({"instance": instance, "stopped": stopped})
    else:
        print("stopped" if stopped else "it was not running")


@app.command()
def status(
    message_id: Annotated[
        str | None, typer.Argument(help="The provider's id of a message: ask the provider what became of it.")
    ] = None,
    account: AccountOption = ZORYA_ACCOUNT,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Say where a stack's endpoints, queues and credentials are; or ask a provider for a message's status.

    Example: `hookline status --json | jq -r .api_url`
    """
    found = find(stack)
    if message_id is not None:
        facts = _ask(found, _command("get_message_status", account, None, {"message_id": message_id}), as_json=as_json)
        if not as_json:
            _show_facts(message_id, facts)
    elif as_json:
        output.print_json(_status(found))
    else:
        _show(found)


@app.command("demo")
def run_demo() -> None:
    """Show the whole path on a stack of its own, and stop it again: exit 0 only if all is as it should be.

    Example: `hookline demo`
    """
    instance = "demo"
    try:
        rows = demo.run(local.up(instance, output.progress))
    finally:
        output.progress("stopping the emulator")
        local.down(instance)
    output.print_table(
        "Hookline, from a signed request to an event in a subscriber's queue",
        ("what went in", "answered", "what came out", "as it should be"),
        [
            (row.step.title, row.answered, ", ".join(row.came_out) or "nothing", "yes" if row.right else "NO")
            for row in rows
        ],
    )
    if not all(row.right for row in rows):
        raise CommandError("not everything is as it should be: see the table")


@app.command()
def build() -> None:
    """Build what will be deployed into .aws-sam/build, for this machine.

    Example: `hookline build && sam local invoke ReceiveZoomConnect`
    """
    with project.alone():
        built = project.build(local.PARAMETERS)
    print("built" if built else "what was built before still holds")


@app.command()
def deploy(
    stage: Annotated[str, typer.Argument(help="A configuration of samconfig.toml: dev or prod.")] = "dev",
) -> None:
    """Build for AWS and deploy there, with the credentials that are set.

    Example: `hookline deploy dev`
    """
    with project.alone():
        output.progress("building for AWS (sam build)")
        project.build(into=project.BUILD_FOR_AWS)
        output.progress("deploying (sam deploy)")
        # SAM looks for samconfig.toml beside the template that it is given, which is the built one.
        config, built = project.ROOT / "samconfig.toml", project.BUILD_FOR_AWS / "template.yaml"
        project.sam("deploy", "--config-file", str(config), "--config-env", stage, "--template", str(built), shown=True)


@simulate_zoom_connect.command("reply")
def simulate_reply(
    account: AccountOption = ZOOM_ACCOUNT,
    sender: Annotated[str | None, typer.Option("--from", help="Who replies: an MSISDN.")] = None,
    message: Annotated[str | None, typer.Option(help="The text.")] = None,
    fields: SetOption = None,
    tamper: TamperOption = False,
    expired: ExpiredOption = False,
    replay: ReplayOption = False,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Send a reply as Zoom Connect would.

    Example: `hookline simulate zoom-connect reply --from 27725551234 --message "Yes" --set campaign=spring`
    """
    given = _fields({"from": sender, "message": message}, fields)
    _simulate(stack, account, "reply", given, tamper=tamper, expired=expired, replay=replay, as_json=as_json)


@simulate_zoom_connect.command("delivery-report")
def simulate_delivery_report(
    account: AccountOption = ZOOM_ACCOUNT,
    status: Annotated[str | None, typer.Option(help="SCHEDULED, SENT, DELIVERED, FAILED, …")] = None,
    message_id: Annotated[str | None, typer.Option(help="The provider's id of the message.")] = None,
    fields: SetOption = None,
    tamper: TamperOption = False,
    expired: ExpiredOption = False,
    replay: ReplayOption = False,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Send a delivery report as Zoom Connect would.

    Example: `hookline simulate zoom-connect delivery-report --status FAILED --message-id 124567`
    """
    given = _fields({"status": status, "messageId": message_id}, fields)
    _simulate(stack, account, "delivery-report", given, tamper=tamper, expired=expired, replay=replay, as_json=as_json)


@simulate_zorya.command("mo")
def simulate_mo(
    account: AccountOption = ZORYA_ACCOUNT,
    sender: Annotated[str | None, typer.Option("--from", help="Who sends: an MSISDN.")] = None,
    message: Annotated[str | None, typer.Option(help="The text.")] = None,
    fields: SetOption = None,
    tamper: TamperOption = False,
    expired: ExpiredOption = False,
    replay: ReplayOption = False,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Send an MO as Zorya would. A value of `--set` is JSON where it can be, else text.

    Example: `hookline simulate zorya mo --from 525545891076 --message Hola`
    """
    given = _claims({"msisdn": sender, "message": message}, fields)
    _simulate(stack, account, "mo", given, tamper=tamper, expired=expired, replay=replay, as_json=as_json)


@simulate_zorya.command("mt")
def simulate_mt(
    account: AccountOption = ZORYA_ACCOUNT,
    code: Annotated[int | None, typer.Option(help="Table 4: 200 sent, 201 delivered, -208 failed.")] = None,
    transaction: Annotated[str | None, typer.Option("--tx-id", help="The provider's id of the message.")] = None,
    fields: SetOption = None,
    tamper: TamperOption = False,
    expired: ExpiredOption = False,
    replay: ReplayOption = False,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Send an MT status as Zorya would. A value of `--set` is JSON where it can be, else text.

    Example: `hookline simulate zorya mt --code=-208 --set response=null`
    """
    given = _claims({"txID": transaction}, fields)
    if code is not None:
        words = MT_STATUSES[str(code)].description if str(code) in MT_STATUSES else ""
        given = {"code": code, "message": words, **given}
    _simulate(stack, account, "mt", given, tamper=tamper, expired=expired, replay=replay, as_json=as_json)


@simulate_zorya.command("push-status")
def simulate_push_status(
    account: AccountOption = ZORYA_ACCOUNT,
    status: Annotated[str | None, typer.Option(help="Table 2: 103 successful, -105 invalid, …")] = None,
    transaction: Annotated[str | None, typer.Option("--tx-id", help="The provider's id of the top-up.")] = None,
    fields: SetOption = None,
    tamper: TamperOption = False,
    expired: ExpiredOption = False,
    replay: ReplayOption = False,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Send a top-up's status as Zorya would. A value of `--set` is JSON where it can be, else text.

    Example: `hookline simulate zorya push-status --status=-105`
    """
    given = _claims({"status": status, "txID": transaction}, fields)
    _simulate(stack, account, "push-status", given, tamper=tamper, expired=expired, replay=replay, as_json=as_json)


def _simulate(  # what can be asked of a callback, each by name
    name: str,
    account: str,
    kind: str,
    given: dict[str, Any],
    *,
    tamper: bool,
    expired: bool,
    replay: bool,
    as_json: bool,
) -> None:
    stack = find(name)
    document = accounts.usable(stack, account)
    speaker = callbacks.SPEAKERS[document["provider"]]
    if kind not in speaker.kinds:
        raise CommandError(
            f"{account} is an account at {document['provider']}, which sends: {', '.join(speaker.kinds)}"
        )
    fields = {**speaker.fields(kind), **given}
    try:
        callback = speaker.make(account, document, kind, fields, now=time.time(), tamper=tamper, expired=expired)
    except UnicodeEncodeError:
        raise CommandError("a field is no text in Unicode: the provider could not send it") from None
    answers = [callback.send(stack) for _ in range(2 if replay else 1)]
    if as_json:
        output.print_json([{"status": answer.status_code, "body": answer.text} for answer in answers])
    else:
        for answer in answers:
            print(f"{answer.status_code} {callbacks.read_answer(answer)}".rstrip())


@app.command()
def send(
    to: Annotated[str, typer.Argument(help="The recipient, with the country code.")],
    text: Annotated[str, typer.Argument(help="The message.")],
    account: AccountOption = ZOOM_ACCOUNT,
    command_id: IdOption = None,
    reference: Annotated[str | None, typer.Option(help="Comes back in every event of this message.")] = None,
    campaign: Annotated[str | None, typer.Option(help="The provider's campaign.")] = None,
    sender: Annotated[str | None, typer.Option(help="Who it is from: alphanumeric, or a short code (Zorya).")] = None,
    flash: Annotated[bool, typer.Option("--flash", help="Show it at once and keep it nowhere (Zorya).")] = False,
    send_at: Annotated[str | None, typer.Option(help="When: ISO 8601 with an offset.")] = None,
    seconds: Annotated[float, typer.Option(help="Wait so long for what becomes of it.")] = 30,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Send one SMS: put the command on the queue, and say what became of it. Exit 0 only if the provider has it.

    Example: `hookline send +27725551234 "Your code is on its way." --id order-1001`
    """
    given = {"reference": reference, "campaign": campaign, "sender": sender, "flash": flash or None, "send_at": send_at}
    document = _command("send_sms", account, command_id, {"to": to, "text": text, **given})
    found = find(stack)
    outlet = commands.submit(found, document)
    shown = commands.follow(found, outlet, document["id"], seconds)
    _say(shown, as_json=as_json)
    _check_that_it_was_done(shown)


@app.command("top-up")
def top_up(
    number: Annotated[str, typer.Argument(help="Whom to top up, with the country code.")],
    amount: Annotated[
        str | None, typer.Argument(help="How much, for example 20 or 20.50; not with a campaign.")
    ] = None,
    account: AccountOption = ZORYA_ACCOUNT,
    product: Annotated[str | None, typer.Option(help="A ZCode of Table 3, for example TELTA.")] = None,
    campaign: Annotated[str | None, typer.Option(help="The provider's campaign, which says how much.")] = None,
    command_id: IdOption = None,
    reference: Annotated[str | None, typer.Option(help="Comes back in every event of this top-up.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before the money is spent.")] = False,
    seconds: Annotated[float, typer.Option(help="Wait so long for what becomes of it.")] = 60,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Put airtime or a package on a number: asks first, and says what became of it. Exit 0 only if it succeeded.

    Where nobody knows whether the money was spent, it is never sent again: Hookline finds out by asking.

    Example: `hookline top-up +525545891076 20 --account acme-mx --id order-1001-airtime`
    """
    given = {"amount": amount, "product": product, "campaign": campaign, "reference": reference}
    document = _command("top_up", account, command_id, {"to": number, **given})
    shown = top_ups.do(find(stack), document, seconds, yes=yes)
    _say(shown, as_json=as_json)
    if shown["state"] != State.SUCCEEDED:
        raise CommandError(top_ups.explain(shown))
    if not as_json and not shown["outcome"].get("facts", {}).get("final"):
        print("The provider took it on. Whether the carrier did it comes as an event.")


@app.command()
def lookup(
    number: Annotated[str, typer.Argument(help="The number, with its country code.")],
    account: AccountOption = ZORYA_ACCOUNT,
    command_id: IdOption = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Ask which carrier a number belongs to. The provider takes money for the answer.

    Example: `hookline lookup +525545891076 --account acme-mx`
    """
    found = find(stack)
    facts = _ask(found, _command("look_up_carrier", account, command_id, {"number": number}), as_json=as_json)
    if not as_json:
        _show_facts(number, facts)


@app.command()
def report(
    first_day: Annotated[str, typer.Argument(help="The first day, in the account's time zone: 2026-11-01.")],
    last_day: Annotated[str, typer.Argument(help="The last day, itself in the report.")],
    account: AccountOption = ZORYA_ACCOUNT,
    out: Annotated[Path | None, typer.Option("--out", help="Save the rows here too, as JSON lines.")] = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Ask a provider for the top-ups of some days.

    Example: `hookline report 2026-11-01 2026-11-30 --account acme-mx --out november.jsonl`
    """
    found = find(stack)
    days = {"first_day": first_day, "last_day": last_day}
    facts = _ask(found, _command("get_top_up_report", account, None, days), as_json=as_json)
    if out is not None:
        reports.save(found, facts, out)
    if as_json:
        return
    if facts.get("rows"):
        rows = reports.table_of(facts["rows"])
        output.print_table(f"Top-ups from {first_day} to {last_day}", tuple(reports.COLUMNS.values()), rows)
    said = "1 top-up" if facts["count"] == 1 else f"{facts['count']} top-ups"
    if facts.get("rows_url"):
        said += f"; the rows are in {facts['rows_url']}, as JSON lines" + (" (--out FILE saves them)" * (out is None))
    print(said if facts.get("complete", True) else f"{said}; there are more, which could not be read")


@app.command()
def batch(
    file: Annotated[Path, typer.Argument(help="A CSV file: to, text, and if you like id, reference.")],
    account: AccountOption = ZOOM_ACCOUNT,
    name: Annotated[str | None, typer.Option(help="The batch's name; the file's where there is none.")] = None,
    send_at: Annotated[str | None, typer.Option(help="When: ISO 8601 with an offset.")] = None,
    seconds: Annotated[float, typer.Option(help="Wait so long for what becomes of all of them.")] = 600,
    skip: Annotated[bool, typer.Option("--skip", help="Leave out lines that can't be sent.")] = False,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Send many SMS. Run it again after an interruption: nothing is sent twice.

    Where a line can't be sent, nothing is, unless `--skip` is given.

    Example: `hookline batch customers.csv --account acme-za`
    """
    called = batches.batch_name(file, name)
    lines = batches.read_batch(file, called)
    found = find(stack)
    outlet = commands.find_outlet(found, account)
    known = commands.read_entries(found, [line.message["id"] for line in lines])
    problems = batches.find_problems(lines, outlet, send_at, known)
    if problems and not skip:
        raise CommandError(_unsendable(problems))
    bad = {problem.line for problem in problems}
    messages = [line.message for line in lines if line.number not in bad]
    ids = [message["id"] for message in messages]
    with Progress(console=output.err, disable=as_json) as bar:
        task = bar.add_task("sending", total=len(ids))
        new = [message for message in messages if message["id"] not in known]
        for document in batches.batch_commands(new, called, account, send_at):
            commands.put(found, outlet, document)
        states = commands.wait(found, ids, seconds, lambda done: bar.update(task, completed=done), until=NEWS)
    summary = {"messages": len(ids), "begun_before": len(ids) - len(new), **Counter(states.values())}
    if problems:
        summary["left_out"] = len(bad)
    if as_json:
        output.print_json(summary)
    else:
        output.print_table(called, ("what", "messages"), summary.items())
    if summary.get("waiting"):
        raise CommandError(
            "not all are done: run it again to go on, and see the events for commands that were rejected"
        )


@app.command()
def balance(account: AccountOption = ZOOM_ACCOUNT, stack: StackOption = LOCAL, as_json: JsonOption = False) -> None:
    """Ask a provider what is left on an account.

    Example: `hookline balance --account acme-za`
    """
    facts = _ask(find(stack), _command("get_balance", account, None, {}), as_json=as_json)
    if not as_json:
        print(f"{facts['balance']['amount']} {facts['balance'].get('currency') or facts['unit']}")


@app.command()
def cancel(
    command_id: Annotated[str, typer.Argument(help="The id of the command to take back.")],
    account: Annotated[str | None, typer.Option("--account", help="Whose it is; else as the journal says.")] = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Take back a command that still waits for its `send_at`.

    Example: `hookline cancel order-1001-reminder`
    """
    found = find(stack)
    whose = account or str(commands.show(found, command_id)["account"])
    _ask(found, _command("cancel", whose, None, {"command_id": command_id}), as_json=as_json)
    if not as_json:
        print(f"{command_id} is taken back: it will not be done")


@app.command()
def settle(
    command_id: Annotated[str | None, typer.Argument(help="A command's id; else all of which nobody knows.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Only this account's commands.")] = None,
    decision: Annotated[
        str | None, typer.Option("--as", help="Decide it yourself: succeeded or failed. Look at the provider's first.")
    ] = None,
    why: Annotated[str | None, typer.Option(help="Your reason, which is kept with the command.")] = None,
    who: WhoOption = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Ask the provider now what became of commands of which nobody knows; or decide on one. Nothing is done again.

    Example: `hookline settle order-1001-airtime --as succeeded --why "it is on their invoice of November"`
    """
    found = find(stack)
    if command_id is None:
        if decision is not None or why is not None or who is not None:
            raise CommandError("--as, --why and --who decide on one command: name its id")
        _settle_accounts(found, [account] if account else settling.find_accounts(found), as_json=as_json)
        return
    if account is not None:
        raise CommandError("--account is for all of an account's commands: name it, or a command's id, not both")
    if decision is not None:
        if why is None:
            raise CommandError("--why: a decision needs its reason")
        said = settling.decide(found, command_id, decision, people.name_caller(found, who), why)
    elif why is not None or who is not None:
        raise CommandError("--why and --who go with a decision: --as succeeded or --as failed")
    else:
        said = settling.ask_one(found, command_id)
    _say({"id": command_id, **said}, as_json=as_json)
    if said["state"] not in FINAL - {State.UNKNOWN}:
        raise CommandError(f"{commands.say(said)}. It is not settled yet")


def _settle_accounts(stack: Stack, names: Sequence[str], *, as_json: bool) -> None:
    counts = {name: settling.ask_all(stack, name) for name in names}
    if as_json:
        output.print_json(counts)
    else:
        rows = [(name, count["open"], count["settled"]) for name, count in counts.items()]
        output.print_table("Commands of which nobody knew", ("account", "there were", "settled now"), rows)


@commands_app.command("show")
def commands_show(
    command_id: Annotated[str, typer.Argument(help="The command's id.")],
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Say what is known of a command.

    Example: `hookline commands show order-1001`
    """
    _say(commands.show(find(stack), command_id), as_json=as_json)


@dead_letters_app.command("list")
def dead_letters_list(stack: StackOption = LOCAL, as_json: JsonOption = False) -> None:
    """Count what is in each dead-letter queue.

    Example: `hookline dead-letters list`
    """
    found = find(stack)
    counts = {name: commands.count(found, url) for name, (url, _) in commands.dead_letter_queues(found).items()}
    if as_json:
        output.print_json(counts)
    else:
        output.print_table("Dead-letter queues", ("queue", "messages"), counts.items())


@dead_letters_app.command("redrive")
def dead_letters_redrive(
    queue: Annotated[str, typer.Argument(help="As `dead-letters list` names it.")],
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Put every message of a dead-letter queue back to work, once what was wrong is mended.

    Example: `hookline dead-letters redrive publish`
    """
    found = find(stack)
    queues = commands.dead_letter_queues(found)
    if queue not in queues:
        raise CommandError(f"there is no dead-letter queue {queue}; there are: {', '.join(queues)}")
    moved = commands.move(found, *queues[queue])
    if as_json:
        output.print_json({"queue": queue, "put_back": moved})
    else:
        print(f"{moved} put back to work")


sms_app = typer.Typer(help="SMS arithmetic.", no_args_is_help=True)
app.add_typer(sms_app, name="sms")


@sms_app.command("count")
def sms_count(text: Annotated[str, typer.Argument(help="The message.")], as_json: JsonOption = False) -> None:
    """Say how many segments a text takes, and why.

    Example: `hookline sms count "¿Qué tal?"`
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise CommandError("that is no text in Unicode: nobody could send it")
    counted = sms.count(text)
    if as_json:
        output.print_json(counted._asdict())
    else:
        why = f", because of {' '.join(counted.not_gsm)}" if counted.not_gsm else ""
        segments = "1 segment" if counted.segments == 1 else f"{counted.segments} segments"
        print(f"{segments}, {counted.units} units in {counted.encoding}{why}")


@app.command("schemas")
def write_schemas() -> None:
    """Write the JSON Schemas of events and commands into schemas/, from the models.

    Example: `hookline schemas`
    """
    print(f"{schemas.write()} schemas written")


@app.command("docs")
def write_docs() -> None:
    """Write the generated parts of the documentation, from the models.

    Example: `hookline docs`
    """
    print("written" if docs.write_all() else "they are up to date")


@app.command()
def event(
    function: Annotated[str, typer.Argument(help="A folder of events/, for example receive_zoom_connect.")],
    case: Annotated[str, typer.Argument(help="A sample in it, for example reply.")],
    account: Annotated[str | None, typer.Option(help="The account that it is for; else the demonstration's.")] = None,
    secret: Annotated[
        str | None,
        typer.Option(help="Sign with this secret instead of the account's.", envvar="HOOKLINE_SIGNING_SECRET"),
    ] = None,
    stack: StackOption = LOCAL,
) -> None:
    """Print a sample event, signed afresh where it is a callback: a signed sample is stale by nature.

    Example: `hookline event receive_zoom_connect reply | sam local invoke ReceiveZoomConnect -e -`
    """
    folder = project.ROOT / "events"
    path = folder / function / f"{case}.json"
    if not path.exists():
        there = sorted(str(it.relative_to(folder).with_suffix("")) for it in folder.rglob("*.json"))
        raise CommandError(f"there is no sample {function} {case}; there are: {', '.join(there)}")
    sample = json.loads(path.read_text())
    if function.startswith("receive_"):
        provider = function.removeprefix("receive_")
        named = account or demo.account_of(provider)
        document = (
            {"provider": provider, "signing_secrets": [secret]} if secret else accounts.usable(find(stack), named)
        )
        if document["provider"] != provider:
            raise CommandError(f"{named} is an account at {document['provider']}: name one at {provider} (--account)")
        sample = signed_sample(sample, named, document, now=time.time())
    output.print_json(sample)


@events_app.command("tail")
def events_tail(
    of_type: Annotated[str | None, typer.Option("--type", help="Only this type, for example sms.received.")] = None,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave the default queue alone: see events from now on, by a queue of its own."),
    ] = False,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Print events as they come: those that wait in the default subscription queue first.

    What it prints is taken off that queue. What `--type` and `--account` leave out is held, hidden from the queue's
    other readers, and given back when it ends; where it is killed, within five minutes.

    With `--keep` it does not touch that queue. It makes a queue and a rule for itself, and takes both away at its end.

    Example: `hookline events tail --type sms.received --account demo-za`
    """

    def wanted(item: subscriber.Event) -> bool:
        metadata = item["metadata"]
        return of_type in {None, metadata["type"]} and account in {None, metadata["account"]}

    def show(item: subscriber.Event) -> None:
        if as_json:
            print(output.compact(item), flush=True)
        else:
            metadata = item["metadata"]
            print(f"{metadata['recorded_at']} {metadata['type']} {metadata['account']}", flush=True)
            print(f"  {output.compact(item['data'])}", flush=True)

    found = find(stack)
    with subscriber.ending_in_order():
        if not keep:
            subscriber.tail(found, found.outputs["SubscriptionQueueUrl"], wanted, show, seconds)
            return
        with subscriber.own_queue(found, of_type, account) as url:
            output.progress("events from now on, until you press Ctrl-C" if seconds is None else "events from now on")
            subscriber.tail(found, url, wanted, show, seconds)


@accounts_app.command("add")
def accounts_add(
    name: Annotated[str, typer.Argument(help="Our name for it, for example acme-za.")],
    provider: Annotated[str, typer.Option(help="zoom-connect or zorya.")],
    settings: SetOption = None,
    document: Annotated[
        Path | None, typer.Option(help="The whole account as a JSON file (- for standard input) instead.")
    ] = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Add an account. Its signing secret is asked for, or read from standard input where that is no terminal.

    Example: `hookline accounts add acme-za --provider zoom-connect --set clock_skew=60 < secret.txt`
    """
    at = provider.replace("-", "_")
    if document is not None:
        made = _read_document(document)
        if made.get("provider", at) != at:
            raise CommandError(f"provider: the document says {made['provider']!r}, and --provider {provider!r}")
    else:
        made = {"provider": at, "signing_secrets": [_ask_secret()], "settings": _settings(settings)}
    found = find(stack)
    accounts.add(found, name, made)
    if as_json:
        output.print_json(_account(found, name, made))
        return
    print(f"added {name}. Its endpoints:")
    for path in callbacks.endpoints(made["provider"], name):
        print(f"  {found.api_url}{path}")
    if not made.get("credentials"):
        print(f"To send with it too: hookline accounts set-credentials {name}")


@accounts_app.command("set")
def accounts_set(
    name: str,
    settings: SetOption = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", help="A setting that gets its default back; repeatable.")
    ] = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Change an account's settings. A value is JSON where it can be, else text. No deployment is needed.

    Example: `hookline accounts set acme-za --set max_per_second=20 --unset clock_skew`
    """
    found = find(stack)
    if not settings and not unset:
        raise CommandError("there is nothing to change: say --set NAME=VALUE or --unset NAME")
    changed = accounts.change(found, name, _settings(settings), unset or [])
    _say_changed(found, name, changed, f"{name} is changed; running copies see it within a minute", as_json=as_json)


@accounts_app.command("set-credentials")
def accounts_set_credentials(name: str, stack: StackOption = LOCAL, as_json: JsonOption = False) -> None:
    """Give an account the credentials that it sends with. Those that are not given stay as they are.

    They are asked for, or read from standard input where that is no terminal: lines of NAME=VALUE, or a JSON object.

    Example: `hookline accounts set-credentials acme-za < credentials.txt`
    """
    found = find(stack)
    given = _ask_credentials(accounts.credentials_of(found, name))
    changed = accounts.set_credentials(found, name, given)
    _say_changed(found, name, changed, f"{name} has its credentials, and can send", as_json=as_json)


@accounts_app.command("show")
def accounts_show(name: str, stack: StackOption = LOCAL, as_json: JsonOption = False) -> None:
    """Show an account, without its secrets, and say whether it is stopped.

    Example: `hookline accounts show acme-za`
    """
    found = find(stack)
    document = accounts.usable(found, name)
    shown = _account(found, name, document)
    stop = accounts.find_stop(found, name, str(document["provider"]))
    shown["stopped"] = stop and {"why": stop.why, "since": stop.at, "by": stop.who}
    if as_json:
        output.print_json(shown)
    else:
        if stop is not None:
            shown["stopped"] = f"since {stop.at} by {stop.who}: {stop.why}"
        output.print_table(name, ("what", "is"), [(key, "no" if is_ is None else is_) for key, is_ in shown.items()])


@accounts_app.command("stop")
def accounts_stop(
    name: str,
    why: Annotated[str, typer.Option(help="The reason, without personal data: an event tells it.")],
    who: WhoOption = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Stop an account: its commands that cost money wait in their queue until it goes on.

    Example: `hookline accounts stop acme-mx --why "the invoice of November is in doubt"`
    """
    found = find(stack)
    changed = accounts.stop(found, name, why, people.name_caller(found, who))
    _say_stop(found, name, changed=changed, as_json=as_json)


@accounts_app.command("go-on")
def accounts_go_on(
    name: str,
    why: Annotated[str, typer.Option(help="The reason, without personal data: an event tells it.")] = "by hand",
    who: WhoOption = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Let an account go on that was stopped, by a person or for want of money: what waits is done within minutes.

    Example: `hookline accounts go-on acme-mx --why "money is there again"`
    """
    found = find(stack)
    changed = accounts.go_on(found, name, why, people.name_caller(found, who))
    _say_stop(found, name, changed=changed, as_json=as_json)


def _say_stop(stack: Stack, name: str, *, changed: bool, as_json: bool) -> None:
    stop = accounts.find_stop(stack, name, str(accounts.read(stack, name).get("provider")))
    if as_json:
        since = stop and {"why": stop.why, "since": stop.at, "by": stop.who}
        output.print_json({"account": name, "changed": changed, "stopped": since})
    elif stop is None:
        print(f"{name} goes on" if changed else f"{name} is not stopped: nothing is changed")
    else:
        print(f"{name} is stopped{'' if changed else ' already'}, since {stop.at} by {stop.who}: {stop.why}")


@accounts_app.command("list")
def accounts_list(stack: StackOption = LOCAL, as_json: JsonOption = False) -> None:
    """List the accounts' names.

    Example: `hookline accounts list`
    """
    names = accounts.names(find(stack))
    if as_json:
        output.print_json(names)
    else:
        print("\n".join(names) or "there are none yet: `hookline accounts add --help`")


@accounts_app.command("rotate-secret")
def accounts_rotate(name: str, stack: StackOption = LOCAL, as_json: JsonOption = False) -> None:
    """Put a new signing secret in front; the one before stays live until it is retired. No deployment is needed.

    Example: `hookline accounts rotate-secret acme-za < new-secret.txt`
    """
    found = find(stack)
    words = f"{name} has a new secret; both verify. Once the provider signs with it: accounts retire-secret {name}"
    _say_changed(found, name, accounts.rotate(found, name, _ask_secret()), words, as_json=as_json)


@accounts_app.command("retire-secret")
def accounts_retire(name: str, stack: StackOption = LOCAL, as_json: JsonOption = False) -> None:
    """Take the older of two live signing secrets away; running copies forget it within a minute.

    Example: `hookline accounts retire-secret acme-za`
    """
    found = find(stack)
    _say_changed(found, name, accounts.retire(found, name), f"{name} has one live secret again", as_json=as_json)


def _status(stack: Stack) -> dict[str, object]:
    environment = stack.local.environment if stack.local else {}
    return {
        "stack": stack.name,
        "api_url": stack.api_url,
        "subscription_queue_url": stack.outputs["SubscriptionQueueUrl"],
        "region": stack.region,
        "endpoint_url": stack.local.endpoint if stack.local else None,
        "environment": environment,
        "outputs": dict(stack.outputs),
    }


def _show(stack: Stack) -> None:
    said = _status(stack)
    rows = [(key, said[key]) for key in ("stack", "api_url", "subscription_queue_url", "region", "endpoint_url")]
    if stack.local:
        rows += list(stack.local.environment.items())
        rows += [("log", processes.log_of(stack.local.instance, emulator.NAME))]
    output.print_table("Hookline", ("what", "is"), rows)


def _fields(named: dict[str, str | None], more: list[str] | None) -> dict[str, str]:
    return {**{name: value for name, value in named.items() if value is not None}, **_pairs(more)}


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = {}
    for item in given or []:
        name, equals, value = item.partition("=")
        if not equals:
            raise CommandError(f"--set takes NAME=VALUE, not {item!r}")
        pairs[name] = value
    return pairs


def _claims(named: dict[str, str | None], more: list[str] | None) -> dict[str, Any]:
    given = {name: value for name, value in named.items() if value is not None}
    return {**given, **{name: _value(value) for name, value in _pairs(more).items()}}


def _command(kind: str, account: str, command_id: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in fields.items() if value is not None}
    return {"command": kind, "id": command_id or f"cli/{uuid.uuid4().hex}", "account": account, **given}


def _ask(stack: Stack, document: dict[str, Any], *, as_json: bool) -> Mapping[str, Any]:
    """Ask a provider directly, and return the facts of its answer; print all of it where JSON is wanted."""
    said = commands.invoke(stack, document)
    if as_json:
        output.print_json(said)
    if said["state"] != State.SUCCEEDED:
        raise CommandError(commands.say(said))
    facts: Mapping[str, Any] = said["outcome"]["facts"]
    return facts


def _show_facts(title: str, facts: Mapping[str, Any]) -> None:
    output.print_table(title, ("what", "is"), [(name, reports.write_fact(value)) for name, value in facts.items()])


def _say(shown: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json(shown)
    else:
        rows = [(key, output.compact(value) if isinstance(value, dict) else value) for key, value in shown.items()]
        output.print_table(str(shown["id"]), ("what", "is"), rows)


def _check_that_it_was_done(shown: Mapping[str, Any]) -> None:
    """Let a command that was given end well only where it was done, or will be at its time.

    Raises:
        CommandError: it was not, or nobody knows yet; says which.
    """
    state, outcome = shown["state"], shown["outcome"]
    if state in {"succeeded", "scheduled"}:
        return
    look = f"look again with `hookline commands show {shown['id']}`"
    if state in {"waiting", "sending"}:
        raise CommandError(f"it is not sent yet, and waits for its turn: {look}")
    words = " ".join(str(outcome[key]) for key in ("code", "text", "why") if outcome.get(key))
    raise CommandError(f"it is {state}: {words or look}")


def _unsendable(problems: Sequence[batches.Problem]) -> str:
    shown = [f"  line {line}: {field} {reason}".replace(":  ", ": ") for line, field, reason in problems[:MAX_SHOWN]]
    more = [f"  and {len(problems) - MAX_SHOWN} more"] if len(problems) > MAX_SHOWN else []
    return "\n".join(["nothing is sent: mend these lines, or leave them out with --skip", *shown, *more])


def _value(text: str) -> object:
    """Read a setting's value: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _account(stack: Stack, name: str, document: accounts.Document) -> dict[str, Any]:
    """Give what of an account may be shown, with its endpoints."""
    endpoints = [stack.api_url + path for path in callbacks.endpoints(document["provider"], name)]
    return {**accounts.shown(document), "endpoints": endpoints}


def _say_changed(stack: Stack, name: str, document: accounts.Document, words: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json(_account(stack, name, document))
    else:
        print(words)


def _settings(given: list[str] | None) -> dict[str, Any]:
    return {key: _value(value) for key, value in _pairs(given).items()}


def _ask_credentials(names: Sequence[str]) -> dict[str, Any]:
    """Ask for credentials, or read those that come on standard input. No complaint quotes any of it."""
    if sys.stdin.isatty():
        return {name: str(typer.prompt(name, hide_input=True)) for name in names}
    try:
        lines = [line for line in sys.stdin.read().splitlines() if line.strip()]
        is_json = bool(lines) and lines[0].lstrip().startswith("{")
        read = json.loads("\n".join(lines)) if is_json else dict(line.split("=", 1) for line in lines)
    except ValueError:
        raise CommandError("what came on standard input is neither lines of NAME=VALUE nor a JSON object") from None
    if not read:
        raise CommandError(f"no credentials came on standard input: {' and '.join(names)} are needed")
    return {name.strip(): value for name, value in read.items()}


def _ask_secret() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("signing secret", hide_input=True)).strip()
    try:
        secret = sys.stdin.readline().strip()
    except UnicodeError:
        raise CommandError("what came on standard input is no text in UTF-8") from None
    if not secret:
        raise CommandError("no signing secret came on standard input")
    return secret


def _read_document(path: Path) -> accounts.Document:
    try:
        document = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None
    except ValueError:
        raise CommandError(f"{path} is not JSON") from None
    if not isinstance(document, dict):
        raise CommandError(f"{path} does not hold a JSON object")
    return document
