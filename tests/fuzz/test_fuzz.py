"""A short run of the fuzzer, and that it finds what it is there to find."""

from collections.abc import Callable

import pytest

from hookline.callbacks import Reason, ReceivingAccount, Refused, Request, Verdict, Verified
from tests.cases import Case, table
from tests.fuzz.fuzz_verify import Target, fuzz, main
from tests.fuzz.targets import TARGETS

INPUTS = 3000

each_target = pytest.mark.parametrize("name", sorted(TARGETS))

type Verify = Callable[[Request, ReceivingAccount, float], Verdict]


@each_target
def test_no_input_raises_and_none_is_taken_that_was_not_signed(name: str) -> None:
    outcome = fuzz(TARGETS[name](), INPUTS, seed=1)
    assert outcome.failures == []
    assert outcome.results.total() == INPUTS
    assert outcome.results["stored"] > INPUTS / 100
    assert outcome.results["signature"] > INPUTS / 10
    assert outcome.results["malformed"] > 0


@each_target
def test_the_same_seed_gives_the_same_inputs(name: str) -> None:
    first, again, other = (fuzz(TARGETS[name](), 500, seed).results for seed in (1, 1, 2))
    assert first == again != other


def takes_everything(real: Verify) -> Verify:
    def verify(request: Request, account: ReceivingAccount, now: float) -> Verdict:
        verdict = real(request, account, now)
        if isinstance(verdict, Refused) and verdict.reason is Reason.SIGNATURE:
            return Verified("reply", "x", "a=1")
        return verdict

    return verify


def raises(real: Verify) -> Verify:
    def verify(request: Request, account: ReceivingAccount, now: float) -> Verdict:
        request.body.decode("ascii")
        return real(request, account, now)

    return verify


def refuses_everything(real: Verify) -> Verify:
    del real
    return lambda _request, _account, _now: Refused(Reason.SIGNATURE, "")


def reads_another_thing(real: Verify) -> Verify:
    def verify(request: Request, account: ReceivingAccount, now: float) -> Verdict:
        verdict = real(request, account, now)
        return verdict._replace(identity=str(len(request.body))) if isinstance(verdict, Verified) else verdict

    return verify


BROKEN = (
    Case("takes what nobody signed", takes_everything, "was taken though nobody signed it"),
    Case("raises", raises, "raised UnicodeDecodeError"),
    Case("refuses what was signed", refuses_everything, "was refused though it was signed well"),
    Case("reads what was not signed", reads_another_thing, "was taken though nobody signed it"),
)


@each_target
@table("case", BROKEN)
def test_a_broken_verifier_is_found(case: Case[Callable[[Verify], Verify], str], name: str) -> None:
    target: Target = TARGETS[name]()
    target.provider = target.provider._replace(verify=case.given(target.provider.verify))
    outcome = fuzz(target, INPUTS, seed=1)
    assert outcome.failures
    assert all(failure.problem.startswith(case.expected) for failure in outcome.failures)


def test_the_command_prints_how_inputs_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--provider", "zoom_connect", "--inputs", "200", "--seed", "7"]) == 0
    said = capsys.readouterr().out
    assert "zoom_connect: 200 inputs, seed 7" in said
    assert "signature" in said
    assert "0 failures" in said
