import base64
import csv
import os
import re

from harness import CAPTURES, ROOT, Skip, Wav, check

RENDERED = {"pcmu", "pcma", "l16", "g722", "g726-16", "g726-24", "g726-32", "g726-40", "gsm", "opus", "amr", "amr-wb", "g729", "g723", "ilbc", "speex"}
# File, codec, rate of the recording, and whether there is speech in it (the tools of one send silence).
OTHER_CODECS = (
    ("nesfit-codecs3-g722.pcap", "G722", 16000, True), ("nesfit-codecs3-g726-16.pcap", "G726-16", 8000, True),
    ("nesfit-codecs3-g726-32.pcap", "G726-32", 8000, True), ("nesfit-codecs3-gsm.pcap", "GSM", 8000, True),
    ("russo-rtp_sip_opus.pcapng", "opus", 16000, True), ("wiki-sip-rtp-g722.pcap", "G722", 16000, True),
    ("wiki-sip-rtp-gsm.pcap", "GSM", 8000, True), ("wiki-sip-rtp-opus.pcap", "opus", 16000, True),
    ("sipnab-invite-opus-bye.pcap", "opus", 16000, False),
    # by callmesh-render
    ("wiki-sip-rtp-g729a.pcap", "G729", 8000, True),
    ("wiki-sip-rtp-ilbc.pcap", "iLBC", 8000, True), ("nesfit-codecs3-speex8.pcap", "speex", 8000, True),
    ("nesfit-codecs3-speex16.pcap", "speex", 16000, True),
)
FIELDS = ("calls", "answered", "joined_streams", "joined_rtp", "all_streams", "all_rtp")


def explained():
    """Rows | file | field | truth | ours | why | of docs/conformance.md."""
    rows = {}
    path = os.path.join(ROOT, "docs", "conformance.md")
    with open(path, encoding="utf-8") as f:
        for line in f:
            cells = [c.strip().strip("`") for c in line.strip().strip("|").split("|")]
            if len(cells) == 5 and cells[1] in FIELDS:
                check(cells[4], f"{cells[0]} {cells[1]}: no reason given in docs/conformance.md")
                rows[(cells[0], cells[1])] = (int(cells[2]), int(cells[3]))
    return rows


def truth_of(row):
    n = {k: int(v or 0) for k, v in row.items() if k.endswith(("_calls", "_streams", "_packets")) or k == "packets"}
    # tshark ties RTP to SIP, but to MGCP and SCCP as well: a stream is joined here only where there is a SIP call
    with_sip = n["sip_calls"] > 0
    return {"calls": n["sip_calls"], "answered": n["sip_answered_calls"],
            "joined_streams": n["rtp_streams"] if with_sip else 0, "joined_rtp": n["rtp_packets"] if with_sip else 0,
            "all_streams": max(n["rtp_streams"], n["heur_streams"]), "all_rtp": max(n["rtp_packets"], n["heur_packets"])}


def ours_of(got):
    calls = [c for c in got["calls"] if c["protocol"] == "sip"]  # the others: other_signalling
    joined = [s for c in calls for s in c["streams"]]
    every = [s for c in got["calls"] for s in c["streams"]] + got["unjoined_streams"]
    # tshark counts Call-IDs: a call of several parts is as many there
    answered = {leg["call_id"] for c in calls for leg in c["legs"] if leg["answered_at"]}
    return {"calls": sum(1 + len(c["related"]) for c in calls), "answered": len(answered),
            "joined_streams": len(joined), "joined_rtp": sum(s["packets"] for s in joined),
            "all_streams": len(every), "all_rtp": sum(s["packets"] for s in every)}


