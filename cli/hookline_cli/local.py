"""The whole stack on this machine: built, deployed to the embedded emulator, with the routes that it leaves out."""

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from hookline_cli import emulator, processes, project, providers
from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack, local_stack

PARAMETERS = (f"Architecture={project.machine()}", "Stage=local")
"""The template's parameters on this machine: the emulator runs the functions as they are, so built for it."""

ARTIFACTS = "hookline-local-artifacts"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_CORS_LISTS = ("allowOrigins", "allowHeaders", "allowMethods")

type Progress = Callable[[str], None]


def up(instance: str, progress: Progress) -> Stack:
    """Bring an instance's stack up, or up to date with the checkout.

    Args:
        instance: which local stack.
        progress: is told what is being done, in a few words.

    Raises:
        CommandError: something of it failed; says what, and where the log is.
    """
    _check_name(instance)
    with project.alone():
        progress("building (sam build)")
        built = project.build(PARAMETERS)
        progress("built" if built else "what was built before still holds")
        progress("starting the embedded emulator")
        running = emulator.start(instance)
        stack = local_stack(running)
        marker = processes.folder(instance) / "deployed"
        wanted = f"{running.pid} {(project.BUILD / project.STAMP).read_text()}"
        if marker.exists() and marker.read_text() == wanted:
            progress("what is deployed is up to date")
        else:
            progress("deploying (sam deploy)")
            _deploy(stack, running)
            marker.write_text(wanted)
    progress("starting the stand-in providers")
    providers.start(stack)
    return stack


def _deploy(stack: Stack, running: emulator.Emulator) -> None:
    _make_bucket(stack)
    project.sam(
        "deploy",
        "--config-env",
        "local",
        "--parameter-overrides",
        *PARAMETERS,
        f"EndpointUrl={running.endpoint}",
        aws=running.environment,
        log=processes.folder(running.instance) / "deploy.log",
    )
    import_routes(stack)
    mend_concurrency(stack)


def down(instance: str) -> bool:
    """Stop an instance's stack. Nothing of it is left running; its data is gone. Returns False where none ran.

    Raises:
        CommandError: no instance can have that name.
    """
    _check_name(instance)
    (processes.folder(instance) / "deployed").unlink(missing_ok=True)
    providers.stop(instance)
    return emulator.stop(instance)


def _check_name(instance: str) -> None:
    if not _NAME.fullmatch(instance):  # it names a folder, and what is in there is deleted
        raise CommandError(f"--instance: {instance!r} can't be a name: 1 to 40 of a-z, 0-9 and -, none of - first")


def import_routes(stack: Stack) -> None:
    """Make an HTTP API's routes from its OpenAPI body, which the emulator does not read.

    Routes and integrations that are there already are kept, so that a redeployment does not interrupt callbacks.
    """
    template = _processed_template(stack)
    resources = {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for resource in stack.cloudformation.describe_stack_resources(StackName=stack.name)["StackResources"]
    }
    parameters = _parameters(stack)
    body = template["Resources"]["Api"]["Properties"]["Body"]
    api = stack.outputs["ApiId"]
    routes = {route["RouteKey"]: route for route in stack.apis.get_routes(ApiId=api)["Items"]}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            target = resources[re.findall(r"functions/\$\{(\w+)\}", uri)[0]]
            key = f"{method.upper()} {path}"
            if key not in routes:
                _make_route(stack, api, key, target)
    cors = body.get("x-amazon-apigateway-cors")
    if cors:
        lists = {name: [_resolved(item, parameters) for item in cors[name]] for name in _CORS_LISTS if name in cors}
        configuration: Any = {name[0].upper() + name[1:]: value for name, value in lists.items()}
        configuration["MaxAge"] = cors.get("maxAge", 0)
        stack.apis.update_api(ApiId=api, CorsConfiguration=configuration)


def mend_concurrency(stack: Stack) -> None:
    """Set each event source's concurrency as a number.

    The emulator keeps a template's number parameter as a text, and then compares it with a number: until that is mended
    it takes nothing from any queue.
    """
    for mapping in stack.functions.list_event_source_mappings()["EventSourceMappings"]:
        most = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        if most is not None:
            stack.functions.update_event_source_mapping(
                UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": int(most)}
            )


def _make_route(stack: Stack, api: str, key: str, function: str) -> None:
    integration = stack.apis.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationMethod="POST",
        IntegrationUri=function,
        PayloadFormatVersion="2.0",
    )
    stack.apis.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration['IntegrationId']}")


def _processed_template(stack: Stack) -> Mapping[str, Any]:
    template: Any = stack.cloudformation.get_template(StackName=stack.name, TemplateStage="Processed")["TemplateBody"]
    return json.loads(template) if isinstance(template, str) else template  # type: ignore[no-any-return]


def _parameters(stack: Stack) -> dict[str, str]:
    described = stack.cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in described.get("Parameters", [])}


def _resolved(value: object, parameters: Mapping[str, str]) -> str:
    return parameters[value["Ref"]] if isinstance(value, dict) else str(value)


def _make_bucket(stack: Stack) -> None:
    try:
        stack.s3.create_bucket(Bucket=ARTIFACTS)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds, for so many seconds at the most; says whether it came to hold."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()
