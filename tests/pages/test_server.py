"""The loopback server: who may ask, what is refused and in what words, and that nothing brings it down."""

import http.client
import json
import socket
import threading
import time
import urllib.request

import pytest

from tinygrad_cnn.pages.server import Post, Refused, Request, Response, Server, ServerError, json_response

pytestmark = pytest.mark.level("default")


def echo(request: Request) -> Response:
    return json_response({"got": request.json(), "query": request.query})


def broken(request: Request) -> Response:
    raise RuntimeError("a bug of ours")


def refuses(request: Request) -> Response:
    raise Refused(422, "the image is upside down; turn it.")


ROUTES = {
    ("GET", "/"): lambda request: Response("<p>the page"),
    ("GET", "/where"): lambda request: json_response(request.query),
    ("POST", "/echo"): echo,
    ("POST", "/raw"): Post(lambda request: json_response(len(request.body)), accepts=("image/png",), limit=100),
    ("GET", "/broken"): broken,
    ("GET", "/nothing"): lambda request: None,
    ("GET", "/nan"): lambda request: json_response(float("nan")),
    ("POST", "/refuses"): refuses,
}


@pytest.fixture
def server():
    with Server(ROUTES) as running:
        yield running


def ask(server, method="GET", path="/", body=None, **headers):
    """(status, headers, body) of one request; headers with None are left out."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        sent = {"Host": f"127.0.0.1:{server.port}", "Content-Type": "application/json"}
        sent.update((name.replace("_", "-"), value) for name, value in headers.items())
        target = server.base + path if path.startswith("/") else path
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        if body is not None:
            sent.setdefault("Content-Length", str(len(body)))
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def words(answer, status):
    assert answer[0] == status, answer
    assert answer[1]["Content-Type"] == "application/json"
    return json.loads(answer[2])["error"]


def alive(server):
    return ask(server)[2] == b"<p>the page"


def raw(server, text):
    """What comes back for bytes that need not be HTTP."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
        s.sendall(text)
        s.shutdown(socket.SHUT_WR)
        parts = []
        while part := s.recv(65536):
            parts.append(part)
    return b"".join(parts)


# -- pages ----------------------------------------------------------------------------------------------------


def test_a_page_and_its_headers(server):
    assert server.url == f"http://127.0.0.1:{server.port}{server.base}/" and len(server.base) > 20
    with urllib.request.urlopen(server.url) as answer:
        assert answer.read() == b"<p>the page"
        headers = answer.headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "http" not in policy


def test_head_has_no_body_and_leaves_the_connection_in_order(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for method, length in (("HEAD", 0), ("GET", 11), ("HEAD", 0)):
        connection.request(method, f"{server.base}/")
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["Content-Length"] == "11" and len(answer.read()) == length
    connection.close()


def test_queries_and_quoted_paths(server):
    assert json.loads(ask(server, path="/wh%65re?a=1&b=%C3%A4&c")[2]) == {"a": "1", "b": "ä", "c": ""}


def test_json_there_and_back_on_one_connection(server):
    connection = http.client.HTTPConnection("localhost", server.port, timeout=60)
    for k in range(3):
        kind = {"Content-Type": "application/json; charset=utf-8"}
        connection.request("POST", f"{server.base}/echo?k", json.dumps([k, "ü"]), kind)
        assert json.loads(connection.getresponse().read()) == {"got": [k, "ü"], "query": {"k": ""}}
    connection.close()


def test_routes_may_grow_while_it_runs():
    routes = dict(ROUTES)
    with Server(routes) as server:
        assert ask(server, path="/late")[0] == 404
        routes["GET", "/late"] = lambda request: Response("here")
        assert ask(server, path="/late")[2] == b"here"


# -- who may ask ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", None,
                                  "127.0.0.1:{port}.evil.example", "[::1]:{port}"])  # fmt: skip
def test_other_hosts_names_are_refused(server, host):
    said = words(ask(server, Host=host and host.format(port=server.port)), 421)
    assert f"http://127.0.0.1:{server.port}" in said and "nothing else" in said and server.base not in said


def test_localhost_is_a_name_of_ours(server):
    assert ask(server, Host=f"LocalHost:{server.port}")[0] == 200


def test_two_hosts_are_refused(server):
    text = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nHost: evil.example\r\n\r\n"
    assert raw(server, text.encode()).startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}"])
