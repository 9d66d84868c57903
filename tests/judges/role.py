"""The role of a bundle on a moto server."""

import json

import boto3


def assumed(*actions):
    """Makes the role `bundle`, which may do these actions, and takes it on: the variables of its temporary credentials."""
    iam = boto3.client("iam")
    trust = statement(Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole")
    role = iam.create_role(RoleName="bundle", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = statement(Action=list(actions), Resource="*")
    iam.put_role_policy(RoleName="bundle", PolicyName="bundle", PolicyDocument=policy)
    given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="bundle")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def statement(**parts):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **parts}]})
