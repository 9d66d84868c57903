"""What the judges of a deployed stack are asked, through AWS's own SDK: each command prints one JSON value.

    stack.py bucket NAME                 creates a bucket for the code
    stack.py secret NAME VALUE           keeps a secret, and answers its ARN
    stack.py facts STACK                 functions, roles, schedules, mappings and queues of the stack
    stack.py routes STACK TEMPLATE       makes the routes that ministack does not read from an API's definition
    stack.py hide QUEUE_URL SECONDS      sets how long a received message is hidden
    stack.py send QUEUE_URL BODY...      sends the messages in one request
    stack.py depth QUEUE_URL             how many messages wait, and how many are in flight
    stack.py receive QUEUE_URL           the bodies of waiting messages
    stack.py logs GROUP                  the lines of a log group

The endpoint, the region and the credentials come from the environment.
"""

import json
import sys

import boto3
import yaml


def bucket(name):
    region = boto3.session.Session().region_name
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    return name


def secret(name, value):
    return boto3.client("secretsmanager").create_secret(Name=name, SecretString=value)["ARN"]


def resources(stack):
    listed = boto3.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {one["LogicalResourceId"]: (one["ResourceType"], one["PhysicalResourceId"]) for one in listed}


def facts(stack):
    described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    found = {
        "status": described["StackStatus"],
        "outputs": {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", [])},
        "functions": {},
        "roles": {},
        "schedules": {},
        "mappings": [],
        "queues": {},
        "logs": {},
    }
    for logical, (kind, physical) in resources(stack).items():
        if kind == "AWS::Lambda::Function":
            function = boto3.client("lambda").get_function_configuration(FunctionName=physical)
            found["functions"][logical] = {
                "name": physical,
                "arn": function["FunctionArn"],
                "runtime": function["Runtime"],
                "memory": function["MemorySize"],
                "timeout": function["Timeout"],
                "role": function["Role"],
                "environment": function.get("Environment", {}).get("Variables", {}),
                "log": function.get("LoggingConfig", {}).get("LogGroup"),
            }
        elif kind == "AWS::IAM::Role":
            found["roles"][logical] = role(physical)
        elif kind == "AWS::SQS::Queue":
            attributes = boto3.client("sqs").get_queue_attributes(QueueUrl=physical, AttributeNames=["All"])
            found["queues"][logical] = attributes["Attributes"]
        elif kind == "AWS::Logs::LogGroup":
            groups = boto3.client("logs").describe_log_groups(logGroupNamePrefix=physical)["logGroups"]
            found["logs"][logical] = {group["logGroupName"]: group.get("retentionInDays") for group in groups}
    names = {function["arn"] for function in found["functions"].values()}
    for mapping in boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]:
        if mapping["FunctionArn"] in names:
            keys = ("EventSourceArn", "FunctionArn", "BatchSize", "FunctionResponseTypes", "State")
            found["mappings"].append({key: mapping.get(key) for key in keys})
    scheduler = boto3.client("scheduler")
    for one in scheduler.list_schedules()["Schedules"]:
        schedule = scheduler.get_schedule(Name=one["Name"], GroupName=one["GroupName"])
        if schedule["Target"]["Arn"] in names:
            keys = ("GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "State", "Target")
            found["schedules"][one["Name"]] = {key: schedule.get(key) for key in keys}
    return found


def role(name):
    iam = boto3.client("iam")
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    policies = {policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] for policy in inline}
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return {"name": name, "policies": policies, "attached": [policy["PolicyArn"] for policy in attached]}


def routes(stack, template):
    api = boto3.client("apigatewayv2")
    there = resources(stack)
    made = []
    with open(template, encoding="utf-8") as file:
        wanted = yaml.safe_load(file)["Resources"]
    for logical, resource in wanted.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        function = boto3.client("lambda").get_function_configuration(FunctionName=there[logical][1])["FunctionArn"]
        integration = None
        for event in resource["Properties"].get("Events", {}).values():
            if event["Type"] != "HttpApi":
                continue
            properties = event["Properties"]
            api_id = there[properties["ApiId"]["Ref"]][1]
            if integration is None:
                integration = api.create_integration(
                    ApiId=api_id,
                    IntegrationType="AWS_PROXY",
                    IntegrationUri=function,
                    PayloadFormatVersion=properties["PayloadFormatVersion"],
                )["IntegrationId"]
            key = f"{properties['Method']} {properties['Path']}" if "Path" in properties else "$default"
            api.create_route(ApiId=api_id, RouteKey=key, Target=f"integrations/{integration}")
            made.append({"api": api_id, "route": key})
    return made


def hide(queue, seconds):
    boto3.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": seconds})
    return seconds


def send(queue, *bodies):
    entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
    sent = boto3.client("sqs").send_message_batch(QueueUrl=queue, Entries=entries)
    if sent.get("Failed"):
        raise SystemExit(f"not all messages were taken: {sent['Failed']}")
    return [one["MessageId"] for one in sent["Successful"]]


def depth(queue):
    names = {"waiting": "ApproximateNumberOfMessages", "in_flight": "ApproximateNumberOfMessagesNotVisible"}
    asked = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=list(names.values()))
    return {ours: int(asked["Attributes"][theirs]) for ours, theirs in names.items()}


def receive(queue):
    sqs = boto3.client("sqs")
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=0)
    return [message["Body"] for message in got.get("Messages", [])]


def logs(group):
    events = boto3.client("logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in events]


COMMANDS = {
    "bucket": bucket,
    "secret": secret,
    "facts": facts,
    "routes": routes,
    "hide": hide,
    "send": send,
    "depth": depth,
    "receive": receive,
    "logs": logs,
}

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    json.dump(COMMANDS[command](*arguments), sys.stdout, default=str)
