# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""HTTP: both dialects of the server, from any thread."""

import json
import threading
import time
import uuid

import requests

from sparkjob_kernel import __version__

_TIMEOUT = 60
# so long a server that does not answer, or says that it cannot now, is asked again
_PATIENCE = 60
_PAUSES = (0.1, 0.2, 0.5, 1, 2)
_AGAIN = (502, 503, 504)


class ServerError(Exception):
    """The server does not answer, or refuses; the message is for users. status: 0 where nobody has answered."""

    def __init__(self, message, status=0):
        super().__init__(message)
        self.status = status


class Server:

    def __init__(self, config):
        self._config = config
        # told with each request: variables for requests win over what a connection says
        self._verify = not config.insecure and (config.cacert or True)
        self._local = threading.local()
        # who has never answered is asked once
        self._known = False

    def livy(self, method, path, body=None):
        """(answer as JSON, headers)"""
        return self._ask(method, self._config.livy_url + path, body)

    def jobs(self, method, path, body=None):
        return self._ask(method, self._config.url + path, body)

    def events(self, path):
        """(event, data) as they come, until the server ends the stream; ServerError when it breaks."""
        url = self._config.url + path
        try:
            with self._http().get(url, stream=True, timeout=_TIMEOUT, verify=self._verify,
                                  headers={"Accept": "text/event-stream"}) as answer:
                if answer.status_code != 200:
                    raise _refusal("GET", url, answer)
                yield from events_of(answer.iter_lines(chunk_size=1))
        except requests.RequestException as e:
            raise ServerError("The events of %s broke off: %s" % (url, e)) from e

    def _http(self):
        """A connection of this thread's own: no other may use it meanwhile."""
        if not hasattr(self._local, "http"):
            self._local.http = self._connect()
        return self._local.http

    def _connect(self):
        config = self._config
        http = requests.Session()
        http.headers.update({"User-Agent": "sparkjob-kernel/" + __version__, "X-Requested-By": "sparkjob-kernel"})
        if config.user is not None:
            name, _, password = config.user.partition(":")
            http.auth = (name.encode("utf-8"), password.encode("utf-8"))
        elif config.token is not None:
            http.auth = _Bearer(config.token)
        if config.cert:
            http.cert = (config.cert, config.key) if config.key else config.cert
        return http

    def _ask(self, method, url, body):
        """Asks again while nobody answers. The key makes one of what is sent twice."""
        data = None if body is None else json.dumps(body).encode("utf-8")
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}
        end = time.monotonic() + _PATIENCE
        pauses = iter(_PAUSES)
        while True:
            try:
                answer = self._http().request(method, url, data=data, headers=headers, timeout=_TIMEOUT, verify=self._verify)
                problem = _refusal(method, url, answer) if answer.status_code >= 400 else None
                self._known = True
            except requests.exceptions.SSLError as e:
                raise ServerError("No TLS with %s: %s" % (url, e)) from e
            except (requests.ConnectionError, requests.Timeout) as e:
                answer, problem = None, ServerError("No answer from %s: %s" % (url, e))
            except (requests.RequestException, OSError) as e:
                raise ServerError("%s %s: %s" % (method, url, e)) from e
            if problem is None:
                return _json(answer), answer.headers
            if problem.status not in (0,) + _AGAIN or time.monotonic() > end or not self._known:
                raise problem
            time.sleep(next(pauses, _PAUSES[-1]))


class _Bearer(requests.auth.AuthBase):
    """Not a header of all requests: netrc would win over that."""

    def __init__(self, token):
        self._token = token

    def __call__(self, request):
        request.headers["Authorization"] = "Bearer " + self._token
        return request


def _json(answer):
    try:
        return answer.json() if answer.content else None
    except ValueError:
        return answer.text


def _refusal(method, url, answer):
    """Both dialects' ways to say what is wrong."""
    said = _json(answer)
    if isinstance(said, dict):
        result = said.get("result")
        said = said.get("msg") or (result.get("message") if isinstance(result, dict) else result) or json.dumps(said)
    elif answer.headers.get("Content-Type", "").startswith("text/html"):
        said = answer.reason
    return ServerError("%s (%d, %s %s)" % (said, answer.status_code, method, url), answer.status_code)


def events_of(lines):
    """(event, data) of the lines of a stream of server-sent events; data is JSON."""
    event, data = "message", []
    for line in lines:
        line = line.decode("utf-8")
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)
        elif not line:
            if data:
                yield event, json.loads("\n".join(data))
            event, data = "message", []