def test_other_pages_may_not_post(server, origin):
    origin = origin.format(port=server.port)
    assert origin in words(ask(server, "POST", "/echo", b"1", Origin=origin), 403)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_our_own_page_may_post(server, host):
    assert ask(server, "POST", "/echo", b"1", Origin=f"http://{host}:{server.port}")[0] == 200


def test_it_listens_on_loopback_only(server):
    assert server._http.socket.getsockname()[0] == "127.0.0.1"


# -- refusals -------------------------------------------------------------------------------------------------


def test_unknown_paths_and_methods(server):
    assert "nothing at /attic" in words(ask(server, path="/attic"), 404)
    assert "nothing at /../etc/passwd" in words(ask(server, path="/../etc/passwd"), 404)
    answer = ask(server, "DELETE", "/")
    assert words(answer, 405) == "/ takes GET, HEAD, not DELETE." and answer[1]["Allow"] == "GET, HEAD"
    assert "takes POST, not GET" in words(ask(server, path="/echo"), 405)
    assert "understands" in words(ask(server, "BREW", "/"), 501)
    assert alive(server)


@pytest.mark.parametrize("body, reason", [
    (b"{", "Expecting property name"), (b"", "Expecting value"), (b"\xff\xfe", "utf-8"),
    (b"[NaN]", "NaN is not a JSON number"),
    (b"-Infinity", "-Infinity is not a JSON number"), (b"[" * 200_000, "nested too deeply"), (b"9" * 5000, "limit"),
])  # fmt: skip
def test_broken_json(server, body, reason):
    said = words(ask(server, "POST", "/echo", body), 400)
    assert said.startswith("/echo: the request is not valid JSON: ") and reason in said
    assert alive(server)


def test_bodies_too_long_of_the_wrong_kind_or_without_length(server):
    said = words(ask(server, "POST", "/raw", bytes(101), Content_Type="image/png"), 413)
    assert said == "/raw: 101 bytes are too many; at most 100 are taken."
    said = words(ask(server, "POST", "/raw", b"1", Content_Type="text/html"), 415)
    assert said == "/raw: the content type is text/html; image/png is taken."
    assert "is none" in words(ask(server, "POST", "/raw", b"1", Content_Type=None), 415)
    assert "must say its length" in words(ask(server, "POST", "/raw"), 411)
    assert "chunks" in words(ask(server, "POST", "/raw", Transfer_Encoding="chunked"), 411)
    for length in ("-1", "ten", "9" * 30):
        assert "no number of bytes" in words(ask(server, "POST", "/raw", Content_Length=length), 400)
    assert alive(server)


def test_a_large_body_is_answered_when_it_has_been_sent(server):
    """Browsers show no answer that comes before they have sent everything."""
    assert "bytes are too many" in words(ask(server, "POST", "/echo", bytes(20 << 20)), 413)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)  # and the connection is of use after
    for body, status in ((bytes(9 << 20), 413), (b"1", 200)):
        connection.request("POST", f"{server.base}/echo", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == status
        answer.read()
    connection.close()


NO_HTTP = [
    b"\r\n", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", bytes(range(256)) * 9, b"GET /" + b"a" * 70_000,
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"GET / HTTP/1.1\r\nHost",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_HTTP, ids=range(len(NO_HTTP)))
def test_what_is_no_http_does_not_bring_it_down(server, text):
    answer = raw(server, text)
    assert b"200 OK" not in answer and b"Traceback" not in answer
    assert alive(server)


def test_a_sender_that_leaves_in_the_middle(server):
    head = f"POST {server.base}/echo HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
    assert raw(server, f"{head}Content-Length: 100\r\n\r\n[1,".encode()) == b""
    assert alive(server)


# -- handlers that fail ---------------------------------------------------------------------------------------


def test_a_handlers_failure_is_an_answer(server, capfd):
    said = words(ask(server, path="/broken?x"), 500)
    assert said == "/broken: the program failed with RuntimeError: a bug of ours"
    assert "returned NoneType, expected a Response" in words(ask(server, path="/nothing"), 500)
    assert "ValueError" in words(ask(server, path="/nan"), 500)
    assert alive(server)
    assert capfd.readouterr() == ("", "")


def test_tracebacks_are_shown_if_asked(capfd):
    with Server(ROUTES, debug=True) as server:
        assert words(ask(server, path="/broken"), 500)
    assert "a bug of ours" in capfd.readouterr().err


def test_a_handler_may_refuse(server):
    assert words(ask(server, "POST", "/refuses", b"1"), 422) == "the image is upside down; turn it."


# -- ports and ends -------------------------------------------------------------------------------------------


def test_a_busy_port_is_named(server):
    with pytest.raises(ServerError, match=rf"port {server.port} of 127.0.0.1 is in use .* another with --port"):
        Server(ROUTES, server.port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be(port):
    with pytest.raises(ServerError, match=f"port {port} is out of range"):
        Server(ROUTES, port)


def test_a_port_of_choice_is_free_again_after_the_end():
    with Server(ROUTES) as server:
        assert alive(server)
    with Server(ROUTES, server.port) as again:
        assert again.port == server.port and alive(again)


def test_the_end_closes_connections_and_ends_threads():
    before = set(threading.enumerate())
    with Server(ROUTES) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", f"{server.base}/")
        connection.getresponse().read()
    deadline = time.monotonic() + 60
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), timeout=60).close()
    connection.close()
    server.stop()  # a second time does nothing


