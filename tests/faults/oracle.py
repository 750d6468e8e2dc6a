"""Compares what was sent with what is stored. Shares no code with the product: SIP is bytes with a hash, sound is bytes with numbers in
them, PostgreSQL is asked with psql, WAV is read by its own rules.

The truth: the tee of the traffic maker (each SIP message, byte by byte, with the time of sending) and one line for each call (result, times, the
numbers of the G.711 frames of each side). Verdict for a harvester and each message: stored once; stored more than once (doubled);
missing inside a window that a Loss record of that harvester declares (declared); missing elsewhere (undeclared).
"""
import collections
import datetime
import hashlib
import json
import os
import struct
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import siptext  # noqa: E402

SLACK_US = 20_000  # between the time of sending in the tee and the kernel's stamp, on a loaded machine
FRAME = 160


def us(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6 + 0.5)


def read_tee(path):
    """(time, source ip, source port, destination ip, port, payload) of each datagram of a pcap."""
    with open(path, "rb") as f:
        data = f.read()
    at = 24
    while at + 16 <= len(data):
        sec, usec, n, _ = struct.unpack_from("<IIII", data, at)
        p = data[at + 16:at + 16 + n]
        at += 16 + n
        if len(p) < n:
            return
        src, dst = ".".join(map(str, p[26:30])), ".".join(map(str, p[30:34]))
        sport, dport = struct.unpack_from(">HH", p, 34)
        yield sec * 1_000_000 + usec, src, sport, dst, dport, p[42:]


def stamp(at_us):
    return datetime.datetime.fromtimestamp(at_us / 1e6, datetime.timezone.utc).strftime("%H:%M:%S.%f")


def message_key(src, sport, dst, dport, digest):
    return f"{src}:{sport}>{dst}:{dport} {digest}"


def call_id_of(payload):
    for line in payload.split(b"\r\n"):
        if line.lower().startswith(b"call-id:"):
            return line[8:].strip().decode()
    return ""


class Truth:
    def __init__(self, tee, lines):
        self.sent = {}       # key -> time
        self.of_call = collections.defaultdict(list)
        for at, src, sport, dst, dport, payload in read_tee(tee):
            key = message_key(src, sport, dst, dport, hashlib.sha256(payload).hexdigest())
            self.sent[key] = at
            self.of_call[call_id_of(payload)].append((key, at))
        with open(lines, encoding="utf-8") as f:
            self.calls = {c["sip_call_id"]: c for c in map(json.loads, f)}


class Verdict:
    """Counts of one harvester (site), and lines about what is wrong."""

    def __init__(self, site):
        self.site = site
        self.n = collections.Counter()
        self.wrong = []
        self.look_at = []

    def add(self, what, text):
        self.n[what] += 1
        if len(self.wrong) < 200:
            self.wrong.append(f"{self.site}: {what}: {text}")

    def bad(self):
        return sum(self.n[k] for k in ("lost_undeclared", "doubled", "foreign", "calls_lost", "calls_doubled", "calls_wrong", "calls_not_flagged",
                                       "recordings_missing", "frames_undeclared", "frames_doubled", "messages_of_another_call"))


def in_window(windows, at):
    return any(a - SLACK_US <= at <= b + SLACK_US for a, b in windows)


def check_messages(pg, truth, v, windows):
    rows = pg.query(f"SELECT host(src_ip), src_port, host(dst_ip), dst_port, raw_form, encode(raw, 'hex') FROM sip_messages WHERE site = '{v.site}'")
    stored = collections.Counter()
    for src, sport, dst, dport, form, raw in rows:
        digest = hashlib.sha256(siptext.unpack(int(form), bytes.fromhex(raw))).hexdigest()
        stored[message_key(src, sport, dst, dport, digest)] += 1
    v.n["sent"] = len(truth.sent)
    missing = set()
    for key, at in truth.sent.items():
        n = stored.pop(key, 0)
        v.n["stored"] += n > 0
        if n > 1:
            v.add("doubled", f"{n} times: {key}")
        elif n == 0 and in_window(windows, at):
            v.n["lost_declared"] += 1
            missing.add(key)
        elif n == 0:
            missing.add(key)
            v.add("lost_undeclared", f"sent {stamp(at)}: {key}")
            if v.n["lost_undeclared"] <= 3:
                v.wrong.append(f"{v.site}: stored about then: " + neighbours(pg, v.site, at))
    for key in stored:
        v.add("foreign", f"stored, never sent: {key}")
    return missing


def neighbours(pg, site, at):
    """Where in the feed the hole is: (number of the envelope, event in it, time) of what was stored about that time."""
    rows = pg.query(f"SELECT seq, n, to_char(at AT TIME ZONE 'UTC', 'SS.US') FROM sip_messages WHERE site = '{site}' AND "
                    f"abs(extract(epoch FROM at) - {at / 1e6:.6f}) < 0.25 ORDER BY seq, n")
    return " ".join(f"{s}/{n}@{t}" for s, n, t in rows)


