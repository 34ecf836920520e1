"""The documentation says what there is: everything of it, and nothing else."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer.main
import yaml

from hookline.callbacks import CallbackProvider, Reason, Warned
from hookline.command_journal import FINAL, State
from hookline.commands import COMMAND_TYPES, REQUESTED, BaseCommand, SendSmsBatch, read_command
from hookline.events import DATA_TYPES, event_models
from hookline.journal import Written
from hookline.receive import _RESULTS_OF_ERRORS
from hookline_cli import demo, docs
from hookline_cli.callbacks import SPEAKERS
from hookline_cli.errors import CommandError
from hookline_cli.main import app
from hookline_cli.sending import SENDERS

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "tests/vectors", "benchmarks")
PAGES = {
    str(page.relative_to(ROOT)): page.read_text(encoding="utf-8")
    for page in sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
}
PROSE = {name: re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE) for name, text in PAGES.items()}
README, CONTRIBUTING = PAGES["README.md"], PAGES["CONTRIBUTING.md"]
OPERATING, EVENTS = PAGES["docs/operating.md"], PAGES["docs/events.md"]
COMMANDS_PAGE = PAGES["docs/commands.md"]
HELP = {"--help", "-h"}


class _Template(yaml.SafeLoader):
    """Reads a CloudFormation template; `!Ref x` and its like are read as what stands behind them."""


def _behind(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_Template.add_multi_constructor("!", _behind)
TEMPLATE: Mapping[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Template)  # noqa: S506  # it is safe
ALARMS = [name for name, it in TEMPLATE["Resources"].items() if it["Type"] == "AWS::CloudWatch::Alarm"]
DEAD_LETTERS = [name for name, it in TEMPLATE["Resources"].items() if name.endswith("DeadLetters")]
LOG_GROUPS = [
    it["Properties"]["LogGroupName"].replace("${Stage}", "<stage>")
    for it in TEMPLATE["Resources"].values()
    if it["Type"] == "AWS::Logs::LogGroup"
]


def commands(command: Any = None, path: tuple[str, ...] = ("hookline",)) -> Iterator[tuple[str, Any]]:
    """Yield every command of the command line that does something, by its whole name."""
    command = command or typer.main.get_command(app)
    inner = getattr(command, "commands", None)
    if not inner:
        yield " ".join(path), command
        return
    for name, below in inner.items():
        yield from commands(below, (*path, name))


COMMANDS = dict(commands())


def blocks(text: str, language: str) -> list[str]:
    """Return a page's code blocks of a language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)


def spans(text: str) -> list[str]:
    """Return what stands between backticks outside of a page's code blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE))


def row(text: str, first_cell: str) -> list[str]:
    """Return the cells of the row of a table whose first cell holds a code span, or none."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and f"`{first_cell}`" in cells[0]:
            return cells
    return []


def uses() -> Iterator[tuple[str, str]]:
    """Yield every use of the command line in the documentation, with its page."""
    for page, text in PAGES.items():
        lines = [line for shell in blocks(text, "sh") for line in shell.replace("\\\n", " ").splitlines()]
        found = [line[match.start() :] for line in lines for match in re.finditer(r"(?<![\w/.-])hookline [a-z]", line)]
        found += [span for span in spans(text) if re.match(r"hookline [a-z]", span)]
        yield from ((page, shlex.join(words_of(line))) for line in found)


def words_of(line: str) -> Iterator[str]:
    """Yield a command's words, up to where a pipe, a redirection or a bracket ends it."""
    reader = shlex.shlex(line, posix=True, punctuation_chars="|<>();&")
    reader.whitespace_split = True
    for word in reader:
        if word[0] in "|<>();&":
            return
        yield word


USES = sorted(set(uses()))


def made() -> Iterator[tuple[str, str]]:
    """Yield every target of make that the documentation names, with its page."""
    for page, text in PAGES.items():
        code = [*spans(text), *(line.strip() for shell in blocks(text, "sh") for line in shell.splitlines())]
        for piece in code:
            if piece.startswith("make "):
                yield from ((page, word) for word in piece.split()[1:] if "=" not in word)


def page_of(provider: CallbackProvider) -> str:
    return PAGES[f"docs/{provider.name.replace('_', '-')}.md"]


