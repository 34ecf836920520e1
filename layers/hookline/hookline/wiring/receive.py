"""What a receiver is put together from."""

import os
import time
from functools import partial

from hookline.accounts import Accounts, SecretsManagerSource, receiving_account
from hookline.aws import client
from hookline.callbacks import CallbackProvider
from hookline.journal import Journal
from hookline.receive import Receiver
from hookline.telemetry import Telemetry


def receiver(provider: CallbackProvider) -> Receiver:
    """Build the receiver of a provider's callbacks from what the template puts into the environment."""
    return Receiver(
        provider,
        Accounts(
            SecretsManagerSource(lambda: client("secretsmanager"), os.environ["ACCOUNTS_PREFIX"]),
            partial(receiving_account, provider),
            time.time,
        ),
        Journal(client("dynamodb"), os.environ["JOURNAL_TABLE"], int(os.environ["RETENTION_SECONDS"])),
        Telemetry(f"receive_{provider.name}"),
    )
