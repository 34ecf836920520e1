"""The `hookline` command."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from hookline_cli import accounts, callbacks, demo, emulator, local, output, project, subscriber
from hookline_cli.errors import CommandError
from hookline_cli.stack import LOCAL, Stack, find

app = typer.Typer(
    help="Operate Hookline: the local stack of this checkout, or with --stack a stack on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
accounts_app = typer.Typer(
    help="Accounts at providers: add, show, list, rotate. Never prints a secret.", no_args_is_help=True
)
events_app = typer.Typer(help="Events as a subscriber gets them.", no_args_is_help=True)
simulate_app = typer.Typer(help="Send a callback as a provider would.", no_args_is_help=True)
simulate_zoom_connect = typer.Typer(help="Send a callback as Zoom Connect would.", no_args_is_help=True)
app.add_typer(accounts_app, name="accounts")
app.add_typer(events_app, name="events")
app.add_typer(simulate_app, name="simulate")
simulate_app.add_typer(simulate_zoom_connect, name="zoom-connect")

StackOption = Annotated[
    str, typer.Option("--stack", envvar="HOOKLINE_STACK", help="`local`, or the name of a CloudFormation stack on AWS.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
AccountOption = Annotated[str, typer.Option("--account", help="The account that it is for.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Any field of the provider's, NAME=VALUE; repeatable.")
]


def run() -> None:
    """Run the command line: errors that a person can act on are shown in words, without a traceback."""
    try:
        app()
    except CommandError as error:
        output.err.print(f"[red]hookline:[/red] {error}", highlight=False)
        sys.exit(1)
    except (ClientError, BotoCoreError) as error:
        output.err.print(f"[red]hookline:[/red] AWS refused: {error}", highlight=False)
        sys.exit(1)


@app.command()
def up(instance: Annotated[str, typer.Option(help="Which local stack.")] = LOCAL) -> None:
    """Bring the local stack up, or up to date with the checkout.

    Example: `hookline up`
    """
    stack = local.up(instance, output.progress)
    demo.seed(stack)
    _show(stack)


@app.command()
def down(instance: Annotated[str, typer.Option(help="Which local stack.")] = LOCAL) -> None:
    """Stop the local stack; its data is gone.

    Example: `hookline down`
    """
    print("stopped" if local.down(instance) else "it was not running")


@app.command()
def status(stack: StackOption = LOCAL, as_json: JsonOption = False) -> None:
    """Say where a stack's endpoints, queues and credentials are.

    Example: `hookline status --json | jq -r .api_url`
    """
    found = find(stack)
    if as_json:
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
    print("built" if project.build(local.PARAMETERS) else "what was built before still holds")


@app.command()
def deploy(
    stage: Annotated[str, typer.Argument(help="A configuration of samconfig.toml: dev or prod.")] = "dev",
) -> None:
    """Build for AWS and deploy there, with the credentials that are set.

    Example: `hookline deploy dev`
    """
    output.progress("building for AWS (sam build)")
    project.build(into=project.BUILD_FOR_AWS)
    output.progress("deploying (sam deploy)")
    project.sam("deploy", "--config-env", stage, "--template", str(project.BUILD_FOR_AWS / "template.yaml"), shown=True)


@simulate_zoom_connect.command("reply")
def simulate_reply(
    account: AccountOption = demo.ACCOUNT,
    sender: Annotated[str | None, typer.Option("--from", help="Who replies: an MSISDN.")] = None,
    message: Annotated[str | None, typer.Option(help="The text.")] = None,
    fields: SetOption = None,
    tamper: Annotated[bool, typer.Option("--tamper", help="Change a parameter after signing: 401.")] = False,
    expired: Annotated[bool, typer.Option("--expired", help="Sign with a nonce-date that has passed: 401.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Send it twice: 200 both times, one event.")] = False,
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
    account: AccountOption = demo.ACCOUNT,
    status: Annotated[str | None, typer.Option(help="SCHEDULED, SENT, DELIVERED, FAILED, …")] = None,
    message_id: Annotated[str | None, typer.Option(help="The provider's id of the message.")] = None,
    fields: SetOption = None,
    tamper: Annotated[bool, typer.Option("--tamper", help="Change a parameter after signing: 401.")] = False,
    expired: Annotated[bool, typer.Option("--expired", help="Sign with a nonce-date that has passed: 401.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Send it twice: 200 both times, one event.")] = False,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Send a delivery report as Zoom Connect would.

    Example: `hookline simulate zoom-connect delivery-report --status FAILED --message-id 124567`
    """
    given = _fields({"status": status, "messageId": message_id}, fields)
    _simulate(stack, account, "delivery-report", given, tamper=tamper, expired=expired, replay=replay, as_json=as_json)


def _simulate(
    name: str,
    account: str,
    kind: str,
    given: dict[str, str],
    *,
    tamper: bool,
    expired: bool,
    replay: bool,
    as_json: bool,
) -> None:
    stack = find(name)
    document = accounts.read(stack, account)
    callback = callbacks.zoom_connect_callback(
        account,
        document,
        kind,
        {**callbacks.sample_fields(kind), **given},
        now=time.time(),
        tamper=tamper,
        expired=expired,
    )
    answers = [callback.send(stack) for _ in range(2 if replay else 1)]
    if as_json:
        output.print_json([{"status": answer.status_code, "body": answer.text} for answer in answers])
    else:
        for answer in answers:
            print(f"{answer.status_code} {callbacks.read_answer(answer)}".rstrip())