PROVIDERS = pytest.mark.parametrize("provider", [speaker.provider for speaker in SPEAKERS.values()], ids=SPEAKERS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_named(name: str) -> None:
    named = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    assert any(named.search(text) for text in PAGES.values())


@pytest.mark.parametrize(("page", "use"), USES)
def test_every_command_that_is_named_is_there_with_its_options(page: str, use: str) -> None:
    words = shlex.split(use)
    name = next((known for known in COMMANDS if words[: len(known.split())] == known.split()), None)
    if name is None:
        group = " ".join(words)
        assert any(known.startswith(f"{group} ") for known in COMMANDS), f"{page}: there is no command {use}"
        return
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts} | HELP
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, page


def test_every_target_of_make_is_named_where_people_look() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert targets
    named = {name for page, name in made() if page in {"README.md", "CONTRIBUTING.md"}}
    assert set(targets) <= named


def test_every_target_that_is_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {(page, name) for page, name in made() if name not in targets} == set()


@PROVIDERS
def test_every_setting_stands_in_its_providers_page_with_its_default(provider: CallbackProvider) -> None:
    defaults = provider.read_settings({})
    stated = {name: row(page_of(provider), name) for name in provider.setting_names}
    assert {name for name, cells in stated.items() if not cells} == set()
    for name, cells in stated.items():
        default = getattr(defaults, "zone" if name == "timezone" else name)
        default = default.key if isinstance(default, ZoneInfo) else default
        assert json.loads(cells[1].strip("`")) == json.loads(json.dumps(default)), name


@PROVIDERS
def test_every_route_stands_in_its_providers_page(provider: CallbackProvider) -> None:
    assert {route for route in provider.routes if f"`{route}`" not in page_of(provider)} == set()


@PROVIDERS
def test_every_provider_is_in_the_readme(provider: CallbackProvider) -> None:
    assert f"(docs/{provider.name.replace('_', '-')}.md)" in README


@pytest.mark.parametrize("name", TEMPLATE["Parameters"])
def test_every_parameter_is_in_the_table_with_its_default(name: str) -> None:
    cells = row(OPERATING, name)
    assert cells
    default = str(TEMPLATE["Parameters"][name]["Default"])
    assert cells[1] == (f"`{default}`" if default else "empty")


@pytest.mark.parametrize("name", [*TEMPLATE["Outputs"], *ALARMS, *LOG_GROUPS])
def test_every_output_alarm_and_log_group_has_its_row(name: str) -> None:
    assert row(OPERATING, name)


@pytest.mark.parametrize("name", DEAD_LETTERS)
def test_every_dead_letter_queue_is_documented(name: str) -> None:
    assert f"`{name}`" in OPERATING


RESULTS = {
    *(reason.value for reason in Reason),
    *(written.value for written in Written),
    *_RESULTS_OF_ERRORS.values(),
    "unknown_account",
}


@pytest.mark.parametrize("result", sorted(RESULTS))
def test_every_result_of_a_callback_is_documented(result: str) -> None:
    assert f"| `{result}` |" in OPERATING


@pytest.mark.parametrize("warning", list(Warned))
def test_every_warning_is_documented(warning: Warned) -> None:
    assert row(OPERATING, warning.value)


def test_every_metric_is_documented() -> None:
    package = ROOT / "layers" / "hookline" / "hookline"
    source = "\n".join(module.read_text() for module in package.rglob("*.py"))
    metrics = set(re.findall(r"_?telemetry\.count\(\s*\"(\w+)\"", source))
    assert metrics >= {"callbacks", "events"}
    assert {metric for metric in metrics if not row(OPERATING, metric)} == set()


@pytest.mark.parametrize("data", DATA_TYPES, ids=lambda data: str(data.type))
def test_every_type_of_event_is_documented(data: Any) -> None:
    assert f"\n### `{data.type}`\n" in EVENTS


def test_the_generated_part_is_what_the_models_say() -> None:
    assert docs.updated(EVENTS) == EVENTS, "docs/events.md is stale: run `hookline docs`"