def test_calls_and_streams_of_each_capture(t):
    if not os.path.exists(os.path.join(CAPTURES, "truth.tsv")):
        raise Skip(f"no captures: {CAPTURES} is not there")
    with open(os.path.join(CAPTURES, "truth.tsv"), encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
    t.up()
    answers = t.replay(*[os.path.join(CAPTURES, r["file"]) for r in rows])
    check(len(answers) == len(rows), f"{len(answers)} answers for {len(rows)} files")
    known, wrong = explained(), []
    for row, got in zip(rows, answers):
        truth, ours = truth_of(row), ours_of(got)
        check(got["packets"] == int(row["packets"]), f"{row['file']}: {got['packets']} packets")
        for field in FIELDS:
            want = known.pop((row["file"], field), None)
            if want and want == (truth[field], ours[field]):
                continue
            if want or truth[field] != ours[field]:
                wrong.append(f"{row['file']}: {field} {ours[field]}, tshark {truth[field]}" + (f", docs/conformance.md says {want}" if want else ""))
    wrong += [f"docs/conformance.md: {k}: no such file" for k in known]
    check(not wrong, f"{len(wrong)} differences:\n  " + "\n  ".join(wrong))


def test_every_call_with_media_has_its_recording(t):
    if not os.path.isdir(CAPTURES):
        raise Skip(f"no captures: {CAPTURES} is not there")
    calls = []
    cursor = ""
    while True:
        page = t.get("/calls?limit=200" + (f"&cursor={cursor}" if cursor else ""))
        calls += page["data"]
        if not page["has_more"]:
            break
        cursor = page["next_cursor"]
    pending = [c["id"] for c in calls if c["recording_state"] in ("pending", "active")]
    check(not pending, f"never answered: {pending}")
    for c in calls:
        if c["quality"] and c["quality"]["packets"] > 50 and {n.lower() for n in c["codecs"]} & RENDERED:
            check(c["recording_state"] == "ready", f"call {c['id']} of {c['site']}: {c['codecs']} is {c['recording_state']}")


def sound(pcm):
    """Root mean square, and how much a sample is like the one before it: speech over 0.8, noise and a wrong decoder near 0."""
    power = sum(v * v for v in pcm)
    if not power:
        return 0.0, 0.0
    return (power / len(pcm)) ** 0.5, sum(a * b for a, b in zip(pcm, pcm[1:])) / power


def test_other_codecs_are_heard(t):
    if not os.path.exists(os.path.join(CAPTURES, OTHER_CODECS[0][0])):
        raise Skip(f"no captures: {CAPTURES} is not there")
    if not t.is_up:
        t.up()
    answers = t.replay(*[os.path.join(CAPTURES, name) for name, _, _, _ in OTHER_CODECS])
    for (name, codec, rate, speech), got in zip(OTHER_CODECS, answers):
        check(len(got["calls"]) == 1 and len(got["calls"][0]["recordings"]) == 1, f"{name}: not one call with one recording")
        call = got["calls"][0]
        r = call["recordings"][0]
        check(r["status"] == "ready" and r["codec"] == "L16" and r["sample_rate"] == rate, f"{name}: {r}")
        check({c["codec"] for c in r["channels"] if c["packets"]} == {codec}, f"{name}: channels {r['channels']}")
        check(sum(c["packets"] for c in r["channels"]) > 0.85 * sum(s["packets"] for s in call["streams"]), f"{name}: {r['channels']}")
        wav = Wav(t.recording_bytes(r))
        check(wav.rate == rate and abs(wav.seconds - r["duration_seconds"]) < 0.001, f"{name}: {wav.seconds} s at {wav.rate}")
        longest = max(c["packets"] for c in r["channels"]) * 0.02
        check(longest * 0.98 <= wav.seconds <= longest * 1.6 + 3, f"{name}: {wav.seconds} s of {longest} s of packets")
        loud = [s for s in map(sound, (wav.left, wav.right)) if s[0] > 200]
        check(bool(loud) == speech, f"{name}: {len(loud)} sides with sound")
        for rms, smooth in loud:
            check(rms < 8000 and smooth > 0.8, f"{name}: rms {rms:.0f}, one sample and the next {smooth:.3f}: noise")


def test_srtp_without_keys_is_no_recording(t):
    if not t.is_up:
        t.up()
    plain, crypt = t.path("plain.pcap"), t.path("crypt.pcap")
    t.traffic(plain, "--calls", "2", "--concurrent", "2", "--talk", "3", "--seed", "77")
    with open(plain, "rb") as f:
        data = f.read()
    # as long as the line it stands for, so that no length in the packet changes
    check(b"a=ptime:20" in data, "the traffic's SDP has no ptime")
    with open(crypt, "wb") as f:
        f.write(data.replace(b"a=ptime:20", b"a=crypto:1"))
    calls = t.replay(crypt)[0]["calls"]
    check(len(calls) == 2, f"{len(calls)} calls")
    for c in calls:
        check(all(s["srtp"] for s in c["streams"]) and len(c["streams"]) == 2, f"{c['id']}: {c['streams']}")
        check([(r["status"], r["reason"]) for r in c["recordings"]] == [("failed", "SRTP without keys")], f"{c['id']}: {c['recordings']}")


def test_srtp_is_heard_as_its_call_in_the_clear(t):
    """The same calls in the clear and as SRTP with keys in SDP: recordings of the same bytes. Held, other keys behind it, numbers that roll over."""
    if not t.is_up:
        t.up()
    common = ("--calls", "2", "--concurrent", "2", "--talk", "3", "--seed", "78", "--mix", "1,0,0,0", "--hold", "100", "--seq", "65500",
              "--loss", "3", "--reorder", "5", "--duplicate", "5")
    files = [t.path(f"{n}.pcap") for n in ("clear", "srtp", "wrong")]
    t.traffic(files[0], *common)
    t.traffic(files[1], *common, "--srtp", "AES_CM_128_HMAC_SHA1_80", "--rekey")
    with open(files[1], "rb") as f:
        data = f.read()
    keys = set(re.findall(rb"a=crypto:1 \S+ inline:(\S+)", data))
    check(len(keys) == 8, f"{len(keys)} keys: two calls of two sides, twice")
    with open(files[2], "wb") as f:  # what SDP says of the keys is not true
        f.write(re.sub(rb"(inline:\S{9})(\S)", lambda m: m[1] + (b"B" if m[2] == b"A" else b"A"), data))
    clear, srtp, wrong = ({c["legs"][0]["sip_call_id"]: c for c in a["calls"]} for a in t.replay(*files))
    check(len(clear) == 2 and clear.keys() == srtp.keys() == wrong.keys(), f"calls {clear.keys()}, {srtp.keys()}, {wrong.keys()}")
    for i, c in srtp.items():
        check(all(s["srtp"] for s in c["streams"]), f"{i}: {c['streams']}")
        a, b = clear[i]["recordings"][0], c["recordings"][0]
        check((b["status"], b["reason"]) == ("ready", a["reason"]), f"{i}: {b['status']}, {b['reason']}")
        check([g["reason"] for g in a["gaps"]] == [g["reason"] for g in b["gaps"]], f"{i}: gaps {a['gaps']} and {b['gaps']}")
        check(t.recording_bytes(a) == t.recording_bytes(b), f"the recordings of {i} differ")
        r = wrong[i]["recordings"][0]
        check((r["status"], r["reason"]) == ("failed", "SRTP: none of the call's 4 keys fits"), f"wrong keys: {r}")
    # A key is in the SIP message and nowhere else: no log has one, and not where the sound is.
    for folder in ("log", "spool", "recordings"):
        for top, _, names in os.walk(os.path.join(t.var, folder)):
            for name in names:
                with open(os.path.join(top, name), "rb") as f:
                    body = f.read()
                found = [k for k in keys if k in body or base64.b64decode(k) in body]
                check(not found, f"{top}/{name} has {len(found)} keys")
