"""An object store for tests that checks every signature (AWS SigV4, header form) and every body hash strictly. PUT, GET with Range,
HEAD, DELETE, and multipart uploads with ListParts. In memory. As a program: s3_server.py PORT [KEY SECRET REGION BUCKET].

Written from the published rules of the signature, not from libcurl's code, so that both must agree. `faults` makes it
answer badly: a list of functions (method, path, query) -> None or (status, body) asked before each request."""
import hashlib
import hmac
import http.server
import re
import sys
import threading
import time
import urllib.parse

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


def quote(s, safe=""):
    return urllib.parse.quote(s, safe=UNRESERVED + safe)


def sign(secret, date, region, text):
    k = ("AWS4" + secret).encode()
    for part in (date, region, "s3", "aws4_request"):
        k = hmac.new(k, part.encode(), hashlib.sha256).digest()
    return hmac.new(k, text.encode(), hashlib.sha256).hexdigest()


class Store:
    def __init__(self, key="AKTEST", secret="secret/with+signs", region="eu-test-1", bucket="calls"):
        self.key, self.secret, self.region, self.bucket = key, secret, region, bucket
        self.objects, self.uploads, self.log, self.faults, self.refused = {}, {}, [], [], []
        self.lock = threading.Lock()
        self.next_upload = 1
        self.tls = False

    def why_not(self, method, target, headers, body):
        """None when the request is signed as it must be, else the reason."""
        m = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
                         headers.get("Authorization", ""))
        if not m:
            return "no Authorization of the form"
        who, day, region, signed, signature = m.groups()
        stamp = headers.get("X-Amz-Date", "")
        if who != self.key or region != self.region:
            return "unknown key or region"
        if not re.fullmatch(r"\d{8}T\d{6}Z", stamp) or stamp[:8] != day:
            return "X-Amz-Date"
        if abs(time.time() - time.mktime(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) + time.timezone) > 900:
            return "X-Amz-Date is not now"
        content = headers.get("X-Amz-Content-Sha256")
        if content is None:
            return "x-amz-content-sha256 is missing"
        if content != hashlib.sha256(body).hexdigest() and not (content == "UNSIGNED-PAYLOAD" and self.tls):
            return "x-amz-content-sha256 is not the body's"
        names = signed.split(";")
        if names != sorted(names) or "host" not in names:
            return "SignedHeaders"
        for n in names:
            if headers.get(n) is None:
                return f"{n} is signed and not sent"
        for h in headers.keys():
            if h.lower().startswith("x-amz-") and h.lower() not in names:
                return f"{h} is not signed"
        path, _, query = target.partition("?")
        if path != quote(urllib.parse.unquote(path), "/"):
            return "the path is not in canonical form"
        pairs = [p.partition("=") for p in query.split("&")] if query else []
        canonical_query = "&".join(sorted(f"{quote(urllib.parse.unquote(k))}={quote(urllib.parse.unquote(v))}" for k, _, v in pairs))
        canonical = "\n".join([method, path, canonical_query] +
                              [f"{n}:{re.sub(' +', ' ', headers[n].strip())}" for n in names] + ["", signed, content])
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, f"{day}/{region}/s3/aws4_request", hashlib.sha256(canonical.encode()).hexdigest()])
        if not hmac.compare_digest(sign(self.secret, day, region, text), signature):
            return "SignatureDoesNotMatch"
        return None


def xml(code):
    return f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = None

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", headers=None):
        self.send_response(status)
        for k, v in (headers or {}).items():
            self.send_header(k, v)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_one(self):
        s = self.store
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        q = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        with s.lock:
            s.log.append((self.command, self.path))
            why = s.why_not(self.command, self.path, self.headers, body)
            if why:
                s.refused.append((self.command, self.path, why))
                return self.reply(403, xml(why.replace(" ", "")))
            for f in s.faults:
                answer = f(self.command, path, q)
                if answer == "cut":
                    self.close_connection = True
                    return None
                if answer:
                    return self.reply(*answer)
            if not path.startswith(f"/{s.bucket}/"):
                return self.reply(404, xml("NoSuchBucket"))
            return self.do(urllib.parse.unquote(path[len(s.bucket) + 2:]), q, body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one

    def do(self, key, q, body):
        s = self.store
        if "uploadId" in q:
            return self.upload(key, q, body)
        if self.command == "POST" and "uploads" in q:
            up = f"up+{s.next_upload}/=x"  # signs that must be encoded
            s.next_upload += 1
            s.uploads[up] = (key, {})
            return self.reply(200, f"<InitiateMultipartUploadResult><UploadId>{up}</UploadId></InitiateMultipartUploadResult>".encode())
        if self.command == "PUT":
            s.objects[key] = body
            return self.reply(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        if self.command == "DELETE":
            s.objects.pop(key, None)
            return self.reply(204)
        if key not in s.objects:
            return self.reply(404, xml("NoSuchKey"))
        data = s.objects[key]
        m = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if self.command == "HEAD":
            return self.reply(200, headers={"Content-Length": str(len(data))})
        if not m:
            return self.reply(200, data)
        a, b = int(m[1]), min(int(m[2]), len(data) - 1)
        if a >= len(data):
            return self.reply(416, xml("InvalidRange"))
        return self.reply(206, data[a:b + 1], {"Content-Range": f"bytes {a}-{b}/{len(data)}"})

    def upload(self, key, q, body):
        s = self.store
        if q["uploadId"] not in s.uploads or s.uploads[q["uploadId"]][0] != key:
            return self.reply(404, xml("NoSuchUpload"))
        parts = s.uploads[q["uploadId"]][1]
        if self.command == "PUT":
            parts[int(q["partNumber"])] = body
            return self.reply(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        if self.command == "GET":
            rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>&quot;{hashlib.md5(p).hexdigest()}&quot;</ETag><Size>{len(p)}</Size></Part>"
                           for n, p in sorted(parts.items()))
            return self.reply(200, f"<ListPartsResult>{rows}</ListPartsResult>".encode())
        named = re.findall(rb"<Part><PartNumber>(\d+)</PartNumber><ETag>\"([0-9a-f]+)\"</ETag></Part>", body)
        if [int(n) for n, _ in named] != sorted(parts) or any(hashlib.md5(parts[int(n)]).hexdigest().encode() != e for n, e in named):
            return self.reply(400, xml("InvalidPart"))
        s.objects[key] = b"".join(parts[n] for n in sorted(parts))
        del s.uploads[q["uploadId"]]
        return self.reply(200, b"<CompleteMultipartUploadResult/>")


def serve(store, port=0):
    handler = type("H", (Handler,), {"store": store})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.handle_error = lambda *a: None  # a client that was killed
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    one = Store(*sys.argv[2:6])
    serve(one, int(sys.argv[1]))
    print("ready", flush=True)
    threading.Event().wait()
