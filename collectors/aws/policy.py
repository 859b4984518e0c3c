"""The least a company must grant: an IAM policy made from what the collectors declare, and nothing else.

Reading only: a collector can declare operations alone, and a test holds that none of them changes anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from aispend.connections import AwsConnection
from collectors.aws.base import actions_for
from collectors.aws.clients import partition_of

_ACCOUNT_WIDE = "*"
_ALWAYS = ("ec2.DescribeRegions",)
_ORGANIZATION = ("organizations.ListAccounts",)


def actions(operations: Iterable[str]) -> list[str]:
    """The IAM actions these operations need, sorted."""
    return sorted({action for operation in operations for action in actions_for(operation)})


def policy(connection: AwsConnection, operations: Iterable[str]) -> dict[str, Any]:
    """The policy document for a connection whose collectors make ``operations``.

    S3 is limited to the buckets of the exports named in the settings; AWS's billing and monitoring services know no
    narrower resource than the account.
    """
    partition = partition_of(connection.home_region)
    asked = {*operations, *_ALWAYS, *(_ORGANIZATION if connection.member_role and not connection.accounts else ())}
    of_s3 = actions(operation for operation in asked if operation.startswith("s3."))
    others = actions(operation for operation in asked if not operation.startswith("s3."))
    statements: list[dict[str, Any]] = []
    if others:
        statements.append({"Sid": "Read", "Effect": "Allow", "Action": others, "Resource": _ACCOUNT_WIDE})
    if of_s3:
        statements.append(
            {"Sid": "Bills", "Effect": "Allow", "Action": of_s3, "Resource": _buckets(connection, partition)}
        )
    if connection.member_role:
        role = f"arn:{partition}:iam::*:role/{connection.member_role}"
        statements.append({"Sid": "Members", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role})
    return {"Version": "2012-10-17", "Statement": statements}


def terraform(document: Mapping[str, Any]) -> str:
    """The policy as Terraform, with a role that a principal of your choice may take on."""
    text = json.dumps(document, indent=2)
    return f"""\
variable "aispend_principal" {{
  type        = string
  description = "ARN of the user or role that runs aispend"
}}

resource "aws_iam_role" "aispend" {{
  name = "aispend-read"
  assume_role_policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [{{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = {{ AWS = var.aispend_principal }}
    }}]
  }})
}}

resource "aws_iam_role_policy" "aispend" {{
  name   = "aispend-read"
  role   = aws_iam_role.aispend.id
  policy = <<-POLICY
{_indented(text, 4)}
  POLICY
}}
"""


def _buckets(connection: AwsConnection, partition: str) -> list[str]:
    every = f"arn:{partition}:s3:::"
    if not connection.exports:
        return [f"{every}*"]
    found: list[str] = []
    for export in connection.exports:
        path = "/".join(part for part in (export.prefix, export.name, "*") if part)
        found += [f"{every}{export.bucket}", f"{every}{export.bucket}/{path}"]
    return sorted(set(found))


def _indented(text: str, spaces: int) -> str:
    return "\n".join(" " * spaces + line for line in text.splitlines())
