"""Runs the stand-in: `python -m simulators.zorya --help`."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

from simulators.common import listen, make_server
from simulators.zorya.app import HANG_S, Simulator
from simulators.zorya.callbacks import CallbackSettings
from simulators.zorya.state import Settings


def main(arguments: Sequence[str]) -> None:
    """Serve until interrupted."""
    options = _read_options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")  # httpx logs whole URLs at INFO
    simulator = Simulator(
        ledger=options.ledger,
        callbacks=_callback_settings(options),
        settings=Settings(
            balance=options.balance, report_after_s=options.report_after, token_life_s=options.token_life
        ),
        credentials=json.loads(options.credentials_file.read_text()) if options.credentials_file else None,
        hang_s=options.hang,
    )
    listener = listen(options.port)
    sys.stdout.write("Zorya's stand-in listens on http://{}:{}\n".format(*listener.getsockname()))
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        make_server(simulator).run(sockets=[listener])


def _read_options(arguments: Sequence[str]) -> argparse.Namespace:
    defaults = Settings()
    parser = argparse.ArgumentParser(prog="simulators.zorya", description="A stand-in for Zorya.")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0, the default, is any free one")
    parser.add_argument("--ledger", type=Path, help="the file of what was accepted, JSON Lines; added to")
    parser.add_argument("--callback-url", help="callbacks go to /mo, /mt and /<clientID>/<txID>/<status> below it")
    parser.add_argument("--secret-file", type=Path, help="holds the secret that signs callbacks")
    parser.add_argument("--credentials-file", type=Path, help="a JSON object, passwords by client ID; default: all in")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds from one step of a transaction to the next")
    parser.add_argument("--hang", type=float, default=HANG_S, help="seconds until a call without answer is closed")
    parser.add_argument("--balance", type=Decimal, default=defaults.balance, help="MXN at the start")
    parser.add_argument("--report-after", type=float, default=0.0, help="seconds until the report has a top-up")
    parser.add_argument("--token-life", type=float, default=defaults.token_life_s, help="seconds")
    options = parser.parse_args(arguments)
    if options.callback_url and not options.secret_file:
        parser.error("--callback-url needs --secret-file: no callback goes out unsigned")
    return options


def _callback_settings(options: argparse.Namespace) -> CallbackSettings:
    if not options.callback_url:
        return CallbackSettings(delay_s=options.delay)
    base = options.callback_url.rstrip("/")
    return CallbackSettings(
        mo_url=f"{base}/mo",
        mt_url=f"{base}/mt",
        push_url=base,
        secret=options.secret_file.read_text().strip(),
        delay_s=options.delay,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
