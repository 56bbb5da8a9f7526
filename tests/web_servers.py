"""Web servers that tests download from."""

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """A web server that answers from ``answers``: one (status, content) after the other."""

    def __init__(self):
        self.answers = {}
        self.requests = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                web.requests.append(self.path)
                answers = web.answers[self.path.lstrip("/")]
                status, content = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content if status == 200 else b"")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def answer(content, status="200 OK", length=None, headers=()):
    """Return a raw HTTP answer; ``length=False`` leaves its length out."""
    lines = [f"HTTP/1.1 {status}", "Connection: close", *headers]
    if length is not False:
        lines.append(f"Content-Length: {len(content) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def drip(data, stop):
    """Send an answer slowly."""
    for start in range(0, len(data), 2000):
        yield data[start : start + 2000]
        time.sleep(0.005)


def stall(data, stop):
    """Send half of an answer."""
    yield data[: len(data) // 2]
    stop.wait(30)


def send_without_end(data, stop):
    """Send an answer, and then more and more."""
    yield data
    while not stop.is_set():
        yield b"x" * 65536


class RawWeb:
    """A server that sends raw HTTP answers, one after the other.

    An answer is bytes, or a function that yields them and is told when the server stops.
    """

    def __init__(self, *answers):
        self.answers = list(answers)
        self.n_requests = 0
        self._stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/file"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        self.n_requests += 1
        data = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        parts = iter([data]) if isinstance(data, bytes) else data(self._stop)
        # the client may close the connection
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            for part in parts:
                connection.sendall(part)

    def close(self):
        self._stop.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
