"""The stand-in providers of a local stack: started with it, and the accounts that speak to them."""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from hookline_cli import accounts, processes
from hookline_cli.demo import ACCOUNTS
from hookline_cli.processes import Server, folder
from hookline_cli.project import ROOT, without_aws
from hookline_cli.stack import Stack

EMAIL = "demo@example.com"
CLIENT, SENDER = "1234-DEMO-1234", "99999"


def start(stack: Stack) -> None:
    """Start the stand-ins of a local stack, and add the demonstration's accounts that speak to them.

    Raises:
        CommandError: a stand-in did not come up; says where its log is.
    """
    if stack.local is None:
        return
    instance = stack.local.instance
    there = accounts.names(stack)
    for account, provider in ACCOUNTS.items():
        if account not in there:
            processes.stop(instance, provider)  # one that outlived its emulator calls an API back that is gone
            document = {"provider": provider, "signing_secrets": [secrets.token_hex(32)], "settings": {}}
            _STARTERS[provider](stack, instance, account, document)
            accounts.add(stack, account, document)
        elif processes.running(instance, provider) is None:
            document = accounts.usable(stack, account)
            _STARTERS[provider](stack, instance, account, document)
            accounts.store(stack, account, document)


def stop(instance: str) -> None:
    """Stop an instance's stand-ins."""
    for provider in ACCOUNTS.values():
        processes.stop(instance, provider)


def _zoom_connect(stack: Stack, instance: str, account: str, document: accounts.Document) -> None:
    home = folder(instance)
    secret = _private(home / "zoom_connect.secret", document["signing_secrets"][0])
    callbacks = f"{stack.api_url}/zoom-connect/{account}"
    server = _serve(
        instance,
        "zoom_connect",
        ["--ledger", str(home / "zoom_connect.jsonl"), "--callback-url", callbacks, "--secret-file", str(secret)],
    )
    document["credentials"] = {"email": EMAIL, "token": secrets.token_hex(16)}
    document["settings"]["base_url"] = f"{server.url}/app/api/rest/v1"


def _zorya(stack: Stack, instance: str, account: str, document: accounts.Document) -> None:
    home = folder(instance)
    secret = _private(home / "zorya.secret", document["signing_secrets"][0])
    callbacks = f"{stack.api_url}/zorya/{account}"
    server = _serve(
        instance,
        "zorya",
        ["--ledger", str(home / "zorya.jsonl"), "--callback-url", callbacks, "--secret-file", str(secret)],
    )
    document["credentials"] = {"client_id": CLIENT, "secure_password": secrets.token_hex(16)}
    addresses = dict.fromkeys(("auth_url", "gateway_url", "topup_url"), server.url)
    document["settings"] = {"sender": SENDER, **document["settings"], **addresses}


def _serve(instance: str, provider: str, options: list[str]) -> Server:
    def environment(_port: int) -> Mapping[str, str]:
        return {**without_aws(os.environ), "PYTHONPATH": str(ROOT)}

    return processes.start(
        instance,
        provider,
        lambda port: [sys.executable, "-m", f"simulators.{provider}", "--port", str(port), *options],
        environment,
        processes.listens,
    )


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


_STARTERS = {"zoom_connect": _zoom_connect, "zorya": _zorya}
