"""A small server for pages of our own: this machine only, nobody else's page may use it, and it survives bad input.

    def hello(request: Request) -> Response:
        return json_response({"you sent": request.json()})

    with Server({("GET", "/"): lambda _: Response("<p>hi"), ("POST", "/hello"): hello}) as server:
        print(server.url)  # http://127.0.0.1:38211/kZ3v.../
        server.wait()

Its address holds a random token, so that other users of this machine cannot guess it.  It runs in threads of its own,
so that a training can go on beside it.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

HOST = "127.0.0.1"
LIMIT = 8 << 20  # bytes of a request's body
DRAINED = 64 << 20  # bytes of a refused body that are read, since a browser shows no answer before it has sent all
PATIENCE = 30.0  # seconds that a connection may be silent
CONNECTIONS = 64  # at a time
BUSY = 10.0  # seconds that a request waits for its turn
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class ServerError(RuntimeError):
    """The server cannot start; the message names the port."""


class Refused(Exception):
    """What a handler raises to refuse a request: an HTTP status, and why and what to do in words."""

    def __init__(self, status: int, words: str, **headers: str) -> None:
        super().__init__(words)
        self.status, self.headers = status, {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Request:
    """What a handler gets: ``query`` are the pairs behind the path's "?", ``body`` the bytes of a POST."""

    method: str
    path: str
    query: dict[str, str]
    headers: Message  # case does not matter in its names
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON; `Refused` with status 400 if it is none, NaN and Infinity included."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise Refused(400, f"{self.path}: the request is not valid JSON: {reason}.") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


