"""An AWS endpoint on the loopback interface to which every account is known and every write is welcome."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serve(secret: str) -> Iterator[str]:
    """Serve it.

    Args:
        secret: the text of every secret of Secrets Manager.

    Yields:
        Its URL.
    """

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            wants_a_secret = self.headers["x-amz-target"].endswith("GetSecretValue")
            body = json.dumps({"SecretString": secret} if wants_a_secret else {}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
