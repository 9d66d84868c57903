"""Asks a moto server what the tests want to know of SQS.

setup QUEUE…           makes queues and the role of a bundle: their URLs, and temporary credentials of the role
receive URL COUNT      the messages of a queue, as the role that `setup` made
"""

import json
import os
import sys

import boto3

REGION = "eu-west-1"


def setup(*queues):
    urls = {}
    for queue in queues:
        attributes = {"FifoQueue": "true"} if queue.endswith(".fifo") else {}
        urls[queue] = boto3.client("sqs").create_queue(QueueName=queue, Attributes=attributes)["QueueUrl"]
    iam = boto3.client("iam")
    trust = statement(Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole")
    role = iam.create_role(RoleName="bundle", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = statement(Action=["sqs:SendMessage", "sqs:ReceiveMessage"], Resource="*")
    iam.put_role_policy(RoleName="bundle", PolicyName="send", PolicyDocument=policy)
    given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="bundle")["Credentials"]
    environment = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    return {"urls": urls, "environment": environment}


def statement(**parts):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **parts}]})


def receive(url, count):
    sqs = boto3.client("sqs")
    messages = []
    while len(messages) < int(count):
        batch = sqs.receive_message(
            QueueUrl=url,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=1,
            MaxNumberOfMessages=10,
        )
        if "Messages" not in batch:
            break
        messages += batch["Messages"]
    said = [{name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()} for message in messages]
    return [
        {"body": message["Body"], "attributes": message["Attributes"], "said": said}
        for message, said in zip(messages, said)
    ]


if __name__ == "__main__":
    os.environ["AWS_DEFAULT_REGION"] = REGION
    print(json.dumps({"setup": setup, "receive": receive}[sys.argv[1]](*sys.argv[2:])))
