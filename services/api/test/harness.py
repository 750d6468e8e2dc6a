"""What http_test.py stands on: the processes, plain HTTP, and the check of each response against openapi.yaml."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import jsonschema
import yaml

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "support"))
from ports import free_port  # noqa: E402


def wait_for(what, seconds, check):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        v = check()
        if v:
            return v
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class Contract:
    """openapi.yaml as a judge. Stricter than clients must be: a field that is not described is an error here."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.doc = yaml.safe_load(f)
        self.checked = set()
        schemas = self.doc["components"]["schemas"]
        call, extra = schemas["Call"], schemas["CallExpanded"]["allOf"][1]
        schemas["CallExpanded"] = {"type": "object", "required": call["required"],
                                   "properties": {**call["properties"], **extra["properties"]}}
        self.strict(schemas)
        self.root = {"components": self.doc["components"]}

    def strict(self, node):
        if isinstance(node, dict):
            if "properties" in node and "additionalProperties" not in node and node.get("type") == "object":
                node["additionalProperties"] = False
            for v in node.values():
                self.strict(v)
        elif isinstance(node, list):
            for v in node:
                self.strict(v)

    def operation(self, method, path):
        path = path.split("?")[0].removeprefix("/api/v1")
        for template, item in self.doc["paths"].items():
            pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
            if re.fullmatch(pattern, path) and method.lower() in item and (template == path or "{" in template):
                if template != path and path in self.doc["paths"]:
                    continue
                return template, item[method.lower()]
        raise AssertionError(f"not described: {method} {path}")

    def schema(self, name_or_schema):
        s = {"$ref": f"#/components/schemas/{name_or_schema}"} if isinstance(name_or_schema, str) else name_or_schema
        return {**self.root, **s}

    def check(self, value, schema):
        jsonschema.Draft202012Validator(self.schema(schema), format_checker=jsonschema.FormatChecker()).validate(value)

    def check_response(self, method, path, r):
        template, op = self.operation(method, path)
        described = op["responses"].get(str(r.status)) or op["responses"].get("default")
        assert described, f"{method} {path}: status {r.status} is not described"
        while "$ref" in described:
            described = self.doc["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
        content = described.get("content")
        if method != "HEAD" and content:
            media = r.headers["Content-Type"].split(";")[0]
            assert media in content, f"{method} {path}: {media} is not one of {list(content)}"
            if media == "application/json" or media.endswith("+json"):
                self.check(json.loads(r.body), content[media]["schema"])
        self.checked.add((method.upper(), template, r.status))


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    def __init__(self, port, contract, key=None):
        self.port, self.contract, self.key = port, contract, key

    def request(self, method, path, headers=None, body=None, auth=True):
        h = dict(headers or {})
        if auth and self.key and "Authorization" not in h and "Cookie" not in h:
            h["Authorization"] = "Bearer " + self.key
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request(method, path, body=body, headers=h)
        r = c.getresponse()
        out = Response(r.status, r.headers, r.read())
        c.close()
        if path.startswith("/api/v1/"):
            try:
                self.contract.check_response(method, path, out)
            except AssertionError as e:
                if "not described" not in str(e) or out.status not in (404, 405):
                    raise
        return out

    def get(self, path, status=200, **kw):
        r = self.request("GET", path, **kw)
        assert r.status == status, f"GET {path}: {r.status}, wanted {status}: {r.body[:300]}"
        return r

    def post(self, path, status, **kw):
        r = self.request("POST", path, **kw)
        assert r.status == status, f"POST {path}: {r.status}, wanted {status}: {r.body[:300]}"
        return r


class Stream:
    """A reply without end, read on a socket of our own; chunks are taken apart here."""

    def __init__(self, port, path, headers=None, rcvbuf=None):
        self.s = socket.socket()
        if rcvbuf:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.s.connect(("127.0.0.1", port))
        self.s.settimeout(8)
        lines = "".join(f"{k}: {v}\r\n" for k, v in (headers or {}).items())
        self.s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        self.raw = self.data = b""
        self.closed = False

    def head(self):
        while b"\r\n\r\n" not in self.raw:
            self.raw += self.s.recv(65536)
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        self.headers = head.decode()
        return int(head.split()[1])

    def more(self):
        """Waits for bytes; False at the end."""
        while not self.closed:
            m = re.match(rb"([0-9a-fA-F]+)\r\n", self.raw)
            if m and len(self.raw) >= m.end() + int(m[1], 16) + 2:
                n = int(m[1], 16)
                self.data += self.raw[m.end():m.end() + n]
                self.raw = self.raw[m.end() + n + 2:]
                if n == 0:
                    self.closed = True
                    return False
                return True
            try:
                got = self.s.recv(65536)
            except ConnectionError:
                got = b""
            if not got:
                self.closed = True
            self.raw += got
        return False

    def event(self, seconds=8):
        """The next event as (id, type, data), or None at the end."""
        end = time.monotonic() + seconds
        while True:
            while b"\n\n" in self.data:
                block, self.data = self.data.split(b"\n\n", 1)
                f = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line and line[0] != ":")
                if "event" in f:
                    return f["id"], f["event"], json.loads(f["data"])
            assert time.monotonic() < end, "no event"
            if not self.more():
                return None

    def frame(self):
        """The next listen frame as (kind, flags, body), or None at the end."""
        while True:
            if len(self.data) >= 4:
                n = int.from_bytes(self.data[2:4], "little")
                if len(self.data) >= 4 + n:
                    f = self.data[0], self.data[1], self.data[4:4 + n]
                    self.data = self.data[4 + n:]
                    return f
            if not self.more():
                return None

    def close(self):
        self.s.close()


