"""Asks a moto server what the tests want to know of SQS.

setup QUEUE…           makes queues and the role of a bundle: their URLs, and temporary credentials of the role
receive URL COUNT      the messages of a queue, as the role that `setup` made
"""

import json
import os
import sys

import boto3
import role

REGION = "eu-west-1"


def setup(*queues):
    urls = {}
    for queue in queues:
        attributes = {"FifoQueue": "true"} if queue.endswith(".fifo") else {}
        urls[queue] = boto3.client("sqs").create_queue(QueueName=queue, Attributes=attributes)["QueueUrl"]
    return {"urls": urls, "environment": role.assumed("sqs:SendMessage", "sqs:ReceiveMessage")}


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
