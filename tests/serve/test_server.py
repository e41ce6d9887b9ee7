"""The process: slow and rude clients, signals, and an end that loses no request."""

import json
import shutil
import socket
import threading
import time
from http.client import HTTPException
from pathlib import Path

import pytest

from support.process import run_code, run_python
from support.serving import Running, running

TEXT = {"inputs": "a superb plot"}
BODY = json.dumps(TEXT).encode()
REQUEST = (
    b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n" % len(BODY)
)


def connect(server: Running) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=10)


def told(connection: socket.socket) -> bytes:
    """All that a connection still says, until the server closes it."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


# Clients


def test_a_client_that_never_ends_its_headers_is_let_go_and_holds_up_nobody(live):
    slow = [connect(live) for _ in range(50)]
    for connection in slow[:25]:
        connection.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\nx-slow: ")
    begun = time.monotonic()
    while time.monotonic() - begun < 0.5:
        slow[0].sendall(b"a")
        assert live.ask("POST", "/predict", TEXT).status == 200
    for connection in slow:
        assert told(connection) == b""
        connection.close()
    assert time.monotonic() - begun < 8


def test_line_ends_instead_of_a_request_do_not_keep_a_connection(live):
    with connect(live) as connection:
        connection.sendall(REQUEST + BODY)
        assert b"200 OK" in connection.recv(65536)
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 8:
                connection.sendall(b"\r\n")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - begun < 5


def test_endless_headers_are_refused(live):
    with connect(live) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n")
        said = b""
        try:
            for _ in range(200):
                connection.sendall(b"x-more: " + b"a" * 1000 + b"\r\n")
            said = told(connection)
        except ConnectionError:
            said = b"431"  # Closed while we were sending, and the answer lost with it.
        assert b"431" in said


def test_what_is_not_http_is_refused_as_json(live):
    with connect(live) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        head, _, body = told(connection).partition(b"\r\n\r\n")
    assert b"400 Bad Request" in head
    assert json.loads(body)["error_type"] == "Validation"


def test_a_connection_serves_many_requests_and_those_sent_ahead(live):
    with connect(live) as connection:
        connection.sendall((REQUEST + BODY) * 3)
        said = b""
        while said.count(b"200 OK") < 3:
            said += connection.recv(65536)


def test_a_request_that_was_sent_ahead_has_its_own_time_for_a_body(live):
    with connect(live) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n" + REQUEST)
        time.sleep(2)  # Longer than an idle connection is kept.
        connection.sendall(BODY)
        said = b""
        while said.count(b"200 OK") < 2 and (part := connection.recv(65536)):
            said += part
    assert said.count(b"200 OK") == 2


def test_whoever_sends_all_before_reading_is_told_why_it_was_refused(live):
    reply = live.ask("POST", "/predict", b" " * 8_000_000)
    assert reply.status == 413
    assert "larger than 2,000,000 bytes" in reply.error


def test_a_client_that_closes_its_half_is_let_go(live):
    with connect(live) as connection:
        connection.sendall(REQUEST + BODY[:5])
        connection.shutdown(socket.SHUT_WR)
        assert told(connection) == b""
    assert live.ask("POST", "/predict", TEXT).status == 200


def test_a_body_that_does_not_come_is_given_up(predictor):
    arguments = ("--body-timeout", "0.3", "--max-connections", "3", "--max-texts", "2")
    with running(f"reviews={predictor}", *arguments) as server:
        with connect(server) as slow, connect(server) as other:
            slow.sendall(REQUEST + BODY[:5])
            assert b"408 Request Timeout" in slow.recv(65536)
            table = REQUEST.replace(b"application/json", b"text/csv").replace(b"predict", b"table")
            other.sendall(table + b"text\n")
            assert b"408 Request Timeout" in other.recv(65536)
            with connect(server) as third, connect(server) as fourth:
                assert b"503 Service Unavailable" in told(fourth)
                third.sendall(REQUEST + BODY)
                assert b"200 OK" in third.recv(65536)
        assert server.ask("POST", "/predict", {"inputs": [["x"]] * 3}).status == 422


# Signals


class Load:
    """Clients that ask again and again, each over a connection of its own, until they are told
    that the server ends, or cannot reach it."""

    def __init__(self, server: Running, clients: int = 8) -> None:
        self.server = server
        self.answers: list[int] = []
        self.lost: list[str] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _ask(self) -> None:
        while not self.stopped.is_set():
            try:
                connection = connect(self.server)
            except OSError:
                return  # Not accepted.
            with connection:
                try:
                    connection.sendall(
                        REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
                    )
                    connection.sendall(BODY)
                    said = told(connection)
                    self.answers.append(int(said.split(b" ", 2)[1]))
                except (OSError, HTTPException, IndexError) as error:
                    self.lost.append(repr(error))

    def end(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(20)


def test_sigterm_under_load_loses_no_request_that_was_accepted(predictor):
    with running(f"reviews={predictor}", "--drain", "0.5") as server:
        load = Load(server, 32)
        time.sleep(0.7)
        assert server.ask("GET", "/ready").status == 200
        server.signal("SIGTERM")
        time.sleep(0.2)
        assert server.ask("GET", "/ready").status == 503
        assert server.ask("POST", "/predict", TEXT).status == 200
        code = server.process.wait(20)
        load.end()
    assert code == 0
    assert load.lost == []
    assert set(load.answers) == {200}
    assert len(load.answers) > 20


def test_sighup_under_load_loads_again_and_loses_nothing(predictor, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(predictor, folder)
    with running(folder) as server:
        load = Load(server, clients=4)
        for version in (2, 3):
            server.signal("SIGHUP")
            deadline = time.monotonic() + 20
            while server.ask("GET", "/info").json["model_version"] != version:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        (folder / "manifest.json").write_text("{}")
        server.signal("SIGHUP")
        time.sleep(0.3)
        load.end()
        assert server.ask("GET", "/info").json["model_version"] == 3
        assert server.end() == 0
    assert (load.lost, set(load.answers)) == ([], {200})
    assert any("not loaded again, the old one stays" in line for line in server.said)


def test_ctrl_c_ends_it_with_success_and_a_line_of_figures(predictor):
    with running(predictor) as server:
        server.ask("POST", "/predict", TEXT)
        assert server.end("SIGINT") == 0
        assert server.process.stdout
        figures = json.loads(server.process.stdout.read().splitlines()[-1])
    assert (figures["port"], figures["requests"]) == (server.port, 1)


def test_no_text_is_logged_unless_asked(live, predictor):
    live.ask("POST", "/predict", {"inputs": "a xyzzy plot"})
    live.ask("POST", "/predict?text=xyzzy", {"inputs": ["xyzzy", 3]})
    assert live.hears("POST /predict 200")
    assert live.hears("POST /predict 422")
    assert "xyzzy" not in "".join(live.said)
    with running(predictor, "--log-texts") as server:
        server.ask("POST", "/predict", {"inputs": "a xyzzy\nplot"})
        server.end()
    assert any("'a xyzzy\\nplot'" in line for line in server.said)


# The command


def complaint_of(*arguments: str | Path) -> str:
    """The line with which serve.py refuses to start; were it not to, it would be stopped."""
    done = run_python("scripts/serve.py", *arguments, timeout=60)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "requests need a key: set SENTIMENT_API_KEY"),
        (["--host", "127.example.com"], "requests need a key: set SENTIMENT_API_KEY"),
        (["--port", "70000"], "--port 70000: wanted 0 to 65535"),
        (["--host", "no.such.host", "--no-api-key"], "no such address"),
        (["--max-texts", "0"], "--max-texts 0: wanted a number above 0"),
        (["--api-key", "ä"], "wanted letters, digits and signs of ASCII alone"),
    ],
)
def test_flags_that_make_no_sense_are_refused(predictor, arguments, said):
    assert said in complaint_of(predictor, *arguments)


def test_a_folder_that_is_no_predictor_is_refused(tmp_path):
    assert "is no predictor" in complaint_of(tmp_path)


def test_a_port_that_is_taken_is_refused(live, predictor):
    said = complaint_of(predictor, "--port", str(live.port))
    assert f"127.0.0.1:{live.port} cannot be listened on: address already in use" in said


def test_an_environment_without_the_extra_says_how_to_get_it():
    done = run_code(
        """
        import sys
        sys.modules["uvicorn"] = None
        import importlib.util
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name: None if name == "uvicorn" else find(name)
        from ktrain_sentiment.commands.dispatch import main
        sys.argv = ["ktrain-sentiment", "serve", "x"]
        main()
        """
    )
    assert done.returncode == 2
    assert 'pip install "ktrain-sentiment[serve]"' in done.stderr


def test_serving_imports_neither_tensorflow_nor_transformers_nor_pandas(predictor: Path):
    done = run_code(
        f"""
        import sys
        from pathlib import Path
        from ktrain_sentiment.serve.server import Service, open_site
        site = open_site(Service(places={{"x": Path({str(predictor)!r})}}))
        site.worker.close()
        heavy = "tensorflow", "torch", "transformers", "pandas", "sklearn", "ktrain", "fastapi"
        print([name for name in heavy if name in sys.modules])
        """
    )
    assert done.stdout.strip() == "[]", done.stderr
