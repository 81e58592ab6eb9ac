"""The driver's end of a link over TCP (docs/protocol.md): tcp://host:port, or tls://host:port with the pin of the
launcher's key.

    sock = connect("tls://127.0.0.1:8079", pin)    # recv, sendall, shutdown, close
"""

import hashlib
import hmac
import select
import socket
import ssl
import threading


class WrongKey(ConnectionError):
    """Somebody listens there who has not the launcher's key."""


def connect(url, pin=None, seconds=10):
    """A connected socket."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":")
    sock = socket.create_connection((host.strip("[]"), int(port)), seconds)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return TlsSocket(sock, pin) if scheme == "tls" else plain(sock)
    except BaseException:
        sock.close()
        raise


def plain(sock):
    sock.settimeout(None)
    return sock


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE     # it is the key that is looked at
    return context


def element(der, at):
    """(beginning of its content, its end) of the element of DER at `at`."""
    size, at = der[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        size, at = int.from_bytes(der[at:at + count], "big"), at + count
    return at, at + size


def pin_of(certificate):
    """The SHA-256 of the public key in a certificate (DER)."""
    at = element(certificate, element(certificate, 0)[0])[0]
    for _ in range(6):      # version, serial number, algorithm, issuer, validity, subject
        at = element(certificate, at)[1]
    return hashlib.sha256(certificate[at:element(certificate, at)[1]]).hexdigest()


class TlsSocket:
    """TLS that one thread reads while another one writes: neither waits within OpenSSL, which wants one at a time."""

    def __init__(self, sock, pin):
        self.sock = tls_context().wrap_socket(sock)
        self.lock = threading.Lock()
        if pin is not None and not hmac.compare_digest(pin_of(self.sock.getpeercert(True)), pin):
            raise WrongKey("the launcher has another key")
        self.sock.setblocking(False)

    def call(self, function, *args):
        while True:
            try:
                with self.lock:
                    return function(*args)
            except ssl.SSLWantReadError:
                select.select([self.sock], [], [])
            except ssl.SSLWantWriteError:
                select.select([], [self.sock], [])

    def recv(self, size):
        return self.call(self.sock.recv, size)

    def sendall(self, data):
        data = memoryview(data)
        while data:
            data = data[self.call(self.sock.send, data):]

    def shutdown(self, how):
        socket.socket.shutdown(self.sock, how)

    def close(self):
        self.sock.close()
