"""Every error of ours, as a tree.

    HooklineError
    ├── AccountError
    │   ├── AccountNotFoundError          there is no such account, or it is another provider's
    │   ├── AccountSettingsError          an account's secret can't be used; names the field
    │   └── AccountsUnavailableError      Secrets Manager did not answer: try again
    ├── JournalUnavailableError           DynamoDB did not answer, or refused for now: try again
    ├── QueueUnavailableError             SQS did not answer, or refused: what was to be put there may or may not be
    ├── SchedulerUnavailableError         EventBridge Scheduler did not answer, or refused: try again
    ├── ReportsUnavailableError           S3 did not answer, or refused: try again
    └── UnrecognisedError                 verified, but of no shape we know: keep it whole

No message holds a secret, a message text or a whole phone number.
"""


class HooklineError(Exception):
    """The root: catch it to catch everything that Hookline raises on purpose."""


class AccountError(HooklineError):
    """Something about an account."""


class AccountNotFoundError(AccountError):
    """There is no account of this name for this provider."""


class AccountSettingsError(AccountError):
    """An account's secret or a setting in it can't be used.

    Args:
        field: the setting's name as it stands in the secret.
        problem: what is wrong with it, without the value.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class AccountsUnavailableError(AccountError):
    """Secrets Manager could not be asked: nothing is known of the account, try again."""


class JournalUnavailableError(HooklineError):
    """The journal could not be reached or refused for now: what was to be written may or may not be there."""


class QueueUnavailableError(HooklineError):
    """A queue could not be reached or refused: what was to be put there may or may not be there."""


class SchedulerUnavailableError(HooklineError):
    """EventBridge Scheduler could not be reached or refused: what was to be scheduled may or may not be."""


class ReportsUnavailableError(HooklineError):
    """S3 could not be reached or refused: what was to be kept there may or may not be."""


class UnrecognisedError(HooklineError):
    """A verified callback has no shape that its provider's normaliser knows.

    Args:
        problem: what was missing or of another shape, without values.
    """
