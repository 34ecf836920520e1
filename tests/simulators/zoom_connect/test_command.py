"""The stand-in from a command line, and its documentation."""

import json
import re
import subprocess
import sys
from pathlib import Path

import simulators.zoom_connect
from simulators.zoom_connect import Mode
from simulators.zoom_connect.modes import NUMBERS
from tests.samples import SECRET
from tests.simulators.zoom_connect.stand_in import (
    BASES,
    EMAIL,
    HEADERS,
    RECIPIENT,
    TOKEN,
    Endpoint,
    connect,
    fields_of,
    send,
)


def test_the_command(tmp_path: Path, endpoint: Endpoint, listening: tuple[Endpoint, str]) -> None:
    secret, ledger, credentials = tmp_path / "secret", tmp_path / "ledger.jsonl", tmp_path / "credentials.json"
    secret.write_text(SECRET + "\n")
    credentials.write_text(json.dumps({EMAIL: TOKEN}))
    options = {
        "--ledger": ledger,
        "--callback-url": f"{listening[1]}/zoom-connect/acme-za/",
        "--secret-file": secret,
        "--credentials-file": credentials,
        "--delay": 0.01,
    }
    command = [
        sys.executable,
        "-m",
        "simulators.zoom_connect",
        *(str(part) for pair in options.items() for part in pair),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            with connect(url + BASES[0], headers=HEADERS) as api:
                assert send(api, "reply").status_code == 200
            arrived = endpoint.wait_for(3)
        finally:
            process.terminate()

    assert url.startswith("http://127.0.0.1:")
    assert [callback.path.rpartition("/")[2] for callback in arrived] == ["delivery-report"] * 2 + ["reply"]
    assert [fields_of(callback)["from"] for callback in arrived] == [RECIPIENT] * 3
    assert len(ledger.read_text().splitlines()) == 1


def test_the_command_sends_no_callback_unsigned() -> None:
    command = [sys.executable, "-m", "simulators.zoom_connect", "--callback-url", "http://127.0.0.1:9/"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 2
    assert "--callback-url needs --secret-file" in done.stderr


def test_every_mode_and_every_number_is_in_the_documentation() -> None:
    documentation = simulators.zoom_connect.__doc__ or ""
    rows = dict(re.findall(r"^\| (`[^|]+) \|.*\| ([0-9, ]*)\|$", documentation, re.MULTILINE))
    documented = {
        name: ending
        for names, endings in rows.items()
        for name, ending in zip(re.findall("`(.+?)`", names), (endings.strip().split(", ") * 2), strict=False)
    }

    assert set(documented) == set(Mode)
    assert {ending: name for name, ending in documented.items() if ending} == NUMBERS
