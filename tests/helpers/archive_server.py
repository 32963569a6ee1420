"""A web server on the loopback address that can send the rest of a file, or breaks off."""

import re
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler

from loopback import serve_by


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder.

    ``asked`` gets (path, first byte) of each request; ``cuts`` says after how many bytes each of
    the first connections breaks off; without ``ranges`` a file is sent from its beginning.
    """

    def __init__(self, *args, asked, cuts, ranges, **kw):
        self.asked, self.cuts, self.ranges = asked, cuts, ranges
        super().__init__(*args, **kw)

    def do_GET(self):
        try:
            with open(self.translate_path(self.path), "rb") as stream:
                body = stream.read()
        except OSError:
            self.send_error(404)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        self.asked.append((self.path.lstrip("/"), start))
        if wanted and self.ranges and start >= len(body):
            self.send_error(416)
            return
        if wanted and self.ranges:
            self.send_response(206)
            body = body[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)
        self.close_connection = True

    def log_message(self, *args):
        pass


@contextmanager
def serve(folder, *, cuts=(), ranges=True):
    """Address of the folder, and what was asked for."""
    asked = []
    handler = partial(Handler, directory=str(folder), asked=asked, cuts=[*cuts], ranges=ranges)
    with serve_by(handler) as address:
        yield address, asked
