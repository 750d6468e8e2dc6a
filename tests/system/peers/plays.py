"""The plays: run inside a namespace of their own as  plays.py PLAY FOLDER PCAP  by test.py. Everything is ended by pid."""
import json
import math
import os
import socket
import struct
import subprocess
import sys
import time
import wave

NET = "10.99.0."
KAMAILIO = """
children=1
listen=udp:10.99.0.9:5060
auto_aliases=no
log_stderror=yes
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "corex.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
request_route {
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (has_totag()) {
        if (loose_route() || (is_method("ACK") && t_check_trans())) t_relay();
        exit;
    }
    if (!is_method("INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
    record_route();
    $ru = "sip:202@10.99.0.2:5060";
    append_branch("sip:203@10.99.0.3:5060");
    t_relay();
}
"""


class Peers:
    def __init__(self, folder, pcap):
        self.folder, self.children = folder, []
        for line in ("link set lo up", *(f"addr add {NET}{i}/32 dev lo" for i in (1, 2, 3, 9))):
            subprocess.run(["ip", *line.split()], check=True)
        self.tone()
        self.shark = self.watch(pcap)
        time.sleep(1)

    def watch(self, pcap):
        """tshark, writing. Seldom it starts and never opens its file: then it is started again."""
        for _ in range(3):
            p = self.spawn("tshark", "tshark", "-q", "-i", "lo", "-f", "udp", "-w", pcap, "-F", "pcap")
            for _ in range(150):
                if os.path.exists(pcap) and os.path.getsize(pcap) >= 24:
                    return p
                time.sleep(0.1)
            p.kill()
            p.wait()
        raise SystemExit("tshark does not write: " + self.log("tshark")[-300:])

    def tone(self):
        with wave.open(os.path.join(self.folder, "tone.wav"), "wb") as w:
            w.setparams((1, 2, 8000, 0, "NONE", ""))
            w.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(2 * math.pi * 440 * i / 8000))) for i in range(8000 * 60)))

    def spawn(self, name, *args):
        with open(os.path.join(self.folder, name + ".log"), "w", encoding="utf-8") as log:
            p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.children.append(p)
        return p

    def wait(self, what, fn, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if fn():
                return
            time.sleep(0.1)
        raise SystemExit(f"not within {seconds} s: {what}")

    def log(self, name):
        with open(os.path.join(self.folder, name + ".log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def baresip(self, i, *accounts, modules=()):
        home = os.path.join(self.folder, f"phone{i}")
        os.makedirs(home)
        lines = ["poll_method epoll", f"sip_listen {NET}{i}:5060", f"net_interface {NET}{i}", "audio_player aubridge,nil",
                 "audio_source aubridge,nil" if modules else f"audio_source aufile,{self.folder}/tone.wav", "audio_alert aubridge,alert", "ausrc_srate 8000", "auplay_srate 8000",
                 f"rtp_ports 2{i}000-2{i}100", "module_path /usr/lib/baresip/modules", "module g711.so", "module aufile.so",
                 "module aubridge.so", "module_tmp account.so", "module_app menu.so", "module_app ctrl_tcp.so",
                 *(f"module_app {m}" for m in modules), f"ctrl_tcp_listen {NET}{i}:4444"]
        for name, text in (("config", lines), ("accounts", accounts), ("contacts", [])):
            with open(os.path.join(home, name), "w", encoding="utf-8") as f:
                f.write("\n".join(text) + "\n")
        self.spawn(f"phone{i}", "baresip", "-f", home)
        self.wait(f"phone {i}", lambda: "baresip is ready" in self.log(f"phone{i}"))

    def command(self, i, command, params=""):
        with socket.create_connection((f"{NET}{i}", 4444), timeout=5) as s:
            text = json.dumps({"command": command, "params": params, "token": "t"}).encode()
            s.sendall(str(len(text)).encode() + b":" + text + b",")
            time.sleep(0.2)
            s.recv(4000)

    def established(self, i, times=1):
        self.wait(f"phone {i} to talk", lambda: self.log(f"phone{i}").count("Call established") >= times)

    def close(self):
        time.sleep(1)
        for p in [c for c in self.children if c is not self.shark] + [self.shark]:
            p.terminate()
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()


def phone(i, mode="auto"):
    return f"<sip:20{i}@{NET}{i}:5060>;regint=0;answermode={mode};audio_codecs=pcmu"


def transfer(p):
    for i in (1, 2, 3):
        p.baresip(i, phone(i))
    p.command(1, "dial", f"sip:202@{NET}2:5060")
    p.established(2)
    time.sleep(2)
    p.command(2, "hold")
    time.sleep(2)
    p.command(2, "resume")
    time.sleep(2)
    p.command(2, "transfer", f"sip:203@{NET}3:5060")
    p.established(3)
    time.sleep(3)
    p.command(3, "hangup")


def b2bua(p):
    p.baresip(2, phone(2))
    p.baresip(9, f"<sip:in@{NET}9:5060>;regint=0;b2bua=inbound;audio_codecs=pcmu",
              f"<sip:out@{NET}9:5060>;regint=0;b2bua=outbound;outbound=\"sip:{NET}2:5060;transport=udp\";audio_codecs=pcmu", modules=("b2bua.so",))
    p.baresip(1, phone(1))
    p.command(1, "dial", f"sip:202@{NET}9:5060")
    p.established(1)
    time.sleep(4)
    p.command(1, "hangup")


def fork(p):
    with open(os.path.join(p.folder, "kamailio.cfg"), "w", encoding="utf-8") as f:
        f.write(KAMAILIO)
    p.spawn("kamailio", "kamailio", "-f", os.path.join(p.folder, "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4", "-Y", p.folder,
            "-P", os.path.join(p.folder, "kamailio.pid"))
    p.baresip(2, phone(2, "manual"))
    p.baresip(3, phone(3, "manual"))
    p.baresip(1, phone(1))
    p.command(1, "dial", f"sip:200@{NET}9:5060")
    for i in (2, 3):
        p.wait(f"phone {i} to ring", lambda n=i: "ncoming call" in p.log(f"phone{n}"))
    time.sleep(1)
    p.command(3, "accept")
    p.established(1)
    time.sleep(3)
    p.command(1, "hangup")


def main():
    p = Peers(sys.argv[2], sys.argv[3])
    try:
        {"transfer": transfer, "b2bua": b2bua, "fork": fork}[sys.argv[1]](p)
    finally:
        p.close()


main()
