#!/usr/bin/env python3
"""callmesh-capture reads SIP over TLS of real OpenSSL peers, on the loopback of a network namespace of its own.

Each case starts the real program on lo with a key log that is still empty, lets a client and a server talk SIP over TLS
(Python's ssl, or openssl s_client), stops it with SIGTERM and compares what it says with what was sent.
usage: tls_test.py CALLMESH-CAPTURE      exit 77: no namespace, or no right to capture
"""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

OPTIONS = ("OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK{n}\r\nFrom: <sip:a@b>;tag=1\r\n"
           "To: <sip:a@b>\r\nCall-ID: {n}\r\nCSeq: {n} OPTIONS\r\nContent-Length: {length}\r\n\r\n{body}")
OK = ("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK{n}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n"
      "Call-ID: {n}\r\nCSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n")


def message(n, body=""):
    return OPTIONS.format(n=n, body=body, length=len(body)).encode()


class Capture:
    """The real program on lo."""

    def __init__(self, program, keylog, *more):
        self.p = subprocess.Popen(
            [program, "--interface", "lo", "--no-bus", "--json", "--health.listen", "127.0.0.1:7651", *more]
            + (["--capture.tls-keylog", keylog] if keylog else []),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.set_blocking(self.p.stderr.fileno(), True)
        for line in self.p.stderr:
            if "tables" in line:
                break
        else:
            print("capture did not start", self.p.wait())
            sys.exit(77 if self.p.returncode == 77 else 1)

    def end(self, wait=0.6):
        time.sleep(wait)
        self.p.send_signal(signal.SIGTERM)
        out, err = self.p.communicate(timeout=20)
        assert self.p.returncode == 0, (self.p.returncode, err)
        return json.loads(out)


class Server(threading.Thread):
    """Answers each OPTIONS with 200 OK, connection after connection."""

    def __init__(self, context):
        super().__init__(daemon=True)
        self.context = context
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                raw, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(raw,), daemon=True).start()

    def serve(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as s:
                data = b""
                while True:
                    more = s.recv(65536)
                    if not more:
                        return
                    data += more
                    while True:
                        head, mark, rest = data.partition(b"\r\n\r\n")
                        if not mark:
                            break
                        length = int(head.rpartition(b"Content-Length: ")[2])
                        if len(rest) < length:
                            break
                        data = rest[length:]
                        n = head.partition(b"Call-ID: ")[2].partition(b"\r\n")[0].decode()
                        s.sendall(OK.format(n=n).encode())
        except (OSError, ssl.SSLError):
            pass

    def close(self):
        self.socket.close()


def server_context(files, key="rsa", keylog=None, ciphers=None, version=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(files[key] + ".crt", files[key] + ".key")
    if ciphers:
        c.set_ciphers(ciphers)
    if version:
        c.minimum_version = c.maximum_version = version
    if keylog:
        c.keylog_filename = keylog
    return c


def client_context(version=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if version:
        c.minimum_version = c.maximum_version = version
    return c


def talk(context, port, messages, session=None):
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), session=session) as s:
        for m in messages:
            s.sendall(m)
            got = b""
            while b"\r\n\r\n" not in got:
                got += s.recv(65536)
        return s.session, s.session_reused, s.cipher()[0]


def check(name, got, **want):
    have = {k: got["tls"].get(k, got.get(k)) for k in want}
    bad = {k: (have[k], v) for k, v in want.items() if not (v(have[k]) if callable(v) else have[k] == v)}
    print(("FAILED " if bad else "ok     ") + name, have if bad else "", got["tls"] if bad else "", flush=True)
    return not bad


def case_suites(program, files):
    good = True
    rows = [("rsa", v, s) for v, s in [
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"), (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES256-GCM-SHA384"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-CHACHA20-POLY1305"), (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES256-SHA384"), (ssl.TLSVersion.TLSv1_2, "AES128-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "AES256-GCM-SHA384"), (ssl.TLSVersion.TLSv1_3, None)]]
    rows += [("ec", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"), ("ec", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256")]
    for key, version, suite in rows:
        keylog = files["dir"] + "/keys"
        open(keylog, "w").close()
        capture = Capture(program, keylog)
        server = Server(server_context(files, key, keylog, suite, version))
        # One message longer than a record, several small ones.
        sent = [message(n, "x" * (40000 if n == 3 else 10 * n)) for n in range(1, 21)]
        _, _, cipher = talk(client_context(version), server.port, sent)
        server.close()
        good &= check("%s %s" % (version.name, cipher), capture.end(), sip_messages=40, opaque_records=0,
                      opaque_connections=0, connections=1, keys_bad=0, decrypted=lambda n: n >= 40)
    return good


def case_13_suites(program, files):
    """openssl s_client and s_server, for what Python cannot choose: the suites of TLS 1.3, KeyUpdate, HelloRetryRequest."""
    good = True
    for suite, more in [("TLS_AES_128_GCM_SHA256", []), ("TLS_CHACHA20_POLY1305_SHA256", []),
                        ("TLS_AES_256_GCM_SHA384", ["-groups", "P-384"])]:
        keylog = files["dir"] + "/keys13"
        open(keylog, "w").close()
        capture = Capture(program, keylog)
        server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:7660", "-tls1_3", "-ciphersuites", suite, "-cert",
                                   files["rsa"] + ".crt", "-key", files["rsa"] + ".key", "-quiet", *more],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(200):  # a loaded machine takes its time
            if any(line.split()[1].endswith(":1DEC") and line.split()[3] == "0A" for line in open("/proc/net/tcp").readlines()[1:]):
                break
            time.sleep(0.1)
        client = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:7660", "-tls1_3", "-keylogfile", keylog, "-crlf"]
                                  + (["-groups", "X25519:P-384"] if more else []),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        time.sleep(0.5)

        def say(p, data):
            p.stdin.write(data)
            p.stdin.flush()
            time.sleep(0.15)

        for n in range(1, 5):
            say(client, message(n).replace(b"\r\n", b"\n"))
            say(server, OK.format(n=n).encode())
            say(client, b"K\n" if n % 2 else b"k\n")  # KeyUpdate, with and without asking for the other side's
        result = capture.end(1.5)
        for p in (client, server):
            p.kill()
            p.communicate()
        good &= check("TLSv1_3 %s, KeyUpdate%s" % (suite, ", HelloRetryRequest" if more else ""), result, sip_messages=8,
                      opaque_records=0, connections=1)
    return good


def case_resumed(program, files):
    good = True
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        keylog = files["dir"] + "/keys"
        open(keylog, "w").close()
        capture = Capture(program, keylog)
        server = Server(server_context(files, keylog=keylog, version=version))
        client = client_context(version)
        session, _, _ = talk(client, server.port, [message(1), message(2)])
        reused = []
        for n in range(3, 6):
            _, again, _ = talk(client, server.port, [message(n)], session)
            reused.append(again)
        server.close()
        good &= all(reused) and check("%s resumed %s" % (version.name, reused), capture.end(), sip_messages=10,
                                      opaque_records=0, connections=4)
    return good


def case_late_keys(program, files):
    """The log is written elsewhere and copied over in pieces, the last of it after the talk."""
    good = True
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        private, keylog = files["dir"] + "/private", files["dir"] + "/keys"
        for f in (private, keylog):
            open(f, "w").close()
        capture = Capture(program, keylog)
        server = Server(server_context(files, keylog=private, version=version))
        talk(client_context(version), server.port, [message(n, "y" * 500) for n in range(1, 11)])
        time.sleep(0.5)
        keys = open(private).read()
        with open(keylog, "w") as f:
            for at in range(0, len(keys), 100):  # lines cut anywhere
                f.write(keys[at:at + 100])
                f.flush()
                time.sleep(0.03)
        server.close()
        good &= check("%s keys after the talk" % version.name, capture.end(), sip_messages=20, opaque_records=0)
    return good


def case_no_keys(program, files):
    keylog = files["dir"] + "/keys"
    open(keylog, "w").close()
    good = True
    for name, log in (("no key log", None), ("keys that never come", keylog)):
        capture = Capture(program, log, "--capture.tls-wait", "200ms")
        server = Server(server_context(files))
        talk(client_context(), server.port, [message(n) for n in range(1, 11)])
        talk(client_context(ssl.TLSVersion.TLSv1_2), server.port, [message(n) for n in range(1, 11)])
        server.close()
        good &= check(name, capture.end(), sip_messages=0, decrypted=0, connections=2, opaque_connections=2,
                      opaque_records=lambda n: n >= 40)
    return good


def certificates(folder):
    files = {"dir": folder}
    for name, kind in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
        files[name] = folder + "/" + name
        subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", files[name] + ".key", "-out",
                        files[name] + ".crt", "-subj", "/CN=test", "-days", "2"], check=True, stderr=subprocess.DEVNULL)
    return files


def main():
    if os.environ.get("TLS_TEST_ALONE") != "1":
        if not shutil.which("unshare") or subprocess.run(["unshare", "-rn", "true"], stderr=subprocess.DEVNULL).returncode:
            print("no network namespace of our own here")
            sys.exit(77)
        os.environ["TLS_TEST_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "-rn", sys.executable, "-u", *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    folder = tempfile.mkdtemp()
    try:
        files = certificates(folder)
        only = sys.argv[2] if len(sys.argv) > 2 else ""
        cases = [f for n, f in globals().items() if n.startswith("case_") and only in n]
        bad = [f.__name__ for f in cases if not f(sys.argv[1], files)]
    finally:
        shutil.rmtree(folder)
    print("failed: " + " ".join(bad) if bad else "all good")
    sys.exit(1 if bad else 0)


main()
