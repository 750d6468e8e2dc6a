// What calls with different Call-IDs are to each other, and what happens in them: told as small stories (story_kit.h). Each is also
// played with the process dying after each of its lines, and must come out the same.
#include "story_kit.h"

struct story {
    const char *name, *text, *expect, *events;
};

#define SID_A "Session-ID:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SID_B "Session-ID:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb;remote=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SID_C "Session-ID:cccccccccccccccccccccccccccccccc"

static const struct story stories[] = {
    {"a box in between, told by numbers and times",
     "0 A>P INVITE user=100 to=200\n0.05 P>B INVITE id=y f=g user=100 to=200\n"
     "1 B>P 180 id=y f=g t=b\n1.02 P>A 180 t=p\n3 B>P 200 id=y f=g t=b\n3.01 P>A 200 t=p\n"
     "9 A>P BYE t=p n=2\n9.05 P>B BYE id=y f=g t=b n=2",
     "x ended answered caller bye answer=3.01 end=9\n"
     "y ended answered caller bye answer=3 end=9.05 | leg of x 80: box to_number from_number\n",
     "0.05 y legs_joined - leg by box+to_number+from_number: score 80\n"},
    {"numbers alone, without the box, are not enough",
     "0 A>C INVITE user=100 to=200\n0.05 P>B INVITE id=y f=g user=100 to=200",
     "x started - - -\ny started - - -\n", ""},
    {"the same numbers too far apart are two calls",
     "0 A>P INVITE user=100 to=200\n3.5 P>B INVITE id=y f=g user=100 to=200",
     "x started - - -\ny started - - -\n", ""},
    {"who dials again is no second side",
     "0 A>B INVITE user=100 to=200\n0.5 A>B INVITE id=y f=g user=100 to=200",
     "x started - - -\ny started - - -\n", ""},
    {"Session-ID through a box that changes all numbers",
     "0 A>P INVITE user=100 to=200 x=" SID_A "\n0.05 C>B INVITE id=y f=g user=777 to=888 x=" SID_A
     "\n1 B>C 200 id=y f=g t=b x=" SID_B "\n1.1 P>A 200 t=p x=" SID_B,
     "x answered - - - answer=1.1\n"
     "y answered - - - answer=1 | leg of x 90: session_id\n",
     "0.05 y legs_joined - leg by session_id: score 90\n"},
    {"Session-ID that comes with the answer only",
     "0 A>P INVITE user=100 to=200\n0.05 C>B INVITE id=y f=g user=777 to=888\n"
     "1 B>C 200 id=y f=g t=b x=" SID_B "\n1.1 P>A 200 t=p x=" SID_B,
     "x answered - - - answer=1.1\n"
     "y answered - - - answer=1 | leg of x 90: session_id\n",
     "1.1 x legs_joined - leg by session_id: score 90\n"},
    {"joined by its looks, parted by its Session-IDs",
     "0 A>P INVITE user=100 to=200 x=" SID_A "\n0.05 P>B INVITE id=y f=g user=100 to=200 x=" SID_C
     "\n1 B>P 200 id=y f=g t=b "
     "x=Session-ID:dddddddddddddddddddddddddddddddd;remote=cccccccccccccccccccccccccccccccc"
     "\n1.1 P>A 200 t=p x=" SID_B,
     "x answered - - - answer=1.1\ny answered - - - answer=1\n",
     "0.05 y legs_joined - leg by box+to_number+from_number: score 80\n"
     "1.1 y legs_split - session_differs: score 20\n"},
    {"joined by its looks, gives way to the one that X-CID names",
     "0 A>P INVITE id=w f=e user=100 to=200\n0.1 C>P INVITE user=100 to=300\n"
     "0.2 P>B INVITE id=y f=g user=100 to=200 x=X-CID:x",
     "w started - - -\nx started - - -\ny started - - - | leg of x 100: header box from_number\n",
     "0.2 y legs_joined - leg by header+box+from_number: score 100\n"},
    {"one value in both, and a Call-ID with a suffix",
     "0 A>P INVITE user=1 to=2 x=X-CID:k77\n0.1 P>B INVITE id=y f=g user=3 to=4 x=X-CID:k77\n"
     "0.2 P>C INVITE id=x_b2b-1 f=h user=5 to=6",
     "x started - - -\ny started - - - | leg of x 100: header box\n"
     "x_b2b-1 started - - - | leg of x 100: call_id box\n",
     "0.1 y legs_joined - leg by header+box: score 100\n"
     "0.2 x_b2b-1 legs_joined - leg by call_id+box: score 100\n"},
    {"media that pass by the box: the same address and origin",
     "0 A>P INVITE user=100 to=200 sdp=10.0.0.1:4000 o=482910\n"
     "0.1 C>B INVITE id=y f=g user=777 to=888 sdp=10.0.0.1:4000 o=482910",
     "x started - - -\ny started - - - | leg of x 100: sdp_origin media_address\n",
     "0.1 y legs_joined - leg by sdp_origin+media_address: score 100\n"},
    {"a media address alone is not enough",
     "0 A>P INVITE user=100 to=200 sdp=10.0.0.1:4000\n"
     "9 C>B INVITE id=y f=g user=777 to=888 sdp=10.0.0.1:4000",
     "x started - - -\ny started - - -\n", ""},
    {"a box that asks one after the other: the second answers",
     "0 A>P INVITE user=100 to=200\n0.05 P>B INVITE id=y f=g user=100 to=200\n"
     "1 B>P 486 id=y f=g t=b\n1.1 P>C INVITE id=z f=h user=100 to=200\n2 C>P 200 id=z f=h t=c\n"
     "2.05 P>A 200 t=p",
     "x answered - - - answer=2.05\n"
     "y ended busy callee rejected end=1 | leg of x 80: box to_number from_number\n"
     "z answered - - - answer=2 | leg of x 80: box to_number from_number\n",
     "0.05 y legs_joined - leg by box+to_number+from_number: score 80\n"
     "1.1 z legs_joined - leg by box+to_number+from_number: score 80\n"},
    {"one side talks on when the other has ended: parted",
     "0 A>P INVITE user=100 to=200 sdp=4000\n0.05 P>B INVITE id=y f=g user=100 to=200 sdp=4200\n"
     "1 B>P 200 id=y f=g t=b sdp=6000\n1.02 P>A 200 t=p sdp=4100\n5 A>P BYE t=p n=2\n"
     "5.1 rtp 10.0.0.2:6000>10.0.0.9:4200 ssrc=7 until=30\n31 tick",
     "x ended answered caller bye answer=1.02 end=5\ny answered - - - answer=1\n",
     "0.05 y legs_joined - leg by box+to_number+from_number: score 80\n"
     "31 y legs_split - outcome_differs: score 20\n"},
    {"blind transfer by the callee",
     "0 A>B INVITE user=100 to=200\n1 B>A 200 t=b\n1.1 A>B ACK t=b z=ack\n"
     "10 B>A REFER f=b t=f n=5 user=200 to=100 x=Refer-To:<sip:300@h> x2=Referred-By:<sip:200@h>\n"
     "10.1 A>B 202 f=b t=f n=5 m=REFER\n10.2 A>C INVITE id=y f=g user=100 to=300 "
     "x=Referred-By:<sip:200@h>\n10.3 A>B NOTIFY t=b n=3 x=Event:refer frag=100\n"
     "11 C>A 180 id=y f=g t=c\n12 C>A 200 id=y f=g t=c\n12.1 A>B NOTIFY t=b n=4 x=Event:refer "
     "frag=200\n12.2 B>A BYE f=b t=f n=6\n40 C>A BYE id=y f=c t=g n=9",
     "x ended answered callee bye answer=1 end=40\n"
     "y ended answered callee bye answer=12 end=40 | transfer_target of x 100: refer from_number "
     "referred_by\n",
     "10 x transfer_requested callee blind to 300\n"
     "10.2 y legs_joined - transfer_target by refer+from_number+referred_by: score 100\n"
     "12 x transferred callee 200 blind: 200 sends 100 to 300\n"},
    {"blind transfer that is refused by the target",
     "0 A>B INVITE user=100 to=200\n1 B>A 200 t=b\n"
     "10 B>A REFER f=b t=f n=5 x=Refer-To:<sip:300@h> x2=Referred-By:<sip:200@h>\n"
     "10.1 A>B 202 f=b t=f n=5 m=REFER\n10.2 A>C INVITE id=y f=g user=100 to=300 "
     "x=Referred-By:<sip:200@h>\n11 C>A 486 id=y f=g t=c\n11.1 A>B NOTIFY t=b n=4 x=Event:refer "
     "frag=486\n20 B>A BYE f=b t=f n=6",
     "x ended answered callee bye answer=1 end=20\n"
     "y ended busy callee rejected end=11 | transfer_target of x 100: refer from_number "
     "referred_by\n",
     "10 x transfer_requested callee blind to 300\n"
     "10.2 y legs_joined - transfer_target by refer+from_number+referred_by: score 100\n"
     "11 x transfer_failed callee 486 blind: 200 sends 100 to 300\n"},
    {"a REFER that is refused",
     "0 A>B INVITE user=100 to=200\n1 B>A 200 t=b\n10 B>A REFER f=b t=f n=5 "
     "x=Refer-To:<sip:300@h>\n10.1 A>B 603 f=b t=f n=5 m=REFER",
     "x answered - - - answer=1\n",
     "10 x transfer_requested callee blind to 300\n"
     "10.1 x transfer_failed callee 603 blind: 200 sends 100 to 300\n"},
    {"attended transfer: consult, then Replaces",
     "0 A>B INVITE user=100 to=200\n1 B>A 200 t=b\n"
     "5 B>C INVITE id=y f=g user=200 to=300\n6 C>B 200 id=y f=g t=c\n"
     "10 B>A REFER f=b t=f n=5 x=Refer-To:<sip:300@h?Replaces=y%3Bto-tag%3Dc%3Bfrom-tag%3Dg> "
     "x2=Referred-By:<sip:200@h>\n10.1 A>B 202 f=b t=f n=5 m=REFER\n"
     "10.2 A>C INVITE id=z f=h user=100 to=300 x=Replaces:y;to-tag=c;from-tag=g "
     "x2=Referred-By:<sip:200@h>\n10.5 C>A 200 id=z f=h t=i\n10.6 C>B BYE id=y f=c t=g n=8\n"
     "10.7 A>B NOTIFY t=b n=4 x=Event:refer frag=200\n11 B>A BYE f=b t=f n=6\n"
     "30 A>C BYE id=z f=h t=i n=2",
     "x ended answered caller bye answer=1 end=30\n"
     "y ended answered callee bye answer=6 end=10.6 | consult of x 100: replaces refer\n"
     "z ended answered caller bye answer=10.5 end=30 | transfer_target of x 100: "
     "refer from_number referred_by\n",
     "10 x transfer_requested callee attended to 300\n"
     "10 x legs_joined - consult by replaces+refer: score 100\n"
     "10.2 z legs_joined - transfer_target by refer+from_number+referred_by: score 100\n"
     "10.5 x transferred callee 200 attended: 200 sends 100 to 300\n"},
    {"attended transfer that is refused: the consult is a call of its own again",
     "0 A>B INVITE user=100 to=200\n1 B>A 200 t=b\n"
     "5 B>C INVITE id=y f=g user=200 to=300\n6 C>B 200 id=y f=g t=c\n"
     "10 B>A REFER f=b t=f n=5 x=Refer-To:<sip:300@h?Replaces=y%3Bto-tag%3Dc%3Bfrom-tag%3Dg>\n"
     "10.1 A>B 403 f=b t=f n=5 m=REFER",
     "x answered - - - answer=1\ny answered - - - answer=6\n",
     "10 x transfer_requested callee attended to 300\n"
     "10 x legs_joined - consult by replaces+refer: score 100\n"
     "10.1 x transfer_failed callee 403 attended: 200 sends 100 to 300\n"
     "10.1 y legs_split - refer_refused: score 60\n"},
    {"transfer by a PBX: it calls the target itself",
     "0 A>P INVITE user=100 to=200\n0.05 P>B INVITE id=y f=g user=100 to=200\n"
     "1 B>P 200 id=y f=g t=b\n1.1 P>A 200 t=p\n10 B>P REFER id=y f=b t=g n=5 "
     "x=Refer-To:<sip:300@h> x2=Referred-By:<sip:200@h>\n10.1 P>B 202 id=y f=b t=g n=5 m=REFER\n"
     "10.2 P>C INVITE id=z f=h user=100 to=300\n11 C>P 200 id=z f=h t=c\n"
     "11.1 P>B BYE id=y f=g t=b n=7\n30 A>P BYE t=p n=2\n30.1 P>C BYE id=z f=h t=c n=2",
     "x ended answered caller bye answer=1.1 end=30\n"
     "y ended answered caller bye answer=1 end=11.1 | leg of x 80: box to_number from_number\n"
     "z ended answered caller bye answer=11 end=30.1 | transfer_target of x 80: refer "
     "from_number\n",
     NULL},
    {"directed pickup: Replaces of a ringing call",
     "0 A>B INVITE user=100 to=200\n1 B>A 180 t=b\n"
     "3 C>A INVITE id=y f=g user=300 to=100 x=Replaces:x;to-tag=b;from-tag=f;early-only\n"
     "3.2 A>C 200 id=y f=g t=a\n3.3 A>B CANCEL\n3.4 B>A 487 t=b\n20 C>A BYE id=y f=g t=a n=2",
     "x ended answered callee bye answer=3.2 end=20\n"
     "y ended answered caller bye answer=3.2 end=20 | pickup of x 100: replaces\n",
     "3 y legs_joined - pickup by replaces: score 100\n"
     "3.2 y picked_up caller by 300\n"},
    {"parked, and picked up by another",
     "0 A>B INVITE user=100 to=200\n1 B>A 200 t=b\n5 B>A REFER f=b t=f n=5 "
     "x=Refer-To:<sip:park7@h>\n5.1 A>B 202 f=b t=f n=5 m=REFER\n"
     "5.2 A>P INVITE id=y f=g user=100 to=park7\n5.3 P>A 200 id=y f=g t=p\n"
     "6 B>A BYE f=b t=f n=6\n60 D>P INVITE id=z f=h user=400 to=park7\n60.1 P>D 200 id=z f=h t=q\n"
     "90 A>P BYE id=y f=g t=p n=2\n90.1 P>D BYE id=z f=q t=h n=2",
     "x ended answered caller bye answer=1 end=90\n"
     "y ended answered caller bye answer=5.3 end=90 | transfer_target of x 80: refer from_number\n"
     "z ended answered callee bye answer=60.1 end=90.1 | pickup of x 90: park\n",
     NULL},
    {"302, then a call of its own to the other number",
     "0 A>B INVITE user=100 to=200\n1 B>A 302 t=b cuser=300\n1.1 A>B ACK t=b\n"
     "1.2 A>C INVITE id=y f=g user=100 to=300\n2 C>A 180 id=y f=g t=c\n3 C>A 200 id=y f=g t=c\n"
     "9 C>A BYE id=y f=c t=g n=2",
     "x ended answered callee bye answer=3 end=9\n"
     "y ended answered callee bye answer=3 end=9 | forward of x 90: redirect\n",
     "1 x redirected callee 302 to 300\n1.2 y legs_joined - forward by redirect: score 90\n"},
    {"forwarded by the box, told by Diversion",
     "0 A>P INVITE user=100 to=200\n0.1 P>C INVITE id=y f=g user=100 to=300 "
     "x=Diversion:<sip:200@h>;reason=unconditional\n1 C>P 200 id=y f=g t=c\n1.1 P>A 200 t=p",
     "x answered - - - answer=1.1\n"
     "y answered - - - answer=1 | leg of x 90: box from_number diversion\n",
     "0.1 y forwarded callee by 200\n"
     "0.1 y legs_joined - leg by box+from_number+diversion: score 90\n"},
    {"forwarded, told by History-Info",
     "0 A>P INVITE user=100 to=200\n0.1 P>C INVITE id=y f=g user=100 to=300 "
     "x=History-Info:<sip:200@h>;index=1,<sip:300@h>;index=1.1",
     "x started - - -\ny started - - - | leg of x 90: box from_number diversion\n",
     "0.1 y forwarded callee by 200\n"
     "0.1 y legs_joined - leg by box+from_number+diversion: score 90\n"},
    {"a conference: three at one focus",
     "0 A>P INVITE user=100 to=conf1\n0.5 P>A 200 t=p cuser=conf1 contact=;isfocus\n"
     "5 B>P INVITE id=y f=g user=200 to=conf1\n5.5 P>B 200 id=y f=g t=q cuser=conf1 "
     "contact=;isfocus\n9 P>C INVITE id=z f=h user=conf1 to=300 cuser=conf1 contact=;isfocus\n"
     "9.5 C>P 200 id=z f=h t=c\n20 B>P BYE id=y f=g t=q n=2",
     "x answered - - - answer=0.5\n"
     "y ended answered caller bye answer=5.5 end=20 | conference of x 90: focus\n"
     "z answered - - - answer=9.5 | conference of x 90: focus\n",
     NULL},
    {"hold by the caller, by the callee, by both; who resumed",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n"
     "5 A>B INVITE t=b n=2 sdp=4000 dir=sendonly\n5.1 B>A 200 t=b n=2 sdp=6000 dir=recvonly\n"
     "8 B>A INVITE f=b t=f n=9 sdp=6000 dir=inactive\n8.1 A>B 200 f=b t=f n=9 sdp=4000 "
     "dir=inactive\n10 A>B INVITE t=b n=3 sdp=4000\n10.1 B>A 200 t=b n=3 sdp=6000 dir=inactive\n"
     "12 B>A INVITE f=b t=f n=10 sdp=6000\n12.1 A>B 200 f=b t=f n=10 sdp=4000",
     "x answered - - - answer=1 hold=1/7\n",
     "5.1 x held caller sendonly\n8.1 x held callee inactive\n10.1 x resumed caller\n"
     "12.1 x resumed callee\n"},
    {"hold in the old way, and by the answer",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n"
     "5 A>B INVITE t=b n=2 sdp=0.0.0.0:4000\n5.1 B>A 200 t=b n=2 sdp=6000\n"
     "7 A>B INVITE t=b n=3 sdp=4000\n7.1 B>A 200 t=b n=3 sdp=6000 dir=sendonly",
     "x held - - - answer=1 hold=2/2 held_by=2\n",
     "5.1 x held caller zero_address\n7.1 x resumed caller\n7.1 x held callee sendonly\n"},
    {"forking with losers",
     "0 A>P INVITE\n1 P>A 180 t=b1\n1.1 P>A 180 t=b2\n1.2 P>A 183 t=b3\n3 P>A 200 t=b2",
     "x answered - - - answer=3\n",
     "1.1 x forked callee 180 tag b2\n1.2 x forked callee 183 tag b3\n3 x fork_lost callee tag "
     "b1\n3 x fork_lost callee tag b3\n"},
    {"an answer that meets the CANCEL",
     "0 A>B INVITE\n1 B>A 180 t=b\n5 A>B CANCEL\n5.001 B>A 200 t=b\n5.1 B>A 200 t=b m=CANCEL\n"
     "5.2 A>B ACK t=b z=ack\n5.3 A>B BYE t=b n=2",
     "x ended answered caller bye answer=5.001 end=5.3\n",
     "5.001 x cancel_crossed caller 200 the answer met the CANCEL\n"},
    {"glare",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n5 A>B INVITE t=b n=2 sdp=4000 dir=sendonly\n"
     "5.01 B>A INVITE f=b t=f n=9 sdp=6000 dir=sendonly\n5.02 B>A 491 t=b n=2\n"
     "5.03 A>B 491 f=b t=f n=9",
     "x answered - - - answer=1\n",
     "5.02 x glare callee 491 both asked at once\n5.03 x glare caller 491 both asked at once\n"},
    {"cause, and a session timer",
     "0 A>B INVITE\n1 B>A 200 t=b x=Session-Expires:1800;refresher=uac\n"
     "9 A>B BYE t=b n=2 x=Reason:Q.850;cause=16",
     "x ended answered caller bye answer=1 end=9 q850=16\n", "1 x session_timer callee 1800 s\n"},
    {"no refresh came: over",
     "0 A>B INVITE\n1 B>A 200 t=b x=Session-Expires:90\n91 tick\n120 tick\n122 tick",
     "x ended answered timeout session_expired answer=1 end=1\n",
     "1 x session_timer callee 90 s\n1 x end_assumed -\n"},
    {"refreshed in time: not over",
     "0 A>B INVITE\n1 B>A 200 t=b x=Session-Expires:90\n50 A>B UPDATE t=b n=2\n50.1 B>A 200 t=b "
     "n=2 m=UPDATE x=Session-Expires:90\n122 tick",
     "x answered - - - answer=1\n", "1 x session_timer callee 90 s\n"},
    {"no BYE, the media fell silent",
     "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 "
     "until=60\n361 tick",
     "x ended answered timeout media_silence answer=1 end=60\n", "60 x end_assumed -\n"},
    {"no BYE, no media", "0 A>B INVITE\n1 B>A 200 t=b\n3602 tick",
     "x ended answered timeout silence answer=1 end=1\n", "1 x end_assumed -\n"},
    {"the input ends", "0 A>B INVITE\n1 B>A 200 t=b\n5 end",
     "x ended answered system input_ended answer=1 end=5\n", "5 x end_assumed -\n"},
};