def test_a_server_never_started_gives_its_port_back():
    server = Server(ROUTES)
    server.stop()
    Server(ROUTES, server.port).stop()


def test_wait_ends_with_stop():
    with Server(ROUTES) as server:
        threading.Timer(0.1, server.stop).start()
        server.wait()


def test_it_answers_beside_work_and_many_at_a_time(server):
    answers = []

    def many(k):
        answers.append(json.loads(ask(server, "POST", "/echo", str(k).encode())[2])["got"])

    threads = [threading.Thread(target=many, args=(k,)) for k in range(20)]
    for thread in threads:
        thread.start()
    sum(i * i for i in range(200_000))
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(20))


# -- who knows the address, and how many at a time --------------------------------------------------------------


def test_without_the_token_there_is_nothing(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    wrong = server.base[:-1] + ("a" if server.base[-1] != "a" else "b")
    for path in ("/", "/where", "/report.html", f"{wrong}/", f"{wrong}/x", server.base, f"/x{server.base}/", "/%ff/"):
        for method in ("GET", "POST"):
            connection.request(method, path, b"1", {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = json.loads(answer.read())["error"]
            assert answer.status == 404 and "lacks the token" in said and server.base not in said, path
    connection.close()
    with Server(ROUTES) as other:
        assert other.base != server.base


def test_requests_of_a_kind_are_answered_so_many_at_a_time(monkeypatch):
    inside, most, lock, go = [], [], threading.Lock(), threading.Event()

    def slow(request):
        with lock:
            inside.append(1)
            most.append(len(inside))
        go.wait(60)
        with lock:
            inside.pop()
        return Response("done")

    with Server({("POST", "/slow"): Post(slow, parallel=2), **ROUTES}) as server:
        found = []
        one = threading.Thread
        threads = [one(target=lambda: found.append(ask(server, "POST", "/slow", b"1")[0])) for _ in range(5)]
        for thread in threads:
            thread.start()
        while len(inside) < 2:
            time.sleep(0.005)
        assert alive(server)  # others are answered meanwhile
        go.set()
        for thread in threads:
            thread.join()
        assert found == [200] * 5 and max(most) == 2
        go.clear()
        monkeypatch.setattr("tinygrad_cnn.pages.server.BUSY", 0.01)
        holders = [threading.Thread(target=ask, args=(server, "POST", "/slow", b"1")) for _ in range(2)]
        for thread in holders:
            thread.start()
        while len(inside) < 2:
            time.sleep(0.005)
        refused = ask(server, "POST", "/slow", b"1")
        assert "too many requests" in words(refused, 503) and refused[1]["Retry-After"] == "1"
        go.set()
        for thread in holders:
            thread.join()


def test_connections_beyond_the_limit_are_closed(monkeypatch):
    monkeypatch.setattr("tinygrad_cnn.pages.server.CONNECTIONS", 3)
    with Server(ROUTES) as server:
        waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        while len(server._http._open) < 3:
            time.sleep(0.005)
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as one_more:
            assert one_more.recv(1) == b""
        for each in waiting:
            each.close()
        while server._http._open:
            time.sleep(0.005)
        assert alive(server)
