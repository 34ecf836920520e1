"""What must never change in the template by accident, and what SAM makes of it."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import pytest

from hookline_cli import project
from hookline_cli.callbacks import SPEAKERS
from tests.cases import Case, table

type Resource = Mapping[str, Any]

TEMPLATE: dict[str, Any] = json.loads(json.dumps(import_module("cfnlint.decode.cfn_yaml").load(str(project.TEMPLATE))))
"""The template with its short forms written out: `!Ref X` is `{"Ref": "X"}`."""


def of_type(kind: str) -> dict[str, Resource]:
    """Return the template's resources of a type, by logical id."""
    return {name: it for name, it in TEMPLATE["Resources"].items() if it["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
LAYERS = of_type("AWS::Serverless::LayerVersion")
QUEUES = of_type("AWS::SQS::Queue")
ROLES = of_type("AWS::IAM::Role")
ALARMS = of_type("AWS::CloudWatch::Alarm")
LOG_GROUPS = of_type("AWS::Logs::LogGroup")
DEAD_LETTERS = {name: it for name, it in QUEUES.items() if name.endswith("DeadLetters")}
RECEIVERS = {name: it for name, it in FUNCTIONS.items() if name.startswith("Receive")}
GLOBALS = TEMPLATE["Globals"]["Function"]


def statements(role: Resource) -> Iterator[Mapping[str, Any]]:
    for policy in role["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def refers_to(value: Any, name: str) -> bool:
    """Say whether a value refers to a resource: by Ref, GetAtt or within a Sub."""
    if isinstance(value, dict):
        if value.get("Ref") == name or as_list(value.get("Fn::GetAtt", ""))[0] == name:
            return True
        return any(refers_to(inner, name) for inner in value.values())
    if isinstance(value, list):
        return any(refers_to(inner, name) for inner in value)
    return isinstance(value, str) and f"${{{name}" in value


each_function = pytest.mark.parametrize("name", FUNCTIONS)
each_layer = pytest.mark.parametrize("name", LAYERS)
each_role = pytest.mark.parametrize("name", ROLES)
each_queue = pytest.mark.parametrize("name", QUEUES)


def test_all_is_found() -> None:
    """Or every test below would pass over nothing."""
    assert {"ReceiveZoomConnect", "Publish"} <= FUNCTIONS.keys()
    assert {"ReceiveZoomConnectRole", "PublishRole"} <= ROLES.keys()
    assert {"PublishDeadLetters", "SubscriptionDeadLetters"} <= DEAD_LETTERS.keys()
    assert LAYERS.keys() == {"DependenciesLayer", "HooklineLayer"}


# --- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEMPLATE["Parameters"])
def test_every_parameter_is_described_has_a_default_and_stands_in_a_group(name: str) -> None:
    parameter = TEMPLATE["Parameters"][name]
    assert parameter["Description"].endswith((".", ")"))
    assert "Default" in parameter
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sum(name in group["Parameters"] for group in groups) == 1


@pytest.mark.parametrize("name", TEMPLATE["Parameters"])
def test_every_parameter_is_used(name: str) -> None:
    used = {part: it for part, it in TEMPLATE.items() if part not in {"Parameters", "Metadata"}}
    assert refers_to(used, name)


def test_nothing_costs_or_keeps_more_than_asked_for() -> None:
    defaults = {name: it["Default"] for name, it in TEMPLATE["Parameters"].items()}
    assert defaults["SnapStart"] == "None"
    assert defaults["ArchiveDays"] == 0
    assert defaults["EndpointUrl"] == ""
    assert defaults["RetentionSeconds"] == 30 * 24 * 3600


# --- architecture, layers and versions -------------------------------------------------------------------------------


def test_arm64_is_the_default() -> None:
    assert TEMPLATE["Parameters"]["Architecture"]["Default"] == "arm64"
    assert TEMPLATE["Parameters"]["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]


def test_functions_and_layers_are_of_one_architecture_and_runtime() -> None:
    chosen = {"Ref": "Architecture"}
    assert GLOBALS["Architectures"] == [chosen]
    for layer in LAYERS.values():
        assert layer["Metadata"]["BuildArchitecture"] == chosen
        assert layer["Properties"]["CompatibleArchitectures"] == [chosen]
        assert layer["Metadata"]["BuildMethod"] == GLOBALS["Runtime"]
        assert layer["Properties"]["CompatibleRuntimes"] == [GLOBALS["Runtime"]]
    assert all(
        "Architectures" not in it["Properties"] and "Runtime" not in it["Properties"] for it in FUNCTIONS.values()
    )


@each_function
def test_every_function_has_both_layers(name: str) -> None:
    assert GLOBALS["Layers"] == [{"Ref": layer} for layer in ("DependenciesLayer", "HooklineLayer")]
    assert "Layers" not in FUNCTIONS[name]["Properties"], "it would add to those of all"


@each_function
def test_every_function_is_published_and_called_by_its_alias(name: str) -> None:
    properties = {**GLOBALS, **FUNCTIONS[name]["Properties"]}
    assert properties["AutoPublishAlias"] == "live"
    assert properties["AutoPublishAliasAllProperties"] is True


@each_layer
def test_a_change_of_a_layer_alone_reaches_the_functions_versions(name: str) -> None:
    assert LAYERS[name]["Properties"]["PublishLambdaVersion"] is True


# --- functions -------------------------------------------------------------------------------------------------------


@each_function
def test_every_function_has_its_own_code_log_group_and_role(name: str) -> None:
    properties = FUNCTIONS[name]["Properties"]
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    assert properties["CodeUri"] == f"functions/{folder}/"
    assert (project.ROOT / properties["CodeUri"] / "app.py").exists()
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Logs"}}
    assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    assert properties["Description"]
    assert f"{name}Logs" in LOG_GROUPS
    assert f"{name}Role" in ROLES


def test_every_function_that_there_is_gets_deployed() -> None:
    there = {f"functions/{path.parent.name}/" for path in (project.ROOT / "functions").glob("*/app.py")}
    assert {it["Properties"]["CodeUri"] for it in FUNCTIONS.values()} == there


@each_function
def test_every_function_has_an_alarm_for_its_errors(name: str) -> None:
    watched = [{"Name": "FunctionName", "Value": {"Ref": name}}]
    alarms = [it["Properties"] for it in ALARMS.values() if it["Properties"].get("Dimensions") == watched]
    assert [it for it in alarms if it["MetricName"] == "Errors" and it["Namespace"] == "AWS/Lambda"]


@pytest.mark.parametrize("name", LOG_GROUPS)
def test_every_log_group_forgets(name: str) -> None:
    assert LOG_GROUPS[name]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@each_function
def test_a_function_writes_to_its_own_log_group_only(name: str) -> None:
    group = LOG_GROUPS[f"{name}Logs"]["Properties"]["LogGroupName"]["Fn::Sub"]
    written = [it for it in statements(ROLES[f"{name}Role"]) if str(as_list(it["Action"])[0]).startswith("logs:")]
    assert [it["Resource"]["Fn::Sub"].partition("log-group:")[2] for it in written] == [f"{group}:*"]


# --- least privilege -------------------------------------------------------------------------------------------------


@each_role
def test_a_role_names_every_action_and_every_resource(name: str) -> None:
    assert "ManagedPolicyArns" not in ROLES[name]["Properties"]
    for statement in statements(ROLES[name]):
        assert statement["Effect"] == "Allow"
        assert "NotAction" not in statement
        assert "NotResource" not in statement
        for action in as_list(statement["Action"]):
            assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action), action
        for resource in as_list(statement["Resource"]):
            assert resource not in ("*", {"Fn::Sub": "*"})
            if "Fn::Sub" in resource:  # what a name is chosen for later: accounts, log streams, schedules
                assert re.search(r"\$\{(Stage|Reports\.Arn)\}[^*]*\*?$", resource["Fn::Sub"]), resource
            else:
                assert set(resource) <= {"Fn::GetAtt", "Ref"}


@each_role
def test_a_role_is_for_lambda_or_the_scheduler_alone(name: str) -> None:
    [statement] = ROLES[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Principal"]["Service"] in {"lambda.amazonaws.com", "scheduler.amazonaws.com"}


def actions(name: str) -> dict[str, list[Any]]:
    """Return what a role may do, and to what; logs left out."""
    return {
        action: as_list(statement["Resource"])
        for statement in statements(ROLES[name])
        for action in as_list(statement["Action"])
        if not action.startswith("logs:")
    }


@pytest.mark.parametrize("name", RECEIVERS)
def test_a_receiver_may_store_and_read_accounts_and_nothing_else(name: str) -> None:
    may = actions(f"{name}Role")
    assert may.keys() == {"dynamodb:PutItem", "secretsmanager:GetSecretValue"}
    assert may["dynamodb:PutItem"] == [{"Fn::GetAtt": ["Journal", "Arn"]}]
    [accounts] = may["secretsmanager:GetSecretValue"]
    assert accounts["Fn::Sub"].endswith(":secret:/hookline/${Stage}/accounts/*")


def test_only_publish_puts_events_and_only_on_our_bus() -> None:
    may = {name: actions(name)["events:PutEvents"] for name in ROLES if "events:PutEvents" in actions(name)}
    assert may == {"PublishRole": [{"Fn::GetAtt": ["Bus", "Arn"]}]}


def test_publish_reads_no_account_and_writes_no_entry() -> None:
    may = actions("PublishRole")
    assert not [it for it in may if it.startswith("secretsmanager:")]
    assert not {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"} & may.keys()


def test_only_who_keeps_the_list_of_open_commands_deletes() -> None:
    every = [statement for name in ROLES for statement in statements(ROLES[name])]
    deleting = [it for it in every if "dynamodb:DeleteItem" in as_list(it["Action"])]
    assert len(deleting) == 2
    for statement in deleting:
        assert (statement["Sid"], statement["Action"]) == ("CloseCommands", "dynamodb:DeleteItem")


def test_nobody_changes_accounts_or_scans() -> None:
    may = {action for name in ROLES for action in actions(name)}
    assert {it for it in may if it.startswith("secretsmanager:")} == {"secretsmanager:GetSecretValue"}
    assert not {"dynamodb:Scan", "dynamodb:DeleteTable"} & may


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_the_journal_is_kept_encrypted_and_forgets_entries_in_time() -> None:
    journal = TEMPLATE["Resources"]["Journal"]
    assert journal["DeletionPolicy"] == journal["UpdateReplacePolicy"] == "Retain"
    properties = journal["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert properties["SSESpecification"]["SSEEnabled"] is True
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert [it["AttributeName"] for it in properties["KeySchema"]] == ["pk", "sk"]


@each_queue
def test_every_queue_is_encrypted_and_keeps_as_long_as_it_can(name: str) -> None:
    assert QUEUES[name]["Properties"]["SqsManagedSseEnabled"] is True
    assert QUEUES[name]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


@pytest.mark.parametrize("name", sorted(QUEUES.keys() - DEAD_LETTERS.keys()))
def test_every_queue_has_a_dead_letter_queue(name: str) -> None:
    target = QUEUES[name]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert target in DEAD_LETTERS


@pytest.mark.parametrize("name", DEAD_LETTERS)
def test_every_dead_letter_queue_has_an_alarm_at_its_first_message(name: str) -> None:
    watched = [{"Name": "QueueName", "Value": {"Fn::GetAtt": [name, "QueueName"]}}]
    [alarm] = [it["Properties"] for it in ALARMS.values() if it["Properties"].get("Dimensions") == watched]
    assert alarm["Namespace"] == "AWS/SQS"
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_wakes_whom_it_should_and_is_silent_when_nothing_happens(name: str) -> None:
    properties = ALARMS[name]["Properties"]
    assert properties["AlarmActions"] == {
        "Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
    }
    assert properties["TreatMissingData"] == "notBreaching"
    assert properties["AlarmDescription"]


# --- the way in and the way out --------------------------------------------------------------------------------------

API = TEMPLATE["Resources"]["Api"]["Properties"]


def test_the_api_is_throttled() -> None:
    assert API["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert API["DefaultRouteSettings"]["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}
    assert TEMPLATE["Parameters"]["ThrottleRate"]["Default"] > 0
    assert TEMPLATE["Parameters"]["ThrottleBurst"]["Default"] >= TEMPLATE["Parameters"]["ThrottleRate"]["Default"]


def test_the_access_log_holds_no_path_and_no_query_string() -> None:
    """A provider's parameters can stand in either."""
    written = set(re.findall(r"\$context\.([\w.]+)", API["AccessLogSettings"]["Format"]))
    assert {"requestId", "routeKey", "status"} <= written
    assert not {"path", "httpMethod", "resourcePath", "queryString"} & {it.rpartition(".")[2] for it in written}
    assert json.loads(API["AccessLogSettings"]["Format"])


def test_the_api_takes_post_alone_on_the_routes_that_the_verifiers_know() -> None:
    events = [it["Properties"] for name in RECEIVERS for it in RECEIVERS[name]["Properties"]["Events"].values()]
    assert {it["Method"] for it in events} == {"POST"}
    assert {it["Path"] for it in events} == {route for it in SPEAKERS.values() for route in it.provider.routes}
    assert all(it["ApiId"] == {"Ref": "Api"} for it in events)
    assert API["CorsConfiguration"]["AllowMethods"] == ["POST", "OPTIONS"]


def test_publish_reports_what_failed_and_loses_nothing_by_its_source() -> None:
    stream = FUNCTIONS["Publish"]["Properties"]["Events"]["Entries"]["Properties"]
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert stream["StartingPosition"] == "TRIM_HORIZON"
    assert "MaximumRetryAttempts" not in stream, "the default is to try as long as the stream remembers"
    assert "MaximumRecordAgeInSeconds" not in stream
    [pattern] = [json.loads(it["Pattern"]) for it in stream["FilterCriteria"]["Filters"]][:1]
    assert pattern["eventName"] == ["INSERT"]
    assert "callback" in pattern["dynamodb"]["NewImage"]["entry"]["S"]


def test_only_the_rule_may_write_to_the_subscription() -> None:
    [statement] = TEMPLATE["Resources"]["SubscriptionPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["SubscriptionRule", "Arn"]}}}
    rule = TEMPLATE["Resources"]["SubscriptionRule"]["Properties"]
    assert rule["EventPattern"] == {"source": ["hookline"]}
    assert all("DeadLetterConfig" in target for target in rule["Targets"])


# --- what SAM makes of it --------------------------------------------------------------------------------------------

TRANSLATE = """
import json, os, sys
os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
from samtranslator.translator.transform import transform
class NoManagedPolicies:
    def load(self):
        return {}
asked = json.load(sys.stdin)
made = [transform(it, asked["parameters"], NoManagedPolicies()) for it in asked["templates"]]
of_type = [[name for name, it in them["Resources"].items() if it["Type"] == asked["type"]] for them in made]
json.dump([sorted(names) for names in of_type], sys.stdout)
"""
"""Run where SAM's translator is: it tells what a template becomes when it is deployed."""


def as_built(*, layer: str = "1", function: str = "1", trap: str | None = None) -> dict[str, Any]:
    """Return the template as `sam package` leaves it, with the hashes of what was uploaded.

    Args:
        layer: tells one content of our layer from another.
        function: tells one content of the functions from another.
        trap: a property to leave out everywhere, to see what it is for.
    """
    built = json.loads(json.dumps(TEMPLATE))
    for name, it in built["Resources"].items():
        properties = it.get("Properties", {})
        if "CodeUri" in properties:
            properties["CodeUri"] = f"s3://artifacts/{name}-{function}"
        if "ContentUri" in properties:
            properties["ContentUri"] = f"s3://artifacts/{name}-{layer if name == 'HooklineLayer' else 1}"
        properties.pop(trap, None)
    built["Globals"]["Function"].pop(trap, None)
    return dict(built)


def versions(*templates: Mapping[str, Any], kind: str = "AWS::Lambda::Version") -> list[list[str]]:
    """Return the logical ids of the functions' versions that a deployment of each template makes."""
    parameters = {name: str(it["Default"]) for name, it in TEMPLATE["Parameters"].items()}
    asked = json.dumps({"templates": templates, "parameters": parameters, "type": kind})
    python = project.tool("sam", "python")
    ended = subprocess.run([python, "-c", TRANSLATE], input=asked, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return [list(it) for it in json.loads(ended.stdout)]


@cache
def deployments() -> dict[str, list[str]]:
    templates = {
        "as it is": as_built(),
        "again": as_built(),
        "layer changed": as_built(layer="2"),
        "functions changed": as_built(function="2"),
        "without AutoPublishAliasAllProperties": as_built(trap="AutoPublishAliasAllProperties"),
        "the same, layer changed": as_built(layer="2", trap="AutoPublishAliasAllProperties"),
        "without PublishLambdaVersion": as_built(trap="PublishLambdaVersion"),
        "without it, layer changed": as_built(layer="2", trap="PublishLambdaVersion"),
    }
    return dict(zip(templates, versions(*templates.values()), strict=True))


def test_every_function_gets_a_version() -> None:
    assert len(deployments()["as it is"]) == len(FUNCTIONS)


def test_the_same_content_makes_no_new_version() -> None:
    assert deployments()["again"] == deployments()["as it is"]


@pytest.mark.parametrize("changed", ["layer changed", "functions changed"])
def test_a_change_makes_a_new_version_of_every_function(changed: str) -> None:
    before, after = deployments()["as it is"], deployments()[changed]
    assert len(after) == len(before)
    assert set(after).isdisjoint(before)


@table(
    "case",
    [
        Case("the alias's", ("without AutoPublishAliasAllProperties", "the same, layer changed"), None),
        Case("the layer's", ("without PublishLambdaVersion", "without it, layer changed"), None),
    ],
)
def test_without_either_property_the_old_code_would_stay_live(case: Case[tuple[str, str], None]) -> None:
    """The trap itself: this is what the two properties are there for."""
    before, after = case.given
    assert deployments()[before] == deployments()[after]