static void compare(const char *name, const char *what, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s\n--- told:\n%s--- expected:\n%s", name, what, got, want);
}

static void one_story(void **state)
{
    const struct story *s = *state;
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, s->text);
    compare(s->name, "parts", kit_tell_parts(&k), s->expect);
    if (s->events)
        compare(s->name, "events", k.events, s->events);
    kit_close(&k);
}

// The process dies after each line, and its successor reads the calls back.
static void one_story_with_deaths(void **state)
{
    const struct story *s = *state;
    struct kit k;
    if (strstr(s->text, " rtp "))
        skip(); // streams are rows of their own: director_test.c
    kit_open(&k, NULL);
    char *copy = strdup(s->text);
    for (char *rest = copy, *l; (l = kit_word(&rest, "\n"));) {
        kit_line(&k, l);
        kit_drop(&k);
    }
    free(copy);
    compare(s->name, "parts over deaths", kit_tell_parts(&k), s->expect);
    if (s->events)
        compare(s->name, "events over deaths", k.events, s->events);
    kit_close(&k);
}

int main(void)
{
    enum {
        N = sizeof stories / sizeof stories[0]
    };
    static struct CMUnitTest tests[2 * N];
    for (size_t i = 0; i < N; i++) {
        union {
            const struct story *in;
            void *out;
        } u = {.in = &stories[i]};
        tests[2 * i] = (struct CMUnitTest){
            .name = stories[i].name, .test_func = one_story, .initial_state = u.out};
        tests[2 * i + 1] = (struct CMUnitTest){
            .name = stories[i].name, .test_func = one_story_with_deaths, .initial_state = u.out};
    }
    return cmocka_run_group_tests_name("stories", tests, NULL, NULL);
}
