"""Runs the stand-in: `python -m simulators.zoom_connect --help`."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from simulators.common import listen, make_server
from simulators.zoom_connect.app import HANG_S, Simulator
from simulators.zoom_connect.callbacks import CallbackSettings


def main(arguments: Sequence[str]) -> None:
    """Serve until interrupted."""
    options = _read_options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")  # httpx logs whole URLs at INFO
    simulator = Simulator(
        ledger=options.ledger,
        callbacks=_callback_settings(options),
        credentials=json.loads(options.credentials_file.read_text()) if options.credentials_file else None,
        hang_s=options.hang,
    )
    listener = listen(options.port)
    sys.stdout.write("Zoom Connect's stand-in listens on http://{}:{}\n".format(*listener.getsockname()))
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        make_server(simulator).run(sockets=[listener])


def _read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.zoom_connect", description="A stand-in for Zoom Connect.")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0, the default, is any free one")
    parser.add_argument("--ledger", type=Path, help="the file of what was accepted, JSON Lines; added to")
    parser.add_argument("--callback-url", help="callbacks go to /reply and /delivery-report below it")
    parser.add_argument("--secret-file", type=Path, help="holds the secret key that signs callbacks")
    parser.add_argument("--credentials-file", type=Path, help="a JSON object, tokens by email; default: let all in")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds from one step of a message to the next")
    parser.add_argument("--hang", type=float, default=HANG_S, help="seconds until a call without answer is closed")
    options = parser.parse_args(arguments)
    if options.callback_url and not options.secret_file:
        parser.error("--callback-url needs --secret-file: no callback goes out unsigned")
    return options


def _callback_settings(options: argparse.Namespace) -> CallbackSettings:
    if not options.callback_url:
        return CallbackSettings(delay_s=options.delay)
    base = options.callback_url.rstrip("/")
    return CallbackSettings(
        reply_url=f"{base}/reply",
        delivery_report_url=f"{base}/delivery-report",
        secret=options.secret_file.read_text().strip(),
        delay_s=options.delay,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