CALL_SQL = ("SELECT c.id, l.sip_call_id, c.state, coalesce(c.result, ''), c.message_count, c.recording_state, c.started_at AT TIME ZONE 'UTC', "
            "coalesce(to_char(c.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '') "
            "FROM calls c JOIN (SELECT DISTINCT call_id, sip_call_id FROM legs) l ON l.call_id = c.id WHERE c.site = '{site}'")


def check_calls(pg, truth, v, missing):
    """Each call that was made is one call, with its end and its messages. A call whose harvester missed messages may differ, if that is flagged."""
    by_id = collections.defaultdict(list)
    for row in pg.query(CALL_SQL.format(site=v.site)):
        by_id[row[1]].append(row)
    v.n["calls_made"] = len(truth.calls)
    flagged = {r[0] for r in pg.query(f"SELECT c.id FROM calls c JOIN losses l ON l.site = c.site AND l.publisher = ANY(c.harvesters) WHERE c.site = '{v.site}' "
                                      "AND l.from_at <= coalesce(c.ended_at, now()) AND l.to_at >= c.started_at")}
    good = {}
    for who, made in truth.calls.items():
        rows = by_id.pop(who, [])
        hurt = [k for k, _ in truth.of_call[who] if k in missing]
        if hurt:
            v.n["calls_hurt"] += 1
            for row in rows:
                if row[0] not in flagged and not hurt_outside(truth, who, missing, row):
                    v.add("calls_not_flagged", f"{who} has {len(hurt)} messages missing and no Loss record overlaps it")
            continue
        if not rows:
            v.add("calls_lost", who)
        elif len(rows) > 1:
            v.add("calls_doubled", f"{who}: {[r[0] for r in rows]}")
        else:
            compare_call(v, who, made, rows[0], len(truth.of_call[who]))
            good[who] = rows[0]
    for who in by_id:
        if who not in truth.of_call:
            v.add("foreign", f"a call that nobody made: {who}")
    return good


def hurt_outside(truth, who, missing, row):
    """All that is missing was sent before or after what the harvester knew of the call: the row cannot reach into the window."""
    first, last = us(row[6] + "+00:00"), us(row[7] + "+00:00") if row[7] else 1 << 62
    return all(at < first or at > last for k, at in truth.of_call[who] if k in missing)


def compare_call(v, who, made, row, messages):
    _, _, state, result, count, _, _, _ = row
    want = made["result"]
    if state != "ended":
        v.add("calls_wrong", f"{who}: state {state}")
    elif result != want and not (want == "failed" and result in ("failed", "rejected")):
        v.add("calls_wrong", f"{who}: result {result}, made {want}")
    elif int(count) != messages:
        v.add("calls_wrong", f"{who}: message_count {count}, sent {messages}")
    else:
        v.n["calls_right"] += 1


# ---- recordings ---------------------------------------------------------------------------------------------------

