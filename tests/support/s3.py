"""An S3 server on this machine: moto's, over real HTTP, with a bucket for each test."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

BUCKET = "reviews"


class S3:
    """The bucket `reviews` of a running server, seen by boto3: not by what is tested."""

    def __init__(self, client: object) -> None:
        self.client = client

    def put(self, key: str, content: bytes) -> str:
        """The URL of an object that is there afterwards."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def names(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return [entry["Key"] for entry in listed]

    def unfinished(self) -> list[str]:
        """Keys of uploads that have begun and were neither completed nor given up."""
        found = self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())
        return [entry["Key"] for entry in found]

    def clear(self) -> None:
        for key in self.names():
            self.client.delete_object(Bucket=BUCKET, Key=key)


@contextmanager
def running_s3() -> Iterator[S3]:
    """Start the server, and point the environment to it as its users do."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: make install")
    moto = pytest.importorskip("moto.server", reason="moto's server is not installed: make install")
    import boto3

    # A part that arrives when its upload was given up is an internal error to moto, which its
    # thread logs in whichever test runs by then.
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield S3(client)
    server.stop()


@contextmanager
def answering(status: int, body: bytes = b"") -> Iterator[str]:
    """The address of a server that gives every request the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
