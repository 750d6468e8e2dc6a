import csv
import os

from harness import CAPTURES, ROOT, Skip, check

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
    joined = [s for c in got["calls"] for s in c["streams"]]
    every = joined + got["unjoined_streams"]
    return {"calls": len(got["calls"]), "answered": sum(c["result"] == "answered" for c in got["calls"]),
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
    mute = {"PCMU", "PCMA"}
    for c in calls:
        if c["quality"] and c["quality"]["packets"] > 50 and set(c["codecs"]) & mute:
            check(c["recording_state"] == "ready", f"call {c['id']} of {c['site']}: {c['codecs']} is {c['recording_state']}")