def wav_channels(data):
    at, fmt, body = 12, None, b""
    while at + 8 <= len(data):
        tag, n = data[at:at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if tag == b"fmt ":
            fmt = struct.unpack_from("<HHIIHH", data, at + 8)
        elif tag == b"data":
            body = data[at + 8:at + 8 + n]
        at += 8 + n + (n & 1)
    if fmt is None or fmt[0] not in (6, 7) or fmt[1] != 2:
        raise ValueError(f"not G.711 stereo: {fmt}")
    return body[0::2], body[1::2]


def frame_bytes(call, side, frame):
    return (struct.pack(">BBIB", 0xC3, 0x5A, call, side) + struct.pack(">I", frame)[1:]) * (FRAME // 10)


def find_frames(pcm, call, side, frames):
    """Which frames stand in the channel, and where; how many stand twice or out of order."""
    head = struct.pack(">BBIB", 0xC3, 0x5A, call, side)
    at, found, doubled = 0, {}, 0
    while True:
        at = pcm.find(head, at)
        if at < 0:
            break
        frame = int.from_bytes(pcm[at + 7:at + 10], "big")
        if pcm[at:at + FRAME] == frame_bytes(call, side, frame):
            if frame in found or frame not in frames:
                doubled += 1
            found[frame] = at
            at += FRAME
        else:
            at += 10
    return found, doubled


def check_recordings(pg, truth, v, good, audio, windows):
    rows = pg.query(f"SELECT call_id, status, id, gaps, started_at AT TIME ZONE 'UTC', sha256 FROM recordings WHERE site = '{v.site}'")
    by_call = collections.defaultdict(list)
    for r in rows:
        by_call[r[0]].append(r)
    for who, row in good.items():
        made = truth.calls[who]
        if made["caller"]["sent"] + made["callee"]["sent"] == 0:
            continue
        v.n["recordings_wanted"] += 1
        recs = by_call.get(row[0], [])
        ready = [r for r in recs if r[1] == "ready"]
        if len(recs) > 1:
            v.add("recordings_missing", f"{who}: {len(recs)} recordings of one call")
        elif not ready:
            if call_in_window(truth, who, windows):
                v.n["recordings_declared"] += 1
            else:
                v.add("recordings_missing", f"{who}: recording_state {row[5]}, rows {[r[1] for r in recs]}")
        else:
            check_one(v, who, made, ready[0], audio, windows)


def call_in_window(truth, who, windows):
    first, last = truth.of_call[who][0][1], truth.of_call[who][-1][1]
    return any(a - SLACK_US <= last and b + SLACK_US >= first for a, b in windows)


def check_one(v, who, made, rec, audio, windows):
    try:
        data = audio(rec[2])
        if hashlib.sha256(data).hexdigest() != rec[5]:
            v.add("recordings_missing", f"{who}: {rec[2]}: another SHA-256 than its row")
            return
        channels = wav_channels(data)
    except (OSError, ValueError) as e:
        v.add("recordings_missing", f"{who}: {rec[2]}: {e}")
        return
    v.n["recordings_ready"] += 1
    start = us(rec[4] + "+00:00")
    gaps = json.loads(rec[3])
    for side, name in enumerate(("caller", "callee")):
        frames = {f for a, b in made[name]["frames"] for f in range(a, b + 1)}
        found, doubled = find_frames(channels[side], made["number"], side, frames)
        v.n["frames_sent"] += len(frames)
        v.n["frames_right"] += len(frames & set(found))
        if doubled:
            v.n["frames_doubled"] += doubled
            v.wrong.append(f"{v.site}: {who} {name}: {doubled} frames twice or never sent")
        lost = sorted(frames - set(found))
        if lost:
            judge_missing(v, who, name, side, lost, found, gaps, start, windows)


def judge_missing(v, who, name, side, lost, found, gaps, start, windows):
    """A frame that is missing is declared when a gap of the recording (seconds from its start; one that says it was lost, not that it was never
    sent) stands where it would have been, or a Loss record covers its time."""
    own = [g for g in gaps if g["channel"] == side + 1 and g["reason"] in ("loss", "not_captured")]
    origin = found[min(found)] - min(found) * FRAME if found else None
    undeclared = []
    for f in lost:
        if origin is None:
            declared = bool(own) or call_in_window(v.truth, who, windows)
        else:
            at = (origin + f * FRAME) / 8000  # seconds into the recording
            declared = any(g["from"] - 0.002 <= at + 0.02 and at <= g["to"] + 0.002 for g in own) or in_window(windows, start + at * 1e6)
        if declared:
            v.n["frames_declared"] += 1
        else:
            undeclared.append(f)
    if undeclared:
        v.n["frames_undeclared"] += len(undeclared)
        v.look_at.append((who, name))
        v.wrong.append(f"{v.site}: frames_undeclared: {who} {name}: {len(undeclared)} of {len(lost)} missing frames, first {undeclared[:5]} at {stamp(start + (origin + undeclared[0] * FRAME) * 125) if origin is not None else '?'}, "
                       f"found {len(found)}, gaps {json.dumps(gaps)[:300]}")


# ---- all ------------------------------------------------------------------------------------------------------------

def windows_of(pg, site):
    got = []
    for a, b in pg.query(f"SELECT to_char(from_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), to_char(to_at AT TIME ZONE 'UTC', "
                         f"'YYYY-MM-DD\"T\"HH24:MI:SS.US') FROM losses WHERE site = '{site}' AND from_at IS NOT NULL AND to_at IS NOT NULL"):
        got.append((us(a + "+00:00"), us(b + "+00:00")))
    return sorted(got)


def judge(pg, tee, lines, sites, audio):
    truth = Truth(tee, lines)
    verdicts = []
    for site in sites:
        v = Verdict(site)
        v.truth = truth
        windows = windows_of(pg, site)
        v.n["loss_records"] = len(windows)
        missing = check_messages(pg, truth, v, windows)
        good = check_calls(pg, truth, v, missing)
        check_recordings(pg, truth, v, good, audio, windows)
        for who, name in v.look_at[:6]:
            rows = pg.query(f"SELECT id, call_id, first_at AT TIME ZONE 'UTC', last_at AT TIME ZONE 'UTC', packets, ended FROM streams WHERE site = '{site}' "
                            f"AND ssrc = {truth.calls[who][name]['ssrc']} ORDER BY 3")
            v.wrong.append(f"{site}: {who} {name}: its streams {rows}, its messages " + " ".join(stamp(at) for _, at in truth.of_call[who]))
        if v.bad() and windows:
            v.wrong.append(f"{site}: windows " + " ".join(f"{stamp(a)}-{stamp(b)}" for a, b in windows))
        v.n["quarantined"] = int(pg.query(f"SELECT count(*) FROM quarantine WHERE publisher LIKE '{site}/%'")[0][0])
        verdicts.append(v)
    return verdicts
