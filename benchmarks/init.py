"""What a receiving function's start costs, from the built artifact, through Lambda's runtime interface emulator."""

import json
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import aws_stub
from benchmarks.artifact import BUILD, Artifact, has_lasting_bytecode
from benchmarks.callbacks import SECRET, Callback, zoom_connect_callback, zorya_callback
from benchmarks.errors import BenchmarkError
from benchmarks.frame import Aim, Section, Table, ratio, spread
from benchmarks.lambda_runtime import Function, Started

STARTS = 12
HANDLERS = Path(__file__).parent / "handlers"

EMPTY = "empty handler"
BOTO3 = "boto3 client"
USUAL = "usual style"

ENVIRONMENT = {
    "JOURNAL_TABLE": "journal",
    "RETENTION_SECONDS": "2592000",
    "ACCOUNTS_PREFIX": "/hookline/bench/accounts/",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",  # nobody is there: a start calls nobody
    "AWS_EC2_METADATA_DISABLED": "true",
}

EVENT = {
    "version": "2.0",
    "rawPath": "/",
    "requestContext": {"http": {"method": "GET", "path": "/"}, "stage": "$default"},
}
"""A request that every handler answers by itself."""


class Receiver(NamedTuple):
    """A receiving function.

    Attributes:
        logical_name: its name in the template.
        provider: the provider's name in an account.
        callback: one that it accepts.
        unwanted: what is in the layer and must not cost its start. Not botocore: it makes the AWS clients.
    """

    logical_name: str
    provider: str
    callback: Callback
    unwanted: frozenset[str]


HOW = f"""\
{STARTS} cold starts each, interleaved, one process a start: the runtime interface emulator of the SAM CLI runs
`python -m awslambdaric app.handler`; init is what its `INIT REPORT` says, memory is the process's resident set after
its first answer. Our functions are run from the built artifact as it is, with file times of 1980; the others use the
same dependencies from the built layer, and bytecode that holds. No folder is written to. The others, in
`benchmarks/handlers`: a handler that does nothing; one that makes a DynamoDB client with boto3; one in the usual
Powertools style, with HTTP resolver, Tracer, parser, idempotency and boto3. "Ran" counts the modules
of which any function ran while a first callback was answered, look-up of the account and write included, over plain
HTTP: what only serves TLS (certifi) does not show there."""


def run(build: Path = BUILD) -> Section:
    """Measure every receiving function against the others."""
    receivers = _receivers()
    with tempfile.TemporaryDirectory(prefix="hookline-bench-") as folder:
        artifact = Artifact(Path(folder), build, ENVIRONMENT)
        ours = {name: artifact.built(receiver.logical_name) for name, receiver in receivers.items()}
        functions = {
            **ours,
            EMPTY: artifact.other(HANDLERS / "empty.py"),
            BOTO3: artifact.other(HANDLERS / "boto3_client.py"),
            USUAL: artifact.other(HANDLERS / "powertools_style.py", ["aws-xray-sdk"]),
        }
        starts = _start_all(functions)
        modules = {name: len(function.probe()["modules"]) for name, function in functions.items()}
        imports = [_imports(name, ours[name], receiver) for name, receiver in receivers.items()]
    tables = [_starts_table(starts, modules), *(table for table, _ in imports)]
    aims = [aim for name in ours for aim in _start_aims(name, starts)]
    return Section("A function's start", HOW, tables, [*aims, *(aim for _, reached in imports for aim in reached)])


def _receivers() -> Mapping[str, Receiver]:
    unwanted = frozenset({"boto3", "pydantic", "httpx", "phonenumbers", "defusedxml"})
    return {
        "receive_zoom_connect": Receiver(
            "ReceiveZoomConnect", "zoom_connect", zoom_connect_callback("reply"), unwanted | {"jwt"}
        ),
        "receive_zorya": Receiver("ReceiveZorya", "zorya", zorya_callback("mo"), unwanted),
    }


def _start_all(functions: Mapping[str, Function]) -> Mapping[str, Sequence[Started]]:
    for function in functions.values():
        function.start(EVENT)  # the files into the page cache
    starts: dict[str, list[Started]] = {name: [] for name in functions}
    for _ in range(STARTS):
        for name, function in functions.items():
            starts[name].append(function.start(EVENT))
    return starts


def _starts_table(starts: Mapping[str, Sequence[Started]], modules: Mapping[str, int]) -> Table:
    init = _init(starts)
    rows = [
        [
            name,
            spread(init[name]).text(0),
            ratio(init, name, BOTO3).text(2),
            ratio(init, name, USUAL).text(2),
            f"{spread(start.rss_mb for start in starts[name]).median:.1f}",
            str(modules[name]),
        ]
        for name in starts
    ]
    return Table("Cold starts", ("", "init, ms", f"x {BOTO3}", f"x {USUAL}", "memory, MiB", "modules"), rows)


def _start_aims(name: str, starts: Mapping[str, Sequence[Started]]) -> list[Aim]:
    boto3, usual = (ratio(_init(starts), name, of).median for of in (BOTO3, USUAL))
    return [
        Aim(f"{name}: init at most 1.3 x {BOTO3}", f"{boto3:.2f} x", boto3 <= 1.3),
        Aim(f"{name}: init clearly below {USUAL} (0.8 x)", f"{usual:.2f} x", usual <= 0.8),
    ]


def _init(starts: Mapping[str, Sequence[Started]]) -> Mapping[str, Sequence[float]]:
    return {name: [start.init_ms for start in of] for name, of in starts.items()}


def _imports(name: str, function: Function, receiver: Receiver) -> tuple[Table, list[Aim]]:
    """Say what a receiving function imports from its folder and the layers, and what of it a callback uses."""
    document = json.dumps({"provider": receiver.provider, "signing_secrets": [SECRET]})
    with aws_stub.serve(document) as endpoint:
        found = function.probe(receiver.callback.event, AWS_ENDPOINT_URL=endpoint)
    if found["answer"]["statusCode"] != 200:
        raise BenchmarkError(f"{name} refuses the benchmark's own callback: {found['answer']}")
    files = {module: Path(file) for module, file in found["modules"].items() if file}
    ours = {m: file for m, file in files.items() if any(file.is_relative_to(place) for place in function.path)}
    imported, ran = _by_package(ours), _by_package(ours.keys() & set(found["ran"]))
    rows = [[package, str(number), str(ran[package])] for package, number in sorted(imported.items())]
    table = Table(f"What {name} imports besides the standard library", ("package", "modules", "ran"), rows)
    unwanted = ", ".join(sorted(imported.keys() & receiver.unwanted))
    lasting, all_of_them = sum(map(has_lasting_bytecode, ours.values())), len(ours)
    bytecode = f"{lasting} of {all_of_them} modules"
    return table, [
        Aim(f"{name}: imports none of {', '.join(sorted(receiver.unwanted))}", unwanted or "none", not unwanted),
        Aim(f"{name}: bytecode that holds where it is deployed", bytecode, lasting == all_of_them),
    ]


def _by_package(modules: Collection[str]) -> Counter[str]:
    return Counter(module.partition(".")[0] for module in modules)
