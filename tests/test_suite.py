"""The suite itself."""

import pytest


def test_the_redaction_guard_watches_this_suite(request: pytest.FixtureRequest) -> None:
    assert request.config.pluginmanager.has_plugin("redaction-guard")
