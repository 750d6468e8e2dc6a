#!/usr/bin/env python3
"""Makes the dictionary that SIP messages are packed with in PostgreSQL (lib/store/packed.h), from words.txt beside this file.

usage: make.py OUT

words.txt has what SIP and SDP repeat: names of headers, reasons, codecs; the commonest last. The tables of frequencies in front of it
come from messages that this script makes up of those words, with names, tags and addresses from a fixed seed: no message of anybody
is in it. The bytes are for ever: a row is read with the dictionary it was packed with. Another one is another file and another number.
"""
import ctypes
import os
import random
import sys

NUMBER = 40001  # zstd keeps those up to 32767 for a registrar (RFC 8878 7.1)
HERE = os.path.dirname(os.path.abspath(__file__))
rnd = random.Random(3261)
CODECS = {"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "18": "G729/8000", "3": "GSM/8000", "96": "AMR/8000", "111": "opus/48000/2",
          "101": "telephone-event/8000"}
HEX, DIGITS = "0123456789abcdef", "0123456789"
ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + DIGITS
METHODS = ("INVITE INVITE INVITE ACK BYE BYE REGISTER OPTIONS CANCEL INFO NOTIFY UPDATE PRACK REFER SUBSCRIBE").split()
ALLOWED = ("INVITE ACK CANCEL OPTIONS BYE REFER SUBSCRIBE NOTIFY INFO PUBLISH MESSAGE UPDATE PRACK").split()


def some(alphabet, n):
    return "".join(rnd.choice(alphabet) for _ in range(n))


def number():
    prefix, n = rnd.choice((("", 3), ("", 4), ("0", 9), ("+49", 9), ("+44", 10), ("00", 11)))
    return prefix + some(DIGITS, n)


def address():
    a = [rnd.randrange(1, 255) for _ in range(4)]
    return ".".join(str(x) for x in rnd.choice(([10] + a[1:], [192, 168] + a[2:], a)))


def port():
    return rnd.choice(("5060", "5060", "5061", str(rnd.randrange(1024, 65535))))


def token():
    return rnd.choice((some(ALNUM, 10), some(HEX, 8), some(HEX, 16), some(DIGITS, 10), "as" + some(HEX, 8), some(HEX, 32)))


def sdp():
    at, types = address(), rnd.sample([k for k in CODECS if k != "101"], rnd.randrange(1, 4)) + ["101"]
    lines = ["v=0", f"o={rnd.choice(('-', 'root', 'FreeSWITCH'))} {some(DIGITS, 10)} {some(DIGITS, 10)} IN IP4 {at}",
             rnd.choice(("s=-", "s=call", "s=session", "s=Asterisk PBX", "s=FreeSWITCH")), f"c=IN IP4 {at}", "t=0 0",
             f"m=audio {rnd.randrange(1024, 65535)} RTP/AVP {' '.join(types)}"]
    lines += [f"a=rtpmap:{t} {CODECS[t]}" for t in types]
    lines += ["a=fmtp:18 annexb=no"] if "18" in types else []
    lines += [rnd.choice(("a=fmtp:101 0-15", "a=fmtp:101 0-16")), "a=ptime:20", rnd.choice(("a=sendrecv", "a=sendrecv", "a=sendonly", "a=inactive"))]
    return "\r\n".join(lines) + "\r\n"


def via():
    more = rnd.choice((";rport", f";received={address()};rport={port()}", ""))
    return f"Via: SIP/2.0/{rnd.choice(('UDP', 'UDP', 'UDP', 'TCP', 'TLS'))} {address()}:{port()};branch=z9hG4bK{rnd.choice(('', '-', 'PJ'))}{token()}{more}"


def message(words):
    def of(*names):
        return [w for w in words if w.split(":")[0] in names]

    method, to, caller, host = rnd.choice(METHODS), number(), number(), address()
    request = rnd.random() < 0.45
    m = [f"{method} sip:{to}@{host}{rnd.choice(('', ':' + port(), ';transport=udp'))} SIP/2.0"] if request else \
        [rnd.choice(["SIP/2.0 200 OK"] * 4 + ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing"] * 2 + [w for w in words if w.startswith("SIP/2.0 ")])]
    m += [via() for _ in range(rnd.choice((1, 1, 2, 3)))]
    m += [f"Record-Route: <sip:{address()};lr{rnd.choice(('', '=on', ';ftag=' + token()))}>" for _ in range(rnd.choice((0, 0, 1, 2)))]
    m += [f"Max-Forwards: {rnd.choice((70, 70, 69, 68))}"] if request else []
    named = rnd.choice(("", "", f'"{caller}" ', f'"{rnd.choice(("Anna", "Front Desk", "Sales"))}" '))
    m += [f"From: {named}<sip:{caller}@{address()}>;tag={token()}", f"To: <sip:{to}@{host}>" + rnd.choice(("", ";tag=" + token(), ";tag=" + token())),
          "Call-ID: " + rnd.choice((some(HEX, 32) + "@" + host, token() + "-" + token(), "-".join(some(HEX, n) for n in (8, 4, 4, 4, 12)))),
          f"CSeq: {rnd.choice((1, 2, 3, 101, 102, rnd.randrange(30000)))} {method}", f"Contact: <sip:{caller}@{address()}:{port()}{rnd.choice(('', ';ob'))}>"]
    m += rnd.sample(of("User-Agent", "Server"), 1)
    m += rnd.sample(of("Session-Expires", "Min-SE", "Expires", "Date", "Reason", "P-Asserted-Identity", "Remote-Party-ID", "Require"), rnd.choice((0, 0, 1, 2)))
    m += ["Allow: " + ", ".join(ALLOWED[:rnd.randrange(6, 14)])] if rnd.random() < 0.6 else []
    m += ["Supported: " + ", ".join(rnd.sample(("replaces", "timer", "100rel", "outbound", "path", "gruu"), rnd.randrange(1, 4)))] if rnd.random() < 0.5 else []
    body = sdp() if method in ("INVITE", "UPDATE") and rnd.random() < 0.7 else ""
    m += ["Content-Type: application/sdp"] if body else []
    return ("\r\n".join(m + [f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body).encode()


class Params(ctypes.Structure):  # ZDICT_params_t
    _fields_ = [("level", ctypes.c_int), ("notification", ctypes.c_uint), ("id", ctypes.c_uint)]


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 0 if sys.argv[1:] in (["--help"], ["-h"]) else 64
    with open(os.path.join(HERE, "words.txt"), encoding="ascii") as f:
        words = f.read().replace("\n", "\r\n").encode()
    samples = [message([w for w in words.decode().split("\r\n") if w]) for _ in range(3000)]
    finalize = ctypes.CDLL("libzstd.so.1").ZDICT_finalizeDictionary
    finalize.restype = ctypes.c_size_t
    finalize.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.POINTER(ctypes.c_size_t),
                         ctypes.c_uint, Params]
    out = ctypes.create_string_buffer(len(words) + 1024)
    sizes = (ctypes.c_size_t * len(samples))(*map(len, samples))
    n = finalize(out, len(out), words, len(words), b"".join(samples), sizes, len(samples), Params(1, 0, NUMBER))
    if n > len(out):
        print(f"zstd made no dictionary of {len(words)} bytes of words")
        return 70
    with open(sys.argv[1], "wb") as f:
        f.write(out.raw[:n])
    return 0


sys.exit(main())
