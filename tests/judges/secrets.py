"""Places where secrets are kept.

aws SECRETS.json       makes what the file says on a moto server, and the role of a bundle that may read it: the ARNs, and temporary
                       credentials of the role
vault PORT CERT KEY SECRETS.json
                       an endpoint of a managed identity at http://127.0.0.1:PORT+1, and a key vault at https://127.0.0.1:PORT
                       that takes its tokens and holds what the file says at the moment
"""

import json
import os
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

REGION = "eu-west-1"
TOKEN = "plantedsecret7Qx-token"


def aws(file):
    import boto3
    import role

    os.environ["AWS_DEFAULT_REGION"] = REGION
    secrets = json.load(open(file))
    key = boto3.client("kms").create_key()["KeyMetadata"]["KeyId"]
    arns = {}
    for name, value in secrets.get("parameters", {}).items():
        parameters = boto3.client("ssm")
        parameters.put_parameter(Name=name, Value=value, Type="SecureString", KeyId=key)
        arns[name] = parameters.get_parameter(Name=name)["Parameter"]["ARN"]
    for name, value in secrets.get("secrets", {}).items():
        arns[name] = boto3.client("secretsmanager").create_secret(Name=name, SecretString=value)["ARN"]
    return {"arns": arns, "environment": role.assumed("ssm:GetParameter", "secretsmanager:GetSecretValue")}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *values):
        print(self.command, self.path, values[1] if len(values) > 1 else "", flush=True)


class Identity(Handler):
    def do_GET(self):
        asked = parse_qs(urlsplit(self.path).query)
        if self.headers.get("x-identity-header") != "plantedsecret7Qx-header" or "resource" not in asked:
            return self.answer(403, {"message": "not the app"})
        self.answer(200, {"access_token": TOKEN, "expires_on": "4102444800", "resource": asked["resource"][0]})


def vault(port, certificate, key, file):
    class Vault(Handler):
        def do_GET(self):
            path, name = urlsplit(self.path), urlsplit(self.path).path.rpartition("/")[2]
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                return self.answer(401, {"error": {"code": "Unauthorized"}})
            if "api-version" not in parse_qs(path.query) or not path.path.startswith("/secrets/"):
                return self.answer(400, {"error": {"code": "BadParameter"}})
            value = json.load(open(file)).get(name)
            if value is None:
                return self.answer(404, {"error": {"code": "SecretNotFound"}})
            self.answer(200, {"value": value, "id": f"https://127.0.0.1:{port}/secrets/{name}/1"})

    identity = ThreadingHTTPServer(("127.0.0.1", int(port) + 1), Identity)
    threading.Thread(target=identity.serve_forever, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Vault)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    told = {"aws": aws, "vault": vault}[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(told))