class Mesh:
    """api_mesh_peer, told what to publish by lines."""

    def __init__(self, program, mesh, control, live):
        self.p = subprocess.Popen([program, mesh, control, live], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines, self.cond = [], threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        self.expect(lambda s: s == "ready")

    def read(self):
        for line in self.p.stdout:
            with self.cond:
                self.lines.append(line.strip())
                self.cond.notify_all()

    def expect(self, test, seconds=8, since=0):
        end = time.monotonic() + seconds
        with self.cond:
            while True:
                for i in range(since, len(self.lines)):
                    if test(self.lines[i]):
                        return i
                left = end - time.monotonic()
                assert left > 0, f"not said: {self.lines[-5:]}"
                self.cond.wait(left)

    def do(self, line):
        with self.cond:
            since = len(self.lines)
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        self.expect(lambda s: s.startswith(("ok " + line.split()[0], "error")), since=since, seconds=30)

    def taps(self):
        with self.cond:
            return [s.split()[1:] for s in self.lines if s.startswith("tap ")]

    def said(self, prefix):
        with self.cond:
            return [s for s in self.lines if s.startswith(prefix)]

    def erases(self):
        """Orders to erase: (recording id, basis), each once."""
        with self.cond:
            return sorted({tuple(s.split()[1:3]) for s in self.lines if s.startswith("erase ")})

    def stop(self):
        self.p.kill()
        self.p.wait()


class World:
    def __init__(self, root, api, peer):
        self.root, self.api, self.peer = root, api, peer
        self.dir = tempfile.mkdtemp(prefix="cmapi", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.pg = os.path.join(self.dir, "pg")
        self.dsn = f"host={self.pg} user=callmesh dbname=postgres"
        self.recordings = os.path.join(self.dir, "recordings")
        self.assets = os.path.join(self.dir, "assets")
        os.makedirs(os.path.join(self.assets, "assets"))
        os.makedirs(self.recordings)
        self.keys = os.path.join(self.dir, "keys")
        os.makedirs(self.keys)
        self.first = os.path.join(self.dir, "first")
        self.port, self.health = free_port(), free_port()
        self.urls = [f"tcp://127.0.0.1:{free_port()}" for _ in range(3)]
        self.service = None

    def pg_do(self, what):
        subprocess.run([os.path.join(self.root, "tests/support/pg_throwaway.sh"), what, self.pg], check=True,
                       stdout=subprocess.DEVNULL)

    def sql(self, text=None, file=None):
        cmd = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.dsn]
        r = subprocess.run(cmd + (["-f", file] if file else ["-c", text]), capture_output=True, text=True, check=False)
        assert r.returncode == 0, r.stderr
        return r.stdout.strip()

    def schema(self):
        folder = os.environ.get("SCHEMA_DIR") or os.path.join(self.root, "deploy/schema")
        for f in sorted(os.listdir(folder)):
            if f.endswith(".sql"):
                self.sql(file=os.path.join(folder, f))

    def start(self, *extra):
        self.out = open(os.path.join(self.dir, "stdout"), "a+", encoding="utf-8")
        self.err = open(os.path.join(self.dir, "stderr"), "a+", encoding="utf-8")
        self.service = subprocess.Popen(
            [self.api, "--store.dsn", self.dsn, "--http.listen", f"127.0.0.1:{self.port}",
             "--health.listen", f"127.0.0.1:{self.health}", "--bus.mesh-url", self.urls[0],
             "--bus.control-url", self.urls[1], "--bus.live-url", self.urls[2], "--recordings.dir", self.recordings,
             "--keys.dir", self.keys, "--audio.readers", "4", "--formats.renderings", "1", "--formats.bytes", "4M", "--retention.every", "200ms",
             "--completeness.every", "100ms", "--completeness.at", "0s",
             "--http.assets-dir", self.assets, "--auth.first-start-file", self.first,
             "--events.ring", "1M", "--http.stream-timeout", "8s", *extra],
            stdout=self.out, stderr=self.err)

    def stop(self, sig=signal.SIGTERM):
        self.service.send_signal(sig)
        begin = time.monotonic()
        code = self.service.wait(10)
        self.out.close()
        self.err.close()
        return code, time.monotonic() - begin

    def health_get(self, path):
        c = http.client.HTTPConnection("127.0.0.1", self.health, timeout=5)
        c.request("GET", path)
        r = c.getresponse()
        return r.status, r.read().decode()

    def metric(self, name):
        for line in self.health_get("/metrics")[1].splitlines():
            if line.startswith("callmesh_" + name + " ") or line.startswith("callmesh_" + name + "{"):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError("no metric " + name)

    def rss_kib(self):
        with open(f"/proc/{self.service.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])

    def close(self):
        if self.service and self.service.poll() is None:
            self.service.kill()
            self.service.wait()
        if os.path.exists(os.path.join(self.pg, "data")):
            self.pg_do("stop")
        shutil.rmtree(self.dir, ignore_errors=True)