def test_the_generator_writes_between_its_markers_only_and_once(tmp_path: Path) -> None:
    page = tmp_path / "events.md"
    page.write_text(f"before\n{docs.START}\nstale\n{docs.END}\nafter\n")
    assert docs.write(page)
    written = page.read_text()
    assert written.startswith(f"before\n{docs.START}\n\n### metadata\n")
    assert written.endswith(f"\n{docs.END}\nafter\n")
    assert "stale" not in written
    assert not docs.write(page)


@pytest.mark.parametrize("command", COMMAND_TYPES, ids=lambda command: str(command.kind))
def test_every_command_that_can_be_given_is_documented(command: type[BaseCommand]) -> None:
    section = COMMANDS_PAGE.partition(f"\n### `{command.kind}`\n")[2].partition("\n### ")[0]
    assert section
    common = BaseCommand.model_fields
    assert [name for name in command.model_fields if name not in common and f"| `{name}` |" not in section] == [
        "command"
    ]


def test_what_is_said_to_be_taken_is_what_senders_take() -> None:
    taken = {kind for provider in SENDERS.values() for kind in provider.kinds} | {SendSmsBatch.kind}
    said = set(re.findall(r"\n### `(\w+)`\n\n[^\n]*Taken by", COMMANDS_PAGE))
    assert said == taken


def test_the_generated_part_of_the_commands_is_what_the_models_say() -> None:
    assert docs.updated(COMMANDS_PAGE) == COMMANDS_PAGE, "docs/commands.md is stale: run `hookline docs`"


