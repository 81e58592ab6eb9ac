"""Server-sent events, as a client sees them."""

import http.client
import json


class EventStream:
    """with EventStream(server, "/events") as stream: event = stream.next()"""

    def __init__(self, server, path, last_id=None, timeout=60, **headers):
        """headers: with _ for -"""
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
        if last_id:
            headers["Last_Event_ID"] = last_id
        self.connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.last_id = last_id
        self.comments = 0
        self.retry = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self.connection.close()

    def next(self):
        """(event, data) of the next one that has data; None when the stream has ended."""
        event, data = "message", []
        while True:
            line = self.response.readline()
            if not line:
                return None
            name, _, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if line == b"\n":
                if data:
                    return event, json.loads("\n".join(data))
                event = "message"
            elif not name:
                self.comments += 1
            elif name == "id":
                self.last_id = value
            elif name == "event":
                event = value
            elif name == "data":
                data.append(value)
            elif name == "retry":
                self.retry = int(value)
            else:
                raise AssertionError(f"not of an event stream: {line}")

    def take(self, count):
        return [self.next() for _ in range(count)]

    def rest(self):
        """Everything until the stream ends."""
        return list(iter(self.next, None))
