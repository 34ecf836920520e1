import json
import os
from collections.abc import Iterator

import pytest

from hookline.telemetry import Telemetry


@pytest.fixture
def trace() -> Iterator[str]:
    """An invocation's trace, as Lambda puts it into the environment."""
    os.environ["_X_AMZN_TRACE_ID"] = "Root=1-6921646c-0a1b2c3d4e5f60718293a4b5"
    yield os.environ["_X_AMZN_TRACE_ID"]
    del os.environ["_X_AMZN_TRACE_ID"]


def test_a_count_is_one_line_of_json_that_is_a_metric_too(capsys: pytest.CaptureFixture[str], trace: str) -> None:
    telemetry = Telemetry("receive_zoom_connect")
    telemetry.count("callbacks", dimensions={"result": "stored"}, account="acme-za", detail=None)
    (line,) = capsys.readouterr().out.splitlines()
    written = json.loads(line)
    (directive,) = written.pop("_aws")["CloudWatchMetrics"]
    assert directive["Namespace"] == "Hookline"
    assert [set(dimensions) for dimensions in directive["Dimensions"]] == [{"service", "result"}]
    assert directive["Metrics"] == [{"Name": "callbacks", "Unit": "Count"}]
    assert written == {
        "service": "receive_zoom_connect",
        "result": "stored",
        "callbacks": [1.0],
        "account": "acme-za",
        "trace_id": trace,
    }


def test_one_count_leaves_nothing_behind_for_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry = Telemetry("publish")
    telemetry.count("events", 3, dimensions={"provider": "zorya"}, again=1)
    telemetry.count("entries_set_aside", reason="KeyError")
    _, line = capsys.readouterr().out.splitlines()
    written = json.loads(line)
    assert written.keys() == {"_aws", "service", "entries_set_aside", "reason", "trace_id"}
    assert written["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]


def test_a_count_of_nothing_is_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    Telemetry("publish").count("events", 0)
    assert json.loads(capsys.readouterr().out)["events"] == [0.0]
