"""A web server on the loopback address whose files fail as a test asks for."""

import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler

from loopback import serve_by


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; ``faults`` are by the end of the path."""

    def __init__(self, *args, faults, asked, **kw):
        self.faults, self.asked = faults, asked
        super().__init__(*args, **kw)

    def do_GET(self):
        self.asked[self.path] += 1
        fault = next((f for end, f in self.faults.items() if self.path.endswith(end)), None)
        if fault == "drop once" and self.asked[self.path] > 1:
            fault = None
        if fault is None:
            super().do_GET()
            return
        if fault == "missing":
            self.send_error(404)
            return
        with open(self.translate_path(self.path), "rb") as stream:
            body = stream.read()
        if fault == "zeros":
            body = bytes(len(body))
        if fault in ("drop", "drop once"):
            self.close_connection = True
            return
        if fault in ("endless", "slow"):
            self._without_end(body, pause=0.2 if fault == "slow" else 0)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)
        self.close_connection = True

    def _without_end(self, body, pause):
        """Send a whole body and more of it, or a byte now and then, until the client goes."""
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(body[:1] if pause else body)
                time.sleep(pause)
        except OSError:
            pass

    def log_message(self, *args):
        pass


@contextmanager
def serve(folder, faults):
    """Address of the folder, and how often each path was asked for."""
    asked = Counter()
    handler = partial(Handler, directory=str(folder), faults=faults, asked=asked)
    with serve_by(handler) as address:
        yield address, asked
