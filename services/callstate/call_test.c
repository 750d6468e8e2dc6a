// Calls told as small stories (story_kit.h): the dialog machine, retransmissions, forks, hops, hold, timers, media.
#include "story_kit.h"

struct story {
    const char *name, *text, *expect;
};

static const struct story stories[] = {
    {"a plain call",
     "0 A>B INVITE sdp=4000\n0.1 B>A 100\n1 B>A 180 t=b\n3 B>A 200 t=b sdp=6000\n3.1 A>B ACK t=b "
     "z=ack\n"
     "20 A>B BYE t=b n=2\n20.1 B>A 200 t=b n=2 m=BYE",
     "x ended answered caller 200 ring=1 answer=3 end=20 msgs=7 legs=b:ended\n"},
    {"the callee hangs up",
     "0 A>B INVITE\n1 B>A 180 t=b\n3 B>A 200 t=b\n3.1 A>B ACK t=b z=ack\n9 B>A BYE f=b t=f "
     "n=77\n9.1 A>B 200 f=b t=f n=77 m=BYE",
     "x ended answered callee 200 ring=1 answer=3 end=9 msgs=6 legs=b:ended\n"},
    {"two INVITE retransmissions are one call",
     "0 A>B INVITE\n0.5 A>B INVITE\n1.5 A>B INVITE\n2 B>A 180 t=b\n2.5 B>A 180 t=b",
     "x ringing - - 180 ring=2 msgs=5 legs=b:ringing\n"},
    {"401, then an INVITE with the same Call-ID is the same leg",
     "0 A>B INVITE\n0.1 B>A 401 t=p\n0.2 A>B ACK t=p\n0.3 A>B INVITE n=2\n0.4 B>A 100 n=2\n1 B>A "
     "180 t=b n=2\n2 B>A 200 t=b n=2\n"
     "2.1 A>B ACK t=b n=2 z=ack\n5 A>B BYE t=b n=3",
     "x ended answered caller 200 ring=1 answer=2 end=5 msgs=9 legs=b:ended\n"},
    {"a late double of the 407 changes nothing",
     "0 A>B INVITE\n0.1 B>A 407 t=p\n0.3 A>B INVITE n=2\n1 B>A 180 t=b n=2\n1.1 B>A 407 t=p n=1\n2 "
     "B>A 200 t=b n=2",
     "x answered - - 200 ring=1 answer=2 msgs=6 legs=b:answered\n"},
    {"401 and nothing more is failed by time",
     "0 A>B INVITE\n0.1 B>A 401 t=p\n0.2 A>B ACK t=p\n33 tick",
     "x ended failed timeout 401 end=32.2 msgs=3 legs=:ended\n"},
    {"busy", "0 A>B INVITE\n1 B>A 486 t=b\n1.1 A>B ACK t=b",
     "x ended busy callee 486 end=1 msgs=3 legs=:ended\n"},
    {"rejected", "0 A>B INVITE\n1 B>A 603 t=b",
     "x ended rejected callee 603 end=1 msgs=2 legs=:ended\n"},
    {"redirected", "0 A>B INVITE\n1 B>A 302 t=b",
     "x ended redirected callee 302 end=1 msgs=2 legs=:ended\n"},
    {"failed", "0 A>B INVITE\n1 B>A 503 t=b",
     "x ended failed callee 503 end=1 msgs=2 legs=:ended\n"},
    {"not there", "0 A>B INVITE\n1 B>A 404 t=b",
     "x ended failed callee 404 end=1 msgs=2 legs=:ended\n"},
    {"no answer by 480", "0 A>B INVITE\n1 B>A 180 t=b\n9 B>A 480 t=b",
     "x ended no_answer callee 480 ring=1 end=9 msgs=3 legs=b:ended\n"},
    {"no answer by 408", "0 A>B INVITE\n1 B>A 180 t=b\n9 B>A 408 t=b",
     "x ended no_answer timeout 408 ring=1 end=9 msgs=3 legs=b:ended\n"},
    {"canceled by the caller",
     "0 A>B INVITE\n1 B>A 180 t=b\n5 A>B CANCEL\n5.1 B>A 200 m=CANCEL\n5.2 B>A 487 t=b\n5.3 A>B "
     "ACK t=b",
     "x ended canceled caller 487 ring=1 end=5.2 msgs=6 legs=b:ended\n"},
    {"CANCEL, the 487 lost: ends by the ACK",
     "0 A>B INVITE\n1 B>A 180 t=b\n5 A>B CANCEL\n5.3 A>B ACK t=b",
     "x ended canceled caller 180 ring=1 end=5.3 msgs=4 legs=b:ended\n"},
    {"CANCEL and nothing more: ends by time, when it was canceled",
     "0 A>B INVITE\n1 B>A 180 t=b\n5 A>B CANCEL\n40 tick",
     "x ended canceled caller 180 ring=1 end=5 msgs=3 legs=b:ended\n"},
    {"CANCEL loses the race",
     "0 A>B INVITE\n1 B>A 180 t=b\n5 A>B CANCEL\n5.01 B>A 200 t=b\n5.1 A>B ACK t=b z=a\n6 A>B BYE "
     "t=b n=2",
     "x ended answered caller 200 ring=1 answer=5.01 end=6 msgs=6 legs=b:ended\n"},
    {"487 without a CANCEL", "0 A>B INVITE\n1 B>A 180 t=b\n30 B>A 487 t=b",
     "x ended no_answer callee 487 ring=1 end=30 msgs=3 legs=b:ended\n"},
    {"the 2xx is lost: its ACK says so, where branches are to be trusted",
     "0 A>B INVITE\n1 B>A 180 t=b\n3.1 A>B ACK t=b z=z9hG4bKown\n250 A>B INFO t=b n=2\n300 A>B BYE "
     "t=b n=3",
     "x ended answered caller 0 ring=1 answer=3.1 end=300 msgs=5 legs=b:ended\n"},
    {"the 2xx is lost, a branch of the old kind: not answered, but up until BYE",
     "0 A>B INVITE\n1 B>A 180 t=b\n3.1 A>B ACK t=b z=own\n250 A>B INFO t=b n=2\n300 A>B BYE t=b "
     "n=3",
     "x ended no_answer caller 180 ring=1 end=300 msgs=5 legs=b:ended\n"},
    {"the 2xx captured after the BYE", "0 A>B INVITE\n9 A>B BYE t=b n=2\n9.5 B>A 200 t=b",
     "x ended answered caller 200 answer=9.5 end=9 msgs=3 legs=b:ended\n"},
    {"early media: 183 with SDP, then 180 keeps the first ring time",
     "0 A>B INVITE\n1 B>A 183 t=b sdp=6000\n2 B>A 180 t=b",
     "x ringing - - 180 ring=1 msgs=3 legs=b:ringing\n"},
    {"183 without SDP is no ringing", "0 A>B INVITE\n1 B>A 183 t=b",
     "x started - - 183 msgs=2 legs=b:started\n"},
    {"responses before their INVITE (two mirrors)",
     "0 B>A 100\n0.01 B>A 180 t=b\n0.02 A>B INVITE\n1 B>A 200 t=b",
     "x answered - - 200 ring=0.02 answer=1 msgs=4 legs=b:answered\n"},
    {"a response without an INVITE makes no call",
     "0 B>A 180 t=b\n1 B>A 200 t=b\n20 tick\n20.1 A>B INVITE",
     "x started - - 0 msgs=1 legs=:started\n"},
    {"Call-ID used again with other tags: another call (trap 1)",
     "0 A>B INVITE\n1 B>A 200 t=b\n1.1 A>B ACK t=b z=a\n5 A>B BYE t=b n=2\n7 A>B INVITE f=g z=n\n8 "
     "B>A 200 f=g t=c z=n\n9 A>B BYE f=g t=c n=2",
     "x ended answered caller 200 answer=1 end=5 msgs=4 legs=b:ended\n"
     "x ended answered caller 200 answer=8 end=9 msgs=3 legs=c:ended\n"},
    {"even with the same tags, after an answered call has ended",
     "0 A>B INVITE\n1 B>A 200 t=b\n5 A>B BYE t=b n=2\n5.1 B>A 200 t=b n=2 m=BYE\n9 A>B INVITE "
     "z=new\n10 B>A 180 t=c z=new",
     "x ended answered caller 200 answer=1 end=5 msgs=4 legs=b:ended\n"
     "x ringing - - 180 ring=10 msgs=2 legs=c:ringing\n"},
    {"Call-IDs that differ only late",
     "0 A>B INVITE id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1\n"
     "1 A>B INVITE id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1 started - - 0 msgs=1 legs=:started\n"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2 started - - 0 msgs=1 legs=:started\n"},
    {"a try after a failure is the same call",
     "0 A>B INVITE\n1 B>A 486 t=b\n3 A>B INVITE n=2\n4 B>A 200 t=c n=2",
     "x answered - - 200 answer=4 msgs=4 legs=c:answered\n"},
    {"forks: the second answers, the first is over",
     "0 A>B INVITE\n1 B>A 180 t=b\n1.5 B>A 183 t=c sdp=7000\n3 B>A 200 t=c\n3.1 A>B ACK t=c z=a\n9 "
     "A>B BYE t=c n=2",
     "x ended answered caller 200 ring=1 answer=3 end=9 msgs=6 legs=b:ended,c:ended\n"},
    {"forks: both answer, the caller ends one of them",
     "0 A>B INVITE\n3 B>A 200 t=b\n3.1 B>A 200 t=c\n3.2 A>B ACK t=c z=a\n3.3 A>B BYE t=c n=2",
     "x answered - - 200 answer=3 msgs=5 legs=b:answered,c:ended\n"},
    {"forks: all fail", "0 A>B INVITE\n1 B>A 180 t=b\n1.5 B>A 180 t=c\n9 B>A 486 t=c",
     "x ended busy callee 486 ring=1 end=9 msgs=4 legs=b:ended,c:ended\n"},
    {"a proxy on the same tap: two hops, one call, nothing sent twice",
     "0 A>P INVITE z=z1\n0.1 P>A 100 z=z1\n0.2 P>B INVITE z=z2\n1 B>P 180 t=b z=z2\n1.1 P>A 180 "
     "t=b z=z1\n"
     "3 B>P 200 t=b z=z2\n3.1 P>A 200 t=b z=z1\n3.2 A>P ACK t=b z=z3\n3.3 P>B ACK t=b z=z4\n9 A>P "
     "BYE t=b n=2 z=z5\n9.1 P>B BYE t=b n=2 z=z6",
     "x ended answered caller 200 ring=1 answer=3 end=9 msgs=11 legs=b:ended\n"},
    {"a proxy tries another after a failure that the caller never hears",
     "0 A>P INVITE z=z1\n0.2 P>B INVITE z=z2\n1 B>P 486 t=b z=z2\n1.1 P>B ACK t=b z=z2\n1.2 P>C "
     "INVITE z=z3\n3 C>P 200 t=c z=z3\n3.1 P>A 200 t=c z=z1",
     "x answered - - 200 answer=3 msgs=7 legs=c:answered\n"},
    {"a forking proxy cancels the branch that lost: not the caller",
     "0 A>P INVITE z=z1\n0.1 P>B INVITE z=z2\n0.2 P>C INVITE z=z3\n1 B>P 180 t=b z=z2\n2 P>B "
     "CANCEL z=z2\n2.1 B>P 487 t=b z=z2\n3 C>P 200 t=c z=z3",
     "x answered - - 200 ring=1 answer=3 msgs=7 legs=b:ended,c:answered\n"},
    {"hold and resume by re-INVITE",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 A>B ACK t=b z=a\n10 A>B INVITE t=b n=2 "
     "sdp=4000 dir=sendonly\n"
     "10.1 B>A 200 t=b n=2 sdp=6000 dir=recvonly\n10.2 A>B ACK t=b n=2 z=b\n25.1 A>B INVITE t=b "
     "n=3 sdp=4000\n25.2 B>A 200 t=b n=3 sdp=6000\n30 A>B BYE t=b n=4",
     "x ended answered caller 200 answer=1 end=30 hold=1/15.1 msgs=9 legs=b:ended\n"},
    {"hold by the callee, old style, hung up while held",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 A>B ACK t=b z=a\n10 B>A INVITE f=b t=f "
     "n=5 sdp=0.0.0.0:6000\n10.5 A>B 200 f=b t=f n=5 sdp=4000\n"
     "20.5 A>B BYE t=b n=2",
     "x ended answered caller 200 answer=1 end=20.5 hold=1/10 msgs=6 legs=b:ended\n"},
    {"hold by UPDATE; both sides; up until both resume",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n2 A>B UPDATE t=b n=2 sdp=4000 "
     "dir=sendonly\n2.5 B>A 200 t=b n=2 m=UPDATE\n"
     "3 B>A UPDATE f=b t=f n=9 sdp=6000 dir=inactive\n3.5 A>B 200 f=b t=f n=9 m=UPDATE\n5 A>B "
     "UPDATE t=b n=3 sdp=4000\n5.5 B>A 200 t=b n=3 m=UPDATE",
     "x held - - 200 answer=1 hold=1/0 msgs=8 legs=b:held\n"},
    {"a refused re-INVITE changes nothing",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n2 A>B INVITE t=b n=2 sdp=4000 "
     "dir=sendonly\n2.1 B>A 491 t=b n=2",
     "x answered - - 200 answer=1 msgs=4 legs=b:answered\n"},
    {"late offer in a re-INVITE",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n2 A>B INVITE t=b n=2\n2.1 B>A 200 t=b n=2 "
     "sdp=6000\n2.2 A>B ACK t=b n=2 z=q sdp=4000 dir=sendonly",
     "x held - - 200 answer=1 hold=1/0 msgs=5 legs=b:held\n"},
    {"no answer at all: 32 s", "0 A>B INVITE\n31 tick\n33 tick",
     "x ended no_answer timeout 0 end=32 msgs=1 legs=:ended\n"},
    {"ringing: 200 s since the last provisional",
     "0 A>B INVITE\n1 B>A 180 t=b\n61 B>A 180 t=b\n260 tick\n262 tick",
     "x ended no_answer timeout 180 ring=1 end=261 msgs=3 legs=b:ended\n"},
    {"answered, no media was ever seen: an hour",
     "0 A>B INVITE\n1 B>A 200 t=b\n3600 tick\n3602 tick",
     "x ended answered timeout 200 answer=1 end=1 msgs=2 legs=b:ended\n"},
    {"a timer counts for a message too, however late the sweep",
     "0 A>B INVITE\n1 B>A 180 t=b\n500 A>B BYE t=b n=2",
     "x ended no_answer timeout 180 ring=1 end=201 msgs=2 legs=b:ended\n"},
    {"the input ends", "0 A>B INVITE\n1 B>A 200 t=b\n0 A>B INVITE id=y\n2 end",
     "x ended answered system 200 answer=1 end=2 msgs=2 legs=b:ended\n"
     "y ended no_answer system 0 end=2 msgs=1 legs=:ended\n"},
    {"the same call at two taps: one call, nothing retransmitted",
     "0 A>B INVITE\n0.0004 A>B INVITE pub=2\n1 B>A 200 t=b\n1.0004 B>A 200 t=b pub=2\n2 end\n3 A>B "
     "BYE t=b n=2 pub=2",
     "x ended answered caller 200 answer=1 end=3 msgs=5 legs=b:ended\n"},
    {"over a restart: the BYE ends the same call",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 A>B ACK t=b z=a\n2 A>B INVITE t=b n=2 "
     "sdp=4000 dir=sendonly\n2.1 B>A 200 t=b n=2 sdp=6000\ndrop\n"
     "4.1 A>B INVITE t=b n=3 sdp=4000\ndrop\n4.2 B>A 200 t=b n=3 sdp=6000\n9 B>A BYE f=b t=f n=7",
     "x ended answered callee 200 answer=1 end=9 hold=1/2.1 msgs=8 legs=b:ended\n"},
    {"over a restart: forks, and a late double of an ended call",
     "0 A>B INVITE\n1 B>A 180 t=b\n1.5 B>A 180 t=c\ndrop\n3 B>A 200 t=c\ndrop\n5 A>B BYE t=c "
     "n=2\ndrop\n5.5 A>B BYE t=c n=2\n5.6 B>A 200 t=c n=2 m=BYE",
     "x ended answered caller 200 ring=1 answer=3 end=5 msgs=7 legs=b:ended,c:ended\n"},
    // media
    {"media of both sides",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 "
     "ssrc=1\n1.2 rtp 10.0.0.2:6000>10.0.0.1:4000 ssrc=2",
     "x answered - - 200 answer=1 msgs=2 rec=active legs=b:answered media=caller@b:1,callee@b:2\n"},
    {"streams before their SDP wait",
     "0 A>B INVITE\n0.9 rtp 10.0.0.2:6000>10.0.0.1:4000 ssrc=2\n0.95 rtp "
     "10.0.0.1:4000>10.0.0.2:6000 ssrc=1\n1 B>A 200 t=b sdp=6000",
     "x answered - - 200 answer=1 msgs=2 rec=active legs=b:answered media=caller@b:1,callee@b:2\n"},
    {"late offer: SDP in 200 and ACK",
     "0 A>B INVITE\n1 B>A 200 t=b sdp=6000\n1.1 A>B ACK t=b z=a sdp=4000\n2 rtp "
     "10.0.0.9:1111>10.0.0.1:4000 ssrc=2",
     "x answered - - 200 answer=1 msgs=3 rec=active legs=b:answered media=callee@b:2\n"},
    {"NAT: the SDP is private, media from another address; the reverse by the source, the third by "
     "its reverse",
     "0 A>B INVITE sdp=192.168.1.5:4000\n1 B>A 200 t=b sdp=6000\n1.1 rtp "
     "85.1.1.1:33333>10.0.0.2:6000 ssrc=1\n1.2 rtp 10.0.0.2:6000>85.1.1.1:33333 ssrc=2\n"
     "1.3 rtp 10.0.0.2:6010>85.1.1.1:33333 ssrc=3",
     "x answered - - 200 answer=1 msgs=2 rec=active legs=b:answered media=caller@b:1,callee@b:2\n"},
    {"a stream nobody named stays alone",
     "0 A>B INVITE sdp=4000\n1 rtp 10.0.0.7:1>10.0.0.8:2 ssrc=9",
     "x started - - 0 msgs=1 legs=:started\n"},
    {"NAT at both ends: no SDP names the streams, SIP comes from their hosts",
     "0 A>B INVITE sdp=192.168.1.5:4000\n1 B>A 200 t=b sdp=192.168.2.5:6000\n1.1 rtp "
     "10.0.0.1:41000>10.0.0.2:42000 ssrc=1\n1.2 rtp 10.0.0.2:42000>10.0.0.1:41000 ssrc=2",
     "x answered - - 200 answer=1 msgs=2 rec=active legs=b:answered media=caller@b:1,callee@b:2\n"},
    {"the same, begun late: the port that the NAT kept stands in for the time",
     "0 A>B INVITE sdp=192.168.1.5:4000\n1 B>A 200 t=b sdp=192.168.2.5:6000\n9 rtp "
     "10.0.0.1:4000>10.0.0.2:42000 ssrc=1\n9.2 rtp 10.0.0.2:42000>10.0.0.1:4000 ssrc=2\n",
     "x answered - - 200 answer=1 msgs=2 rec=active legs=b:answered media=caller@b:1,callee@b:2\n"},
    {"the same over a restart",
     "0 A>B INVITE sdp=192.168.1.5:4000\n1 B>A 200 t=b sdp=192.168.2.5:6000\ndrop\n1.1 rtp "
     "10.0.0.1:41000>10.0.0.2:42000 ssrc=1\n1.2 rtp 10.0.0.2:42000>10.0.0.1:41000 ssrc=2",
     "x answered - - 200 answer=1 msgs=2 rec=active legs=b:answered media=caller@b:1,callee@b:2\n"},
    {"NAT at both ends: one direction alone, too late, or before the SDP says nothing",
     "0 A>B INVITE sdp=192.168.1.5:4000\n1 B>A 200 t=b sdp=192.168.2.5:6000\n1.1 rtp "
     "10.0.0.1:41000>10.0.0.2:42000 ssrc=1\n9 rtp 10.0.0.1:4100>10.0.0.2:4200 ssrc=3\n9.1 rtp "
     "10.0.0.2:4200>10.0.0.1:4100 ssrc=4",
     "x answered - - 200 answer=1 msgs=2 legs=b:answered\n"},
    {"two calls between the same hosts: not joined",
     "0 A>B INVITE sdp=192.168.1.5:4000\n0.1 A>B INVITE id=y f=g to=carol user=dan "
     "sdp=192.168.1.6:4000\n1 B>A 200 t=b sdp=192.168.2.5:6000\n1 B>A 200 id=y f=g t=c "
     "sdp=192.168.2.6:6000\n1.1 rtp 10.0.0.1:41000>10.0.0.2:42000 ssrc=1\n1.2 rtp "
     "10.0.0.2:42000>10.0.0.1:41000 ssrc=2",
     "x answered - - 200 answer=1 msgs=2 legs=b:answered\n"
     "y answered - - 200 answer=1 msgs=2 legs=c:answered\n"},
    {"two pairs of streams between the hosts of one call: not joined",
     "0 A>B INVITE sdp=192.168.1.5:4000\n1 B>A 200 t=b sdp=192.168.2.5:6000\n1.1 rtp "
     "10.0.0.1:41000>10.0.0.2:42000 ssrc=1\n1.1 rtp 10.0.0.1:41010>10.0.0.2:42010 ssrc=3\n1.2 rtp "
     "10.0.0.2:42000>10.0.0.1:41000 ssrc=2\n1.2 rtp 10.0.0.2:42010>10.0.0.1:41010 ssrc=4",
     "x answered - - 200 answer=1 msgs=2 legs=b:answered\n"},
    {"an SDP with an address that can be reached names the media: hosts say nothing",
     "0 A>B INVITE sdp=192.168.1.5:4000\n1 B>A 200 t=b sdp=203.0.113.7:6000\n1.1 rtp "
     "10.0.0.1:41000>10.0.0.2:42000 ssrc=1\n1.2 rtp 10.0.0.2:42000>10.0.0.1:41000 ssrc=2",
     "x answered - - 200 answer=1 msgs=2 legs=b:answered\n"},
    {"forks with early media: each stream at its own leg",
     "0 A>B INVITE sdp=4000\n1 B>A 183 t=b sdp=10.0.0.2:6000\n1.1 rtp 10.0.0.2:6000>10.0.0.1:4000 "
     "ssrc=1\n2 B>A 183 t=c sdp=10.0.0.3:7000\n"
     "2.1 rtp 10.0.0.3:7000>10.0.0.1:4000 ssrc=2\n3 B>A 200 t=c sdp=10.0.0.3:7000\n3.1 rtp "
     "10.0.0.1:4000>10.0.0.3:7000 ssrc=3",
     "x answered - - 200 ring=1 answer=3 msgs=4 rec=active legs=b:ended,c:answered "
     "media=callee@b:1,callee@c:2,caller@c:3\n"},
    {"a port used again right after the BYE",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 "
     "ssrc=1\n10 A>B BYE t=b n=2\n"
     "11 A>B INVITE id=y f=g sdp=4000\n12 B>A 200 id=y f=g t=c sdp=6000\n12.1 rtp "
     "10.0.0.1:4000>10.0.0.2:6000 ssrc=2\n12.2 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 n=60",
     "x ended answered caller 200 answer=1 end=10 msgs=3 rec=pending legs=b:ended "
     "media=caller@b:1\n"
     "y answered - - 200 answer=12 msgs=2 rec=active legs=c:answered media=caller@c:2\n"},
    {"the last report of a stream of an earlier call on the same ports",
     "31 A>B INVITE sdp=4000\n32 B>A 200 t=b sdp=6000\n32.1 rtp 10.0.0.2:6000>10.0.0.1:4000 "
     "ssrc=2 until=60\n70 tick\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 until=10 ended",
     "x answered - - 200 answer=32 msgs=2 rec=active legs=b:answered media=callee@b:2\n"},
    {"a stream that begins after the end and its 5 s belongs to nobody",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n10 A>B BYE t=b n=2\n16 rtp "
     "10.0.0.1:4000>10.0.0.2:6000 ssrc=1",
     "x ended answered caller 200 answer=1 end=10 msgs=3 legs=b:ended\n"},
    {"a short call whose stream is reported after its end",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n3 A>B BYE t=b n=2\n1.5 rtp "
     "10.0.0.1:4000>10.0.0.2:6000 ssrc=1 until=3 ended",
     "x ended answered caller 200 answer=1 end=3 msgs=3 rec=pending legs=b:ended "
     "media=caller@b:1\n"},
    {"re-INVITE with another port",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n5 A>B INVITE t=b n=2 sdp=4444\n5.1 B>A 200 "
     "t=b n=2 sdp=6000\n5.2 rtp 10.0.0.2:6000>10.0.0.1:4444 ssrc=2",
     "x answered - - 200 answer=1 msgs=4 rec=active legs=b:answered media=callee@b:2\n"},
    {"media silence: 300 s, the call ends where it was last heard",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 "
     "until=60\n359 tick\n361 tick",
     "x ended answered timeout 200 answer=1 end=60 msgs=2 rec=pending legs=b:ended "
     "media=caller@b:1\n"},
    {"media over a restart: the addresses are still known",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\ndrop\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 "
     "ssrc=1",
     "x answered - - 200 answer=1 msgs=2 rec=active legs=b:answered media=caller@b:1\n"},
};

static void one_story(void **state)
{
    const struct story *s = *state;
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, s->text);
    const char *got = kit_tell(&k);
    if (strcmp(got, s->expect) != 0)
        fail_msg("%s\n--- told:\n%s--- expected:\n%s", s->name, got, s->expect);
    kit_close(&k);
}

int main(void)
{
    enum {
        N = sizeof stories / sizeof stories[0]
    };
    static struct CMUnitTest tests[N];
    static const struct story *at[N];
    for (size_t i = 0; i < N; i++) {
        at[i] = &stories[i];
        union {
            const struct story *in;
            void *out;
        } u = {.in = at[i]};
        tests[i] = (struct CMUnitTest){
            .name = stories[i].name, .test_func = one_story, .initial_state = u.out};
    }
    return cmocka_run_group_tests_name("stories", tests, NULL, NULL);
}
