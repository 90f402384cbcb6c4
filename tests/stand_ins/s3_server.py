"""An S3 on this machine, for tests: moto answers a real client."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "anyone", "AWS_SECRET_ACCESS_KEY": "anything"}
BUCKET = "bucket"


@dataclass(frozen=True)
class Bucket:
    """A bucket, empty at first."""

    client: Any
    options: str
    """What follows an address in it, so that it is looked for here."""

    def address(self, key: str) -> str:
        return f"s3://{BUCKET}/{key}{self.options}"

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def keys(self, below: str) -> list[str]:
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=BUCKET, Prefix=below).get("Contents", [])]


@contextmanager
def a_bucket() -> Iterator[Bucket]:
    boto3 = pytest.importorskip("boto3", reason="comes with moto, of most-sketch[cluster]")
    server = pytest.importorskip("moto.server", reason="comes with most-sketch[cluster]")
    requests = pytest.importorskip("requests", reason="comes with moto, of most-sketch[cluster]")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in CREDENTIALS.items():
                patch.setenv(name, value)
            _, port = running.get_host_and_port()
            here = f"http://127.0.0.1:{port}"
            # All servers of a process share what is in them.
            requests.post(f"{here}/moto-api/reset", timeout=60).raise_for_status()
            client = boto3.client("s3", endpoint_url=here, region_name="us-east-1")
            client.create_bucket(Bucket=BUCKET)
            yield Bucket(client, f"?region=us-east-1&scheme=http&endpoint_override=127.0.0.1:{port}")
    finally:
        running.stop()