def given_commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that the documentation shows as JSON, alone or in a call of the AWS command line."""
    for page, text in PAGES.items():
        for block in blocks(text, "json"):
            document = json.loads(block)
            if "command" in document:
                yield page, document
        for shell in blocks(text, "sh"):
            if shell.startswith("aws "):
                words = shlex.split(shell.replace("\\\n", " "), comments=True)
                yield from ((page, document) for word in words for document in _commands_in(word))


def _commands_in(word: str) -> Iterator[Any]:
    """Yield the commands in an argument: the argument itself, or the details of events."""
    if not word.startswith(("{", "[")):
        return
    document = json.loads(word)
    for item in document if isinstance(document, list) else [document]:
        if "Detail" in item:
            assert item["DetailType"] == REQUESTED
            yield json.loads(item["Detail"])
        elif "command" in item:
            yield item


GIVEN = list(given_commands())


def test_commands_are_found_in_the_documentation() -> None:
    assert len(GIVEN) >= 6


@pytest.mark.parametrize(("page", "document"), GIVEN, ids=[page for page, _ in GIVEN])
def test_a_command_that_is_shown_is_a_good_one(page: str, document: Any) -> None:
    before = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    command = read_command(document)
    provider = SENDERS[ACCOUNTS[command.account]["provider"]]
    assert command.kind in {*provider.kinds, SendSmsBatch.kind}, page
    assert provider.check(command, provider.read_account(command.account, ACCOUNTS[command.account]), before)


ACCOUNTS: Mapping[str, Any] = {
    "acme-za": {"provider": "zoom_connect", "credentials": {"email": "you@example.com", "token": "..."}},
    "acme-mx": {
        "provider": "zorya",
        "credentials": {"client_id": "1234-ABCD-1234", "secure_password": "..."},
        "settings": dict.fromkeys(("auth_url", "gateway_url", "topup_url"), "https://zorya.example.com")
        | {"sender": "99999"},
    },
}


@pytest.mark.parametrize("state", [*FINAL, State.WAITING, State.SCHEDULED, "rejected"])
def test_every_state_of_an_answer_is_documented(state: str) -> None:
    assert row(COMMANDS_PAGE, state)


@pytest.mark.parametrize("result", [*FINAL, "rejected", "not_sent", "scheduled"])
def test_every_result_of_a_command_is_documented(result: str) -> None:
    assert row(OPERATING, result)


@pytest.mark.parametrize(
    "text",
    ["no markers", docs.START, docs.END, f"{docs.END}\n{docs.START}", f"{docs.START}{docs.START}{docs.END}"],
    ids=["none", "no end", "no start", "the wrong way round", "two starts"],
)
def test_the_generator_refuses_a_page_without_both_markers(text: str) -> None:
    with pytest.raises(CommandError):
        docs.updated(text)


def test_the_example_of_an_event_is_one() -> None:
    bus_event = json.loads(next(block for block in blocks(EVENTS, "json") if "detail-type" in block))
    model = event_models()[bus_event["detail-type"]]
    again = json.loads(model.model_validate(bus_event["detail"]).detail())
    assert again == bus_event["detail"]


def test_the_readme_shows_the_table_of_the_demonstration() -> None:
    def get_secret_value(SecretId: str) -> Any:  # noqa: N803  # AWS's own
        document = {"provider": demo.ACCOUNTS[SecretId], "signing_secrets": ["secret-of-the-demonstration-accounts"]}
        return {"SecretString": json.dumps(document)}

    secrets = SimpleNamespace(get_secret_value=get_secret_value)
    stack: Any = SimpleNamespace(secrets=secrets, outputs={"AccountsPrefix": ""})
    rows = [f"| {step.title} | {step.status} | {step.event or 'nothing'} | yes |" for step in demo.steps(stack, 0.0)]
    head = "| what went in | answered | what came out | as it should be |\n| --- | --- | --- | --- |\n"
    assert head + "\n".join(rows) + "\n\n" in README


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings get on GitHub."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_relative_link_is_dead() -> None:
    dead = []
    for page, text in PROSE.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (ROOT / page).parent / path if path else ROOT / page
            if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
                dead.append((page, link))
    assert dead == []


def test_every_file_that_is_named_is_there() -> None:
    path = re.compile(r"(?:layers|functions|cli|tests|docs|events|tools|schemas|simulators)/[\w./-]*\w")
    missing = [
        (page, span)
        for page, text in PAGES.items()
        for span in spans(text)
        if path.fullmatch(span) and "acme" not in span and not (ROOT / span).exists()
    ]
    assert missing == []


def test_every_decision_is_in_the_index_under_its_number() -> None:
    pages = sorted(page.name for page in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    index = PAGES["docs/adr/README.md"]
    for number, name in enumerate(pages, start=1):
        title = PAGES[f"docs/adr/{name}"].splitlines()[0]
        assert name.startswith(f"{number:04}-")
        assert title.startswith(f"# {number}. ")
        assert f"| [{number:04}]({name}) | {title.partition('. ')[2]} |" in index


TEMPLATES = [(page, block) for page, text in PAGES.items() for block in blocks(text, "yaml") if "Resources:" in block]


@pytest.mark.parametrize(("page", "template"), TEMPLATES, ids=[page for page, _ in TEMPLATES])
def test_a_template_that_is_shown_is_a_good_one(page: str, template: str) -> None:
    lint = import_module("cfnlint.api").lint
    assert [str(match) for match in lint(template, regions=["af-south-1"])] == [], page


def test_the_example_of_a_subscriber_handles_each_event_once(
    aws: None,  # noqa: ARG001  # moto
    dynamodb: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dynamodb.create_table(
        TableName="handled-events",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setenv("HANDLED_EVENTS", "handled-events")
    example: dict[str, Any] = {}
    exec(compile(blocks(EVENTS, "python")[0], "docs/events.md", "exec"), example)  # noqa: S102  # our own example
    body = next(block for block in blocks(EVENTS, "json") if "detail-type" in block)
    another = json.dumps({"detail": {"metadata": {"id": "another", "type": "sms.received"}}})
    records = [
        {"messageId": str(number), "body": text, "eventSource": "aws:sqs"}
        for number, text in enumerate((body, body, another))
    ]
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 10_000)
    for _ in range(2):
        assert example["handler"]({"Records": records}, context) == {"batchItemFailures": []}
    handled = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert handled == [json.loads(body)["detail"]["metadata"]["id"], "another"]


def test_the_example_of_a_function_is_what_functions_look_like() -> None:
    (example,) = blocks(PAGES["docs/adding-a-provider.md"], "python")
    real = (ROOT / "functions" / "receive_zoom_connect" / "app.py").read_text()
    assert example.splitlines()[1:] == real.replace("zoom_connect", "acme").splitlines()[1:]


@pytest.mark.parametrize("page", PAGES)
def test_the_prose_is_plain(page: str) -> None:
    assert not re.findall(r"[\u2014\U0001f300-\U0001faff]", PROSE[page])
