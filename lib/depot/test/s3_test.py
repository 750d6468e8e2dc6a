#!/usr/bin/env python3
"""lib/depot against a server that checks every signature, and against s3rver when it is installed. usage: s3_test.py ROOT S3_CLI"""
import hashlib
import os
import random
import socket
import subprocess
import sys
import tempfile

import time

ROOT, CLI = sys.argv[1:3]
sys.path.insert(0, os.path.join(ROOT, "tests/support"))
import s3_server  # noqa: E402
from ports import free_port  # noqa: E402

KEYS = ["lab/2023/11/14/018b.wav.sealed", "strange/a=b:c d+e%2F~ä.wav", "x"]


class World:
    def __init__(self, endpoint, bucket, env):
        self.endpoint, self.bucket = endpoint, bucket
        self.env = dict(os.environ, **env)
        self.dir = tempfile.mkdtemp(prefix="cms3")
        self.state = os.path.join(self.dir, "state")

    def run(self, *args, env=None, ok=True):
        p = subprocess.run([CLI, self.endpoint, self.bucket, "pre/", *map(str, args)], env=dict(self.env, **(env or {})), capture_output=True,
                           timeout=60, check=False)
        assert not ok or p.returncode == 0, (args, p.returncode, p.stderr)
        return p

    def file(self, n, seed=1):
        path = os.path.join(self.dir, "file")
        with open(path, "wb") as f:
            f.write(random.Random(seed).randbytes(n))
        return path

    def put(self, path, key, **kw):
        return self.run("put", path, key, self.state, **kw)

    def forget(self):
        if os.path.exists(self.state):
            os.remove(self.state)


def round_trip(w, part):
    for key in KEYS:
        for n in (0, 1, 1000, part - 1, part, part + 1, 3 * part, 3 * part + 17):
            w.forget()
            path = w.file(n, seed=n)
            w.put(path, key)
            with open(path, "rb") as f:
                data = f.read()
            assert int(w.run("size", key).stdout) == n, (key, n)
            assert w.run("get", key, 0, n or 1, ok=n > 0).stdout == data, (key, n)
            for _ in range(3 if n > 2 else 0):
                a = random.randrange(n)
                k = random.randrange(1, n - a + 1)
                assert w.run("get", key, a, k).stdout == data[a:a + k], (key, n, a, k)
        w.run("delete", key)
        assert w.run("size", key, ok=False).returncode == 3
        w.run("delete", key)  # again: nothing to say


def strict():
    part = 64 * 1024
    store = s3_server.Store()
    server = s3_server.serve(store)
    w = World(f"http://127.0.0.1:{server.server_port}", store.bucket,
              {"AWS_ACCESS_KEY_ID": store.key, "AWS_SECRET_ACCESS_KEY": store.secret, "AWS_REGION": store.region, "S3_PART_BYTES": str(part)})
    round_trip(w, part)
    assert not store.refused, store.refused[:3]
    assert store.log and not store.uploads
    print(f"ok   strict: {len(store.log)} requests, each with a right signature")
    # The server does refuse: another secret, another body hash.
    p = w.put(w.file(10), "k", env={"AWS_SECRET_ACCESS_KEY": "other"}, ok=False)
    assert p.returncode == 2 and b"SignatureDoesNotMatch" in p.stderr, p.stderr
    resume(w, store, part)
    memory(w, store)
    server.shutdown()


def resume(w, store, part):
    """Killed or refused in the middle: what the store has is not sent again."""
    path = w.file(10 * part + 5, seed=77)
    with open(path, "rb") as f:
        data = f.read()
    w.forget()
    store.faults = [lambda m, p, q: (503, s3_server.xml("SlowDown")) if q.get("partNumber") == "5" else None]
    p = w.put(path, "r", ok=False)
    assert p.returncode == 1 and b"SlowDown" in p.stderr, p
    store.faults = [lambda m, p, q: "cut" if q.get("partNumber") == "8" else None]
    p = w.put(path, "r", ok=False)
    assert p.returncode == 1 and int(p.stdout) == 4, p
    store.faults = []
    before = len(store.log)
    p = w.put(path, "r")
    sent = [x for x in store.log[before:] if "partNumber" in x[1]]
    assert int(p.stdout) == 7 and len(sent) == 4 and store.objects["pre/r"] == data, (p.stdout, sent)
    # kill -9 while parts go up, again and again, until it is there.
    w.forget()
    store.faults = [lambda m, p, q: time.sleep(0.03)]
    kills = 0
    while "pre/kill" not in store.objects:
        child = subprocess.Popen([CLI, w.endpoint, w.bucket, "pre/", "put", path, "kill", w.state], env=w.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            child.communicate(timeout=0.15)
            assert child.returncode == 0
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            kills += 1
            assert kills < 100
    store.faults = []
    assert kills >= 2 and store.objects["pre/kill"] == data
    # The store has forgotten the upload: begun anew.
    w.forget()
    with open(w.state, "w", encoding="ascii") as f:
        f.write("no-such-upload")
    w.put(path, "again")
    assert store.objects["pre/again"] == data
    assert not [r for r in store.refused if r[2] != "SignatureDoesNotMatch"], store.refused
    print(f"ok   resume: refused, cut, killed {kills} times, forgotten")


def memory(w, store):
    """A file of 300 MB does not go through memory."""
    path = os.path.join(w.dir, "big")
    with open(path, "wb") as f:
        f.truncate(300 << 20)
    w.forget()
    store.faults = [lambda m, p, q: (200, b"", {"ETag": '"00"'}) if q.get("partNumber") else (200, b"<X/>") if m == "POST" and "uploadId" in q else None]
    args = ["/usr/bin/env", CLI, w.endpoint, w.bucket, "pre/", "put", path, "big", w.state]
    child = subprocess.Popen(args, env=dict(w.env, S3_PART_BYTES=str(8 << 20)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0 and usage.ru_maxrss < 40 << 10, (status, usage.ru_maxrss)
    store.faults = []
    os.remove(path)
    print(f"ok   memory: 300 MB up with {usage.ru_maxrss} kB")


def s3rver():
    program = os.path.join(ROOT, "tests/s3/node_modules/.bin/s3rver")
    if not os.path.exists(program):
        print("skip s3rver is not installed (npm ci in tests/s3)")
        return
    port = free_port()
    w = World(f"http://127.0.0.1:{port}", "calls", {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER", "S3_PART_BYTES": str(5 << 20)})
    child = subprocess.Popen([program, "-d", w.dir, "-p", str(port), "-a", "127.0.0.1", "--configure-bucket", "calls"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        path = w.file(12 << 20, seed=3)  # three parts
        w.put(path, KEYS[0])
        with open(path, "rb") as f:
            data = f.read()
        assert int(w.run("size", KEYS[0]).stdout) == len(data)
        h = hashlib.sha256()
        for at in range(0, len(data), 1 << 20):
            h.update(w.run("get", KEYS[0], at, 1 << 20).stdout)
        assert h.digest() == hashlib.sha256(data).digest()
        w.put(w.file(1000), "small")
        assert w.run("get", "small", 10, 20).stdout == open(w.file(1000), "rb").read()[10:30]
        w.run("delete", "small")
        assert w.run("size", "small", ok=False).returncode == 3
        print("ok   s3rver: 12 MB in parts, ranges, delete")
    finally:
        child.terminate()
        child.wait()


strict()
s3rver()
print("all good")
