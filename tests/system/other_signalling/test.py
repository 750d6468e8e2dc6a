import importlib.util
import os

from harness import CAPTURES, Skip, Wav, check, tone_power

HERE = os.path.dirname(os.path.abspath(__file__))
_spec = importlib.util.spec_from_file_location("other_signalling_build", os.path.join(HERE, "build.py"))
builder = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(builder)

# Script: its calls in order: protocol, from, to, result, who hung up, cause, ring, talk and hold seconds, streams of the caller and the callee.
SCRIPTS = {
    "sccp_out": [("sccp", "8003", "004930123", "answered", "caller", None, 1.9, 6.5, 1.0, 1, 1)],
    "sccp_in_old": [("sccp", "004930123", "8004", "answered", "caller", None, 3.1, 4.3, 0.0, 1, 1),
                    ("sccp", "004930124", "8004", "no_answer", "system", None, 5.0, None, 0.0, 0, 0)],
    "mgcp_out": [("mgcp", "AALN/1", "2007", "answered", "callee", None, 3.0, 5.0, 1.0, 1, 1)],
    "mgcp_pair": [("mgcp", "aaln/1", "55", "answered", "callee", None, 2.5, 4.5, 0.0, 1, 1),
                  ("mgcp", "aaln/1", "55", "busy", "caller", 17, None, None, 0.0, 0, 0)],
    # two calls at once over one pair of ports
    "iax2_two": [("iax2", "100", "200", "answered", "callee", 16, 1.0, 7.0, 1.0, 1, 1),
                 ("iax2", "101", "201", "answered", "caller", 16, 0.5, 5.0, 0.0, 1, 1),
                 ("iax2", "102", "202", "busy", "callee", 17, None, None, 0.0, 0, 0)],
    "h323_fast": [("h323", "100", "200", "answered", "callee", 16, 1.0, 5.0, 1.0, 1, 1),
                  ("h323", "100", "201", "busy", "callee", 17, None, None, 0.0, 0, 0)],
    "h323_h245": [("h323", "100", "200", "answered", "caller", 16, 0.5, 4.0, 0.0, 1, 1),
                  ("h323", "101", "201", "answered", "caller", 16, 0.5, 4.0, 0.0, 1, 1)],
}
# Real captures: the same, and packets of the caller and the callee, each of a mirror's doubles once.
REAL = {
    "russo-sccp_fxs_inbound.pcapng": [("sccp", "2002", "2075", "answered", "caller", None, 231, 234)],
    "russo-sccp_fxs_outbound.pcapng": [("sccp", "2075", "2002", "answered", "caller", None, 266, 264)],
    "russo-sccp_inbound_call.pcapng": [("sccp", "8003", "8001", "answered", "caller", None, 0, 0)],
    "russo-sccp_outbound_call.pcapng": [("sccp", "8003", "8001", "answered", "caller", None, 0, 0)],
    "russo-sccp_phone_register.pcapng": [],
    "russo-mgcp_fxs_inbound.pcapng": [("mgcp", "2002", "AALN/S0/SU1/1", "answered", "caller", None, 328, 334)],
    "russo-mgcp_fxs_outbound.pcapng": [("mgcp", "AALN/S0/SU1/1", "2002", "answered", "caller", None, 339, 333)],
    "russo-mgcp_fxs_registration.pcapng": [],
    "ndpi-mgcp.pcap": [],
    "wiki-SIP_CALL_RTP_G711.pcap": [("mgcp", "aaln/1", "9005", "no_answer", "system", None, 6, 0)],
    "ndpi-iax.pcap": [("iax2", "447782267949", "442088205155", "answered", "system", None, 23, 18)],
    # from one phone to another of the same manager: a call to each, and the streams belong to the caller's, which began second
    "ndpi-skinny.pcap": [("sccp", "321", "307", "answered", "system", None, 0, 0), ("sccp", "321", "307", "answered", "system", None, 18, 17)],
}


def calls_of(got):
    return sorted(got["calls"], key=lambda c: c["started_at"])


def who(call):
    return (call["protocol"], call["from"]["user"], call["to"]["user"], call["result"], call["hangup_by"], call["q850_cause"])


def side(call, name, field=None):
    streams = [s for s in call["streams"] if s["side"] == name]
    return sum(s[field] for s in streams) if field else len(streams)


def near(got, want):
    return got is None if want is None else got is not None and abs(got - want) < 0.005


def test_scripts(t):
    files = []
    for name in SCRIPTS:
        files.append(t.path(name + ".pcap"))
        builder.build(os.path.join(HERE, "scripts", name + ".txt"), files[-1])
    t.up()
    for (name, want), got in zip(SCRIPTS.items(), t.replay(*files)):
        calls = calls_of(got)
        check(len(calls) == len(want), f"{name}: {len(calls)} calls: {[who(c) for c in calls]}")
        check(not got["unjoined_streams"], f"{name}: not joined: {got['unjoined_streams']}")
        for call, w in zip(calls, want):
            check(who(call) == w[:6], f"{name}: {who(call)}, wanted {w[:6]}")
            check(call["sip_status"] is None and call["state"] == "ended", f"{name}: {call}")
            for field, value in zip(("ring_seconds", "talk_seconds", "hold_seconds"), w[6:9]):
                check(near(call[field], value), f"{name}: {field} {call[field]}, wanted {value}")
            check((side(call, "caller"), side(call, "callee")) == w[9:], f"{name}: streams {call['streams']}")


def test_each_side_is_heard_in_its_ear(t):
    """The scripts' callers sing 440 Hz when they are the near end; every script gives the left ear the caller."""
    heard = 0
    for name in SCRIPTS:
        got = t.replay(t.path(name + ".pcap"))[0]
        for call in calls_of(got):
            if not call["streams"]:
                check(not call["recordings"], f"{name}: a recording of nothing")
                continue
            check(len(call["recordings"]) == 1 and call["recordings"][0]["status"] == "ready", f"{name}: {call['recordings']}")
            wav = Wav(t.recording_bytes(call["recordings"][0]))
            ears = [[round(tone_power(ear, hz, wav.rate), 2) for hz in (440, 1000)] for ear in (wav.left, wav.right)]
            near_end_left = "in" not in name.split("_")
            check(ears[0][0 if near_end_left else 1] > 0.7 and ears[1][1 if near_end_left else 0] > 0.7, f"{name}: {ears}")
            heard += 1
    check(heard >= len(SCRIPTS), f"{heard} calls heard")


def test_real_captures(t):
    files = [f for f in REAL if os.path.exists(os.path.join(CAPTURES, f))]
    if not files:
        raise Skip(f"no captures: {CAPTURES} is not there")
    wrong = []
    for name, got in zip(files, t.replay(*[os.path.join(CAPTURES, f) for f in files])):
        calls = [c for c in calls_of(got) if c["protocol"] != "sip"]
        ours = [(*who(c), side(c, "caller", "packets"), side(c, "callee", "packets")) for c in calls]
        if ours != REAL[name]:
            wrong.append(f"{name}: {ours}, wanted {REAL[name]}")
    check(not wrong, "\n".join(wrong))