@app.command()
def event(
    function: Annotated[str, typer.Argument(help="A folder of events/, for example receive_zoom_connect.")],
    case: Annotated[str, typer.Argument(help="A sample in it, for example reply.")],
    account: AccountOption = demo.ACCOUNT,
    secret: Annotated[
        str | None,
        typer.Option(help="Sign with this secret instead of the account's.", envvar="HOOKLINE_SIGNING_SECRET"),
    ] = None,
    stack: StackOption = LOCAL,
) -> None:
    """Print a sample event, signed afresh where it is a callback: a signed sample is stale by nature.

    Example: `hookline event receive_zoom_connect reply | sam local invoke ReceiveZoomConnect -e -`
    """
    path = project.ROOT / "events" / function / f"{case}.json"
    if not path.exists():
        there = sorted(str(p.relative_to(path.parents[1]).with_suffix("")) for p in path.parents[1].rglob("*.json"))
        raise CommandError(f"there is no sample {function} {case}; there are: {', '.join(there)}")
    sample = json.loads(path.read_text())
    if function.startswith("receive_"):
        document = (
            {"provider": "zoom_connect", "signing_secrets": [secret]} if secret else accounts.read(find(stack), account)
        )
        sample = callbacks.signed_sample(sample, account, document, now=time.time())
    output.print_json(sample)


@events_app.command("tail")
def events_tail(
    of_type: Annotated[str | None, typer.Option("--type", help="Only this type, for example sms.received.")] = None,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave them in the queue for its other readers.")] = False,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    stack: StackOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Print events as they come. It reads the default subscription queue: what it shows is taken off it.

    Example: `hookline events tail --type sms.received --account demo-za`
    """
    found = find(stack)
    deadline = time.monotonic() + seconds if seconds is not None else None
    while deadline is None or time.monotonic() < deadline:
        for item in subscriber.receive(found, wait_seconds=1, remove=not keep):
            metadata = item["metadata"]
            if (of_type and metadata["type"] != of_type) or (account and metadata["account"] != account):
                continue
            if as_json:
                print(output.compact(item), flush=True)
            else:
                print(f"{metadata['recorded_at']} {metadata['type']} {metadata['account']}", flush=True)
                print(f"  {output.compact(item['data'])}", flush=True)


@accounts_app.command("add")
def accounts_add(
    name: Annotated[str, typer.Argument(help="Our name for it, for example acme-za.")],
    provider: Annotated[str, typer.Option(help="zoom-connect or zorya.")],
    settings: SetOption = None,
    document: Annotated[
        Path | None, typer.Option(help="The whole account as a JSON file (- for standard input) instead.")
    ] = None,
    stack: StackOption = LOCAL,
) -> None:
    """Add an account. Its signing secret is asked for, or read from standard input where that is no terminal.

    Example: `hookline accounts add acme-za --provider zoom-connect --set clock_skew=60 < secret.txt`
    """
    if document is not None:
        made = _read_document(document)
    else:
        made = {
            "provider": provider.replace("-", "_"),
            "signing_secrets": [_ask_secret()],
            "settings": {key: _value(value) for key, value in _pairs(settings).items()},
        }
    found = find(stack)
    accounts.add(found, name, made)
    print(f"added {name}. Its endpoints:")
    for path in callbacks.endpoints(made["provider"], name):
        print(f"  {found.api_url}{path}")


@accounts_app.command("show")
def accounts_show(name: str, stack: StackOption = LOCAL, as_json: JsonOption = False) -> None:
    """Show an account, without its secrets.

    Example: `hookline accounts show acme-za`
    """
    found = find(stack)
    shown = accounts.shown(accounts.read(found, name))
    shown["endpoints"] = [found.api_url + path for path in callbacks.endpoints(str(shown["provider"]), name)]
    if as_json:
        output.print_json(shown)
    else:
        output.print_table(name, ("what", "is"), shown.items())


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
def accounts_rotate(name: str, stack: StackOption = LOCAL) -> None:
    """Put a new signing secret in front; the one before stays live until it is retired. No deployment is needed.

    Example: `hookline accounts rotate-secret acme-za < new-secret.txt`
    """
    found = find(stack)
    accounts.rotate(found, name, _ask_secret())
    print(f"{name} has a new secret; both verify. Once the provider signs with it: accounts retire-secret {name}")


@accounts_app.command("retire-secret")
def accounts_retire(name: str, stack: StackOption = LOCAL) -> None:
    """Take the older of two live signing secrets away; running copies forget it within a minute.

    Example: `hookline accounts retire-secret acme-za`
    """
    accounts.retire(find(stack), name)
    print(f"{name} has one live secret again")


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
        rows += [("log", emulator.folder(stack.local.instance) / "emulator.log")]
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


def _value(text: str) -> object:
    """Read a setting's value: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _ask_secret() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("signing secret", hide_input=True)).strip()
    secret = sys.stdin.readline().strip()
    if not secret:
        raise CommandError("no signing secret came on standard input")
    return secret


def _read_document(path: Path) -> accounts.Document:
    try:
        document = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text())
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None
    except ValueError:
        raise CommandError(f"{path} is not JSON") from None
    if not isinstance(document, dict):
        raise CommandError(f"{path} does not hold a JSON object")
    return document
