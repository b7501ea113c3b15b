#!/usr/bin/env python3
"""Holds a running server against its own document: `openapi.py http://127.0.0.1:8000 [schemathesis options]`.

The document must be valid OpenAPI 3.1. Schemathesis then sends what it makes of it, in the name of a new account that has
what the document's examples speak of.
"""
import json
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import httpx
from openapi_spec_validator import validate

HERE = Path(__file__).parent


def example(document, path, name):
    """The example of a parameter of a path."""
    operation = next(iter(document["paths"][path].values()))
    parameter = next(each for each in operation["parameters"] if each["name"] == name)
    return parameter.get("example", parameter["schema"].get("example"))


def call(client, method, path, body=None):
    answer = client.request(method, path, json=body)
    answer.raise_for_status()
    return answer.json()


def settle(client, document):
    """Makes an account with an agent, a conversation and a link, and puts their ids in the place of the examples'."""
    # Another password than the examples': what ends an account or its tokens is to fail.
    account = {"email": f"{uuid.uuid4()}@example.com", "name": "Grace", "password": str(uuid.uuid4())}
    session = call(client, "POST", "/api/auth/register/", account)
    client.headers["authorization"] = f"Bearer {session['access_token']}"
    agent = call(client, "POST", "/api/agents/", {"name": "Charles"})["id"]
    conversation = call(client, "POST", "/api/conversations/", {"agent": agent})["id"]
    turn = call(client, "POST", f"/api/conversations/{conversation}/send_message/", {"content": "Hello"})
    share = call(client, "POST", f"/api/conversations/{conversation}/share/", {})
    of_conversation = "/api/conversations/{id}/messages/{message}/"
    text = json.dumps(document)
    for shown, real in (
        (example(document, "/api/agents/{id}/", "id"), agent),
        (example(document, "/api/conversations/{id}/", "id"), conversation),
        (example(document, of_conversation, "message"), turn["user_message"]["id"]),
        (example(document, of_conversation + "feedback/", "message"), turn["assistant_message"]["id"]),
        (example(document, "/api/shared/{share}/", "share"), share["id"]),
    ):
        text = text.replace(shown, real)
    real = json.loads(text)
    # What is there stays there until all else was tried: these delete what they find elsewhere, if at all.
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "delete" or path.endswith("/bulk_delete/"):
                real["paths"][path][method] = operation
    return real


def main(base, *options):
    with httpx.Client(base_url=base, timeout=60) as client:
        document = client.get("/api/openapi.json").raise_for_status().json()
        validate(document)
        document = settle(client, document)
        token = client.headers["authorization"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.json"
        file.write_text(json.dumps(document))
        program = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")]
        run = [*program, "run", str(file), "--url", base, "--header", f"Authorization: {token}", *options]
        for choice in ("--exclude-operation-id", "--include-operation-id"):  # The account goes last.
            if code := subprocess.run([*run, choice, "users_delete"], cwd=folder).returncode:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
