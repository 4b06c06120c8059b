"""A real HTTP server with a bundle behind the public contract's `GET /v1/model` and `POST /v1/classify`.

It can be told to be busy, to break, or to serve another model: what a harness must cope with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from earshot.pipeline import Pipeline
from earshot.post import Post


@dataclass
class Answer:
    """One answer in place of the proper one.

    Attributes:
        status: Of the response.
        body: Of the response, as JSON.
        headers: Of the response.
    """

    status: int
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


class ContractServer(ThreadingHTTPServer):
    """The server; its attributes may be set while it runs.

    Attributes:
        instead: Given out, one after the other, to requests to classify, before proper answers.
        changes: Put over each proper answer to `POST /v1/classify`.
        model_changes: Put over the answer to `GET /v1/model`.
        batch_sizes: Posts in each request that got a proper answer.
        fails_every: Every so-many-th request to classify is answered with 500; 0 fails none.
        fails_on: Requests with a post that holds this word are answered with 500.
    """

    daemon_threads = False

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pipeline = pipeline
        self.instead: list[Answer] = []
        self.changes: dict[str, Any] = {}
        self.model_changes: dict[str, Any] = {}
        self.batch_sizes: list[int] = []
        self.fails_every = 0
        self.fails_on = ""
        self.calls = 0
        self.lock = Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: ContractServer

    def do_GET(self) -> None:
        pipeline = self.server.pipeline
        model = {**asdict(pipeline.identity), "taxonomy": pipeline.taxonomy.model_dump(mode="json")}
        self._answer(Answer(200 if self.path == "/v1/model" else 404, model | self.server.model_changes))

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            instead = self.server.instead.pop(0) if self.server.instead else self._failure(request)
        self._answer(instead or Answer(200, self._classify(request)))

    def _failure(self, request: dict[str, Any]) -> Answer | None:
        server = self.server
        server.calls += 1
        unlucky = server.fails_every and server.calls % server.fails_every == 0
        poisoned = server.fails_on and any(server.fails_on in post["text"] for post in request["posts"])
        return Answer(500) if unlucky or poisoned else None

    def _classify(self, request: dict[str, Any]) -> dict[str, Any]:
        pipeline = self.server.pipeline
        posts = [Post(post["text"], post["id"]) for post in request["posts"]]
        with self.server.lock:
            self.server.batch_sizes.append(len(posts))
        results = [result.as_dict() for result in pipeline.predict(posts)]
        return {"model": asdict(pipeline.identity), "results": results} | self.server.changes

    def _answer(self, answer: Answer) -> None:
        content = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what a test wants to know, it asks."""


@contextmanager
def serving(pipeline: Pipeline) -> Iterator[ContractServer]:
    """Serve a pipeline on a free port."""
    with ContractServer(pipeline) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
