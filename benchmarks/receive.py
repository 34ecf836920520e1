"""The CPU time of the receiving path: an HTTP API event in, an item for the journal out, no AWS call.

Each provider's callbacks are compared with what is like them: Zoom Connect's with verifiers of signed requests,
Zorya's with verifiers of JWTs. A provider that comes later is one more function here.
"""

import hmac
from collections.abc import Mapping
from functools import partial

from benchmarks import others
from benchmarks.callbacks import (
    SECRET,
    Callback,
    Event,
    Silent,
    receiver,
    stdout_of_lambda,
    zoom_connect_callback,
    zorya_callback,
)
from benchmarks.errors import BenchmarkError
from benchmarks.frame import Aim, Samples, Section, Table, cpu_time, ratio, spread
from hookline.callbacks import CallbackProvider
from hookline.providers.zoom_connect.verify import CALLBACKS as ZOOM_CONNECT
from hookline.providers.zorya.verify import CALLBACKS as ZORYA
from hookline.telemetry import Telemetry

ROUNDS = 250
BATCH_SECONDS = 0.005
MICRO = 1e6

QUIET = "Hookline, without its line"
WHOLE = "Hookline"
STRIPE = "stripe construct_event"
TWILIO = "twilio validate"
HMAC = "hmac.digest"
PYJWT = "jwt.decode"
VONAGE = "vonage-jwt"
MESSAGEBIRD = "messagebird"

HOW = """\
CPU time (`time.process_time`) of one callback. Hookline's is the whole of the receiving path but the AWS call: an
HTTP API event as API Gateway hands it over, base64 undone, the account found, the signature, the times and all else
verified, the journal's item made and handed to a DynamoDB client that does nothing, the answer, and its line of
telemetry (log and metrics in one), written to `/dev/null` as Lambda's runtime writes: each write is a system call.
The others get what they want ready-made (text decoded, parameters parsed, header or token in hand), of a request with
as many bytes in its body or its token, and verify it: `stripe.Webhook.construct_event`, which parses it too (an event
with every field of Stripe's envelope, and one text that fills it up), `twilio.request_validator.RequestValidator`,
`hmac.digest` (an HMAC-SHA1 over our request's body), PyJWT's `decode`, `vonage_jwt.verify_signature` and
`messagebird.request_validator.RequestValidator`."""

type Cases = dict[str, others.Call]
type Compared = tuple[Table, list[Aim]]


def run() -> Section:
    """Measure every provider's path."""
    compared = [zoom_connect("reply"), zoom_connect("delivery-report"), zorya("mt-sent")]
    return Section(
        "CPU time of the receiving path",
        HOW,
        [table for table, _ in compared],
        [aim for _, aims in compared for aim in aims],
    )


def zoom_connect(case: str) -> Compared:
    """Measure the path of one of Zoom Connect's callbacks."""
    callback = zoom_connect_callback(case)
    cases: Cases = {
        **_ours(ZOOM_CONNECT, callback.event),
        STRIPE: others.stripe_event(len(callback.body)),
        TWILIO: others.twilio_form(callback),
        HMAC: partial(hmac.digest, SECRET.encode(), callback.body, "sha1"),
    }
    return _compare(_name(ZOOM_CONNECT, case, callback), cases, {QUIET: (0.5, STRIPE), WHOLE: (1.0, STRIPE)})


def zorya(case: str) -> Compared:
    """Measure the path of one of Zorya's callbacks."""
    callback = zorya_callback(case)
    token = callback.body.decode()
    cases: Cases = {
        **_ours(ZORYA, callback.event),
        PYJWT: others.bare_pyjwt(token),
        VONAGE: others.vonage_token(token),
        MESSAGEBIRD: others.messagebird_token(len(token), callback.url),
    }
    return _compare(_name(ZORYA, case, callback), cases, {QUIET: (1.5, PYJWT)})


def _ours(provider: CallbackProvider, event: Event) -> Cases:
    quiet, whole = receiver(provider, Silent("benchmark")), receiver(provider, Telemetry("benchmark"))
    with stdout_of_lambda():
        answers = [quiet(event), whole(event)]
    if any(answer["statusCode"] != 200 for answer in answers):
        raise BenchmarkError(f"the receiving path refuses the benchmark's own callback: {answers}")
    return {QUIET: partial(quiet, event), WHOLE: partial(whole, event)}


def _name(provider: CallbackProvider, case: str, callback: Callback) -> str:
    return f"{provider.name} {case}, {len(callback.body)} bytes"


def _compare(title: str, cases: Cases, aims: Mapping[str, tuple[float, str]]) -> Compared:
    """Measure cases side by side.

    Args:
        title: what they are given.
        cases: by name; the first two are ours, and they are compared with each of the others.
        aims: of a case, what multiple of which other one it is to be at most.
    """
    with stdout_of_lambda():
        samples = cpu_time(cases, rounds=ROUNDS, batch_seconds=BATCH_SECONDS)
    references = [case for case in cases if case not in {QUIET, WHOLE}]
    rows = [
        [
            case,
            spread(x * MICRO for x in samples[case]).text(1),
            *(ratio(samples, case, of).text(2) for of in references),
        ]
        for case in cases
    ]
    table = Table(title, ("", "µs of CPU", *(f"x {of}" for of in references)), rows)
    return table, [_at_most(samples, title, case, *wanted) for case, wanted in aims.items()]


def _at_most(samples: Samples, title: str, case: str, limit: float, reference: str) -> Aim:
    got = ratio(samples, case, reference).median
    return Aim(f"{title}: {case}, at most {limit} x {reference}", f"{got:.2f} x", got <= limit)