@dataclass
class Response:
    """What a handler returns.  `headers` are added to those of `SAFE`, or take their place."""

    body: bytes | str = b""
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def json_response(value: Any, status: int = 200) -> Response:
    """A value as JSON, where NaN and infinity have no place: say null."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(text, "application/json", status)


Handler = Callable[[Request], Response]


@dataclass(frozen=True)
class Post:
    """A handler of POST requests with rules of its own: the content types that it takes, the most bytes, and how many
    requests are read and answered at a time."""

    handler: Handler
    accepts: tuple[str, ...] = ("application/json",)
    limit: int = LIMIT
    parallel: int = 8
    turns: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", threading.Semaphore(self.parallel))

    @contextmanager
    def turn(self, path: str) -> Iterator[None]:
        """A context for one of the requests that are answered at a time; `Refused` if all turns stay taken."""
        if not self.turns.acquire(timeout=BUSY):
            raise Refused(503, f"{path}: too many requests at a time; ask again.", Retry_After="1")
        try:
            yield
        finally:
            self.turns.release()


Routes = Mapping[tuple[str, str], "Handler | Post"]


class Server:
    """Serves `routes`, {(method, path): handler}, on 127.0.0.1; read anew at each request, so a dict may grow.

    A handler runs in the thread of its connection: several at a time.  `Refused` becomes its status and words in
    JSON, {"error": words}; so does any other exception, as 500; with `debug` its traceback goes to stderr.  Requests
    that name another host than this one (a page elsewhere whose name was pointed at 127.0.0.1) and POSTs that
    another page sends are refused; and everything whose path does not begin with `base`, the token of `url`.

    Raises
    ------
    ServerError : the port is taken, or may not be used.
    """

    def __init__(self, routes: Routes, port: int | None = None, *, debug: bool = False) -> None:
        self.routes, self.debug = routes, debug
        if port is not None and not 0 <= port <= 65535:
            raise ServerError(f"port {port} is out of range: 1 to 65535, or 0 for any that is free.")
        try:
            self._http = _Http((HOST, port or 0), self)
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            raise ServerError(
                f"port {port} of {HOST} {'is in use by another program' if busy else f'is refused: {error.strerror}'}. "
                "Choose another with --port, or leave it out: then a free one is taken."
            ) from None
        self.port: int = self._http.server_address[1]
        self.hosts = frozenset({f"{HOST}:{self.port}", f"localhost:{self.port}"})
        self.base = f"/{secrets.token_urlsafe(18)}"
        self.url = f"http://{HOST}:{self.port}{self.base}/"
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Server:
        """Begin to answer, in a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), name="web", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """Answer no more: the port and all connections are closed; a second time does nothing."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()

    def wait(self) -> None:
        """Return when another thread calls `stop`; Ctrl-C comes through."""
        while not self._stopped.wait(0.5):  # in parts, since some systems let no Ctrl-C into an endless wait
            pass

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: Any) -> None:
        self.stop()


class _Http(ThreadingHTTPServer):
    """The listening socket and its connections."""

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # Windows would let two programs share a port
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], owner: Server) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Connection)

    def server_bind(self) -> None:
        """As the base's, without its look-up of this machine's name, which may ask the network."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            full = len(self._open) >= CONNECTIONS
            self._open.add(request)
        if full:  # each has a thread of its own
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:  # their threads wait for a next request: this wakes and ends them
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection failed outside of handlers: as a rule the browser has left."""
        if self.owner.debug:
            traceback.print_exc(file=sys.stderr)


class _Connection(BaseHTTPRequestHandler):
    """One connection: request after request until it closes."""

    server: _Http
    protocol_version = "HTTP/1.1"  # keeps the connection, which saves a stroke's way a few milliseconds
    disable_nagle_algorithm = True
    wbufsize = -1  # header and body leave together
    timeout = PATIENCE

    def version_string(self) -> str:
        return "tinygrad_cnn"

    def log_message(self, *_: Any) -> None:
        pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses by itself (no HTTP, an unknown method), in our form."""
        self.close_connection = True
        if getattr(self, "request_version", None) is None:
            self.request_version = "HTTP/1.0"
        self._send(_error(int(code), f"no request that this server understands: {message or explain or int(code)}."))

    def _serve(self) -> None:
        owner = self.server.owner
        self.taken = False  # whether the body has been read
        try:
            response = self._answer(owner)
        except Refused as refused:
            response = _error(refused.status, str(refused), refused.headers)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except Exception as error:
            if owner.debug:
                traceback.print_exc(file=sys.stderr)
            path = self.path.partition("?")[0].removeprefix(owner.base)
            words = f"{path}: the program failed with {type(error).__name__}: {error}"
            response = _error(500, words)
        if not self.taken:
            self._drain()
        with suppress(ConnectionError, TimeoutError):
            self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _serve

    def _answer(self, owner: Server) -> Response:
        self._check_sender(owner)
        target = urlsplit(self.path)
        path = self._inside(owner, target.path)
        method = "GET" if self.command == "HEAD" else self.command
        route = owner.routes.get((method, path))
        if route is None:
            known = sorted({m for m, p in owner.routes if p == path})
            if not known:
                raise Refused(404, f"there is nothing at {path}. The page is at /.")
            known += ["HEAD"] * ("GET" in known)
            raise Refused(405, f"{path} takes {', '.join(known)}, not {self.command}.", Allow=", ".join(known))
        rules = route if isinstance(route, Post) else Post(route)
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        with rules.turn(path):
            body = self._body(path, rules) if method == "POST" else b""
            response = rules.handler(Request(method, path, query, self.headers, body))
        if not isinstance(response, Response):
            raise TypeError(f"its handler returned {type(response).__name__}, expected a Response")
        return response

    def _inside(self, owner: Server, path: str) -> str:
        """The path behind the token, without which nothing is there."""
        given, start = unquote(path).encode(), f"{owner.base}/".encode()
        if not secrets.compare_digest(given[: len(start)], start):
            raise Refused(404, "there is nothing here: the address lacks the token that the program printed.")
        return "/" + given[len(start) :].decode()

    def _check_sender(self, owner: Server) -> None:
        """Only a page of this server may ask, under this machine's own names."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].lower() not in owner.hosts:
            named = ", ".join(hosts) or "no host"
            here = f"http://{HOST}:{owner.port}"
            raise Refused(421, f"the request names {named[:200]}; this server is {here} and nothing else.")
        origin = self.headers.get("Origin")
        own = origin is None or origin.lower() in {f"http://{host}" for host in owner.hosts}
        if self.command not in ("GET", "HEAD") and not own:
            raise Refused(403, f"a page of {origin[:200] if origin else ''} may not send here.")

    def _body(self, path: str, rules: Post) -> bytes:
        if self.headers.get("Transfer-Encoding"):
            raise Refused(411, f"{path}: the request must say its length; chunks are not taken.")
        length = self._length()
        if length is None:
            raise Refused(411, f"{path}: the request must say its length (Content-Length).")
        if length > rules.limit:
            raise Refused(413, f"{path}: {length:,} bytes are too many; at most {rules.limit:,} are taken.")
        kind = self.headers.get_content_type() if "Content-Type" in self.headers else "none"
        if kind not in rules.accepts:
            raise Refused(415, f"{path}: the content type is {kind}; {' or '.join(rules.accepts)} is taken.")
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the browser left while it was sending")
        self.taken = True
        return body

    def _length(self) -> int | None:
        text = self.headers.get("Content-Length")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise Refused(400, f"the request's Content-Length is {text[:50]!r}, no number of bytes.")
        return int(text)

    def _drain(self) -> None:
        """Read past a body that nobody wants; if its end is not known or far, close the connection instead."""
        try:
            left = self._length() or 0
        except Refused:
            left = 0
            self.close_connection = True
        if self.headers.get("Transfer-Encoding") or left > DRAINED:
            self.close_connection = True
        left = min(left, DRAINED)
        with suppress(OSError):
            while left > 0 and (part := self.rfile.read(min(left, 1 << 16))):
                left -= len(part)
        if left > 0:
            self.close_connection = True

    def _send(self, response: Response) -> None:
        body = response.body.encode("utf-8") if isinstance(response.body, str) else response.body
        self.send_response(response.status)
        for name, value in {**SAFE, **response.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


def _error(status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    response = json_response({"error": words}, status)
    response.headers.update(headers or {})
    return response
