-- callmesh schema 1: the mesh of calls. Forward only; applied by callstate (owner of these tables)
-- and refused by every service that finds another version than its own.
-- Keys carry the site and the time: partitions are days (made ahead by callstate, dropped whole by
-- retention), and the same schema shards by site.
-- Times are capture times in UTC. Text columns hold clean UTF-8; bytea holds what the wire said.

CREATE TABLE schema_version (
    version     int PRIMARY KEY,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO schema_version (version) VALUES (1);

CREATE TABLE sites (
    site        text PRIMARY KEY,
    name        text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- A cursor moves by compare-and-set in the transaction that stores what its messages changed.
CREATE TABLE feed_cursors (
    publisher   text NOT NULL,
    incarnation bytea NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    done        int NOT NULL DEFAULT 0,       -- events of envelope seq + 1 that are in already (a batch ended within it)
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (publisher, incarnation)
);

CREATE TABLE harvesters (
    site         text NOT NULL,
    name         text NOT NULL,               -- the publisher
    version      text NOT NULL DEFAULT '',
    input        text NOT NULL DEFAULT '',
    live         boolean NOT NULL DEFAULT true,
    started_at   timestamptz,
    last_seen_at timestamptz,
    feed_at      timestamptz,                 -- feed time: everything captured before it has been sent
    ended        boolean NOT NULL DEFAULT false,
    counters     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (site, name)
);

CREATE TABLE calls (
    site            text NOT NULL,
    started_at      timestamptz NOT NULL,
    id              uuid NOT NULL,
    revision        bigint NOT NULL,
    state           text NOT NULL,            -- started ringing early answered held ended
    result          text,                     -- answered no_answer busy canceled rejected failed redirected
    sip_status      int,
    sip_reason      text,
    hangup_by       text,                     -- caller callee system timeout
    from_uri        text NOT NULL DEFAULT '',
    from_user       text NOT NULL DEFAULT '',
    from_name       text NOT NULL DEFAULT '',
    to_uri          text NOT NULL DEFAULT '',
    to_user         text NOT NULL DEFAULT '',
    to_name         text NOT NULL DEFAULT '',
    from_digits     text NOT NULL DEFAULT '', -- digits of the user part, for number search
    to_digits       text NOT NULL DEFAULT '',
    ringing_at      timestamptz,
    answered_at     timestamptz,
    ended_at        timestamptz,
    hold_seconds    double precision NOT NULL DEFAULT 0,
    hold_count      int NOT NULL DEFAULT 0,
    sip_call_ids    text[] NOT NULL DEFAULT '{}',
    harvesters      text[] NOT NULL DEFAULT '{}',
    message_count   int NOT NULL DEFAULT 0,
    recording_state text NOT NULL DEFAULT 'none',  -- none active pending ready failed
    live            boolean NOT NULL DEFAULT true,
    lost_packets    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (site, started_at, id)
) PARTITION BY RANGE (started_at);
CREATE INDEX calls_id ON calls (id);
CREATE INDEX calls_time ON calls (started_at DESC, id DESC);
-- No index on state or recording_state, not even as a condition: a call's rows change state five times, and an update that
-- touches no indexed column stays in its page (HOT) instead of writing all these indexes again.
CREATE INDEX calls_from ON calls (from_digits text_pattern_ops, started_at DESC);
CREATE INDEX calls_to ON calls (to_digits text_pattern_ops, started_at DESC);
CREATE INDEX calls_from_last ON calls (reverse(from_digits) text_pattern_ops, started_at DESC);
CREATE INDEX calls_to_last ON calls (reverse(to_digits) text_pattern_ops, started_at DESC);
CREATE INDEX calls_sip_call_ids ON calls USING gin (sip_call_ids);

-- callstate's own: what it needs to go on with a call after a restart; a row lives as long as the call is in its memory.
CREATE TABLE open_calls (
    id          uuid PRIMARY KEY,
    site        text NOT NULL,
    started_at  timestamptz NOT NULL,
    revision    bigint NOT NULL,
    state       bytea NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE legs (
    site         text NOT NULL,
    started_at   timestamptz NOT NULL,
    id           uuid NOT NULL,
    call_id      uuid NOT NULL,
    sip_call_id  text NOT NULL,
    from_tag     text NOT NULL DEFAULT '',
    to_tag       text NOT NULL DEFAULT '',
    from_uri     text NOT NULL DEFAULT '',
    to_uri       text NOT NULL DEFAULT '',
    state        text NOT NULL,
    sip_status   int,
    ringing_at   timestamptz,
    answered_at  timestamptz,
    ended_at     timestamptz,
    src_ip       inet, src_port int,
    dst_ip       inet, dst_port int,
    transport    text NOT NULL DEFAULT 'udp',
    user_agent   text NOT NULL DEFAULT '',
    PRIMARY KEY (site, started_at, id)
) PARTITION BY RANGE (started_at);
CREATE INDEX legs_call ON legs (call_id);

CREATE TABLE sip_messages (
    site         text NOT NULL,
    at           timestamptz NOT NULL,
    publisher    text NOT NULL,
    seq          bigint NOT NULL,             -- envelope of the sig feed ...
    n            int NOT NULL,                -- ... and event within it: a replayed feed changes nothing
    call_id      uuid,
    leg_id       uuid,
    sip_call_id  text NOT NULL,
    method       text NOT NULL,               -- of the request, or of CSeq for a response
    status       int,                         -- responses only
    reason       text NOT NULL DEFAULT '',
    src_ip       inet, src_port int,
    dst_ip       inet, dst_port int,
    transport    text NOT NULL,
    retransmission boolean NOT NULL DEFAULT false,
    raw          bytea NOT NULL,
    PRIMARY KEY (site, at, publisher, seq, n)
) PARTITION BY RANGE (at);
CREATE INDEX sip_messages_call ON sip_messages (call_id, at);
CREATE INDEX sip_messages_sip_call_id ON sip_messages (sip_call_id, at);

CREATE TABLE streams (
    site          text NOT NULL,
    first_at      timestamptz NOT NULL,
    id            uuid NOT NULL,
    call_id       uuid,                       -- null: no SDP named it (yet)
    leg_id        uuid,
    side          text,                       -- caller callee: who sent it
    harvester     text NOT NULL,
    ssrc          bigint NOT NULL,
    src_ip        inet NOT NULL, src_port int NOT NULL,
    dst_ip        inet NOT NULL, dst_port int NOT NULL,
    codec         text NOT NULL DEFAULT '',
    payload_type  int NOT NULL,
    clock_rate    int NOT NULL DEFAULT 0,
    ptime_ms      double precision NOT NULL DEFAULT 0,
    packets       bigint NOT NULL DEFAULT 0,
    bytes         bigint NOT NULL DEFAULT 0,
    lost          bigint NOT NULL DEFAULT 0,
    out_of_order  bigint NOT NULL DEFAULT 0,
    duplicates    bigint NOT NULL DEFAULT 0,
    jitter_ms     double precision NOT NULL DEFAULT 0,
    jitter_ms_max double precision NOT NULL DEFAULT 0,
    delta_ms_max  double precision NOT NULL DEFAULT 0,
    dtmf_packets  bigint NOT NULL DEFAULT 0,
    srtp          boolean NOT NULL DEFAULT false,
    rtcp          jsonb NOT NULL DEFAULT '{}',
    last_at       timestamptz NOT NULL,
    ended         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (site, first_at, id)
) PARTITION BY RANGE (first_at);
CREATE INDEX streams_call ON streams (call_id);
CREATE INDEX streams_id ON streams (id);

CREATE TABLE recordings (
    site             text NOT NULL,
    started_at       timestamptz NOT NULL,
    id               uuid NOT NULL,
    call_id          uuid NOT NULL,
    status           text NOT NULL,           -- ready failed empty
    reason           text NOT NULL DEFAULT '',
    ended_at         timestamptz NOT NULL,
    duration_seconds double precision NOT NULL,
    codec            text NOT NULL,
    sample_rate      int NOT NULL,
    container        text NOT NULL,
    size_bytes       bigint NOT NULL,
    sha256           text NOT NULL,           -- hex
    path             text NOT NULL,           -- relative to the recordings folder
    recorder         text NOT NULL,
    channels         jsonb NOT NULL DEFAULT '[]',
    gaps             jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (site, started_at, id)
) PARTITION BY RANGE (started_at);
CREATE INDEX recordings_id ON recordings (id);
CREATE INDEX recordings_call ON recordings (call_id);
CREATE INDEX recordings_time ON recordings (started_at DESC, id DESC);

CREATE TABLE losses (
    site       text NOT NULL,
    publisher  text NOT NULL,
    seq        bigint NOT NULL,
    n          int NOT NULL,
    place      text NOT NULL,
    count      bigint NOT NULL,
    from_at    timestamptz,
    to_at      timestamptz,
    detail     text NOT NULL DEFAULT '',
    PRIMARY KEY (site, publisher, seq, n)
);

CREATE TABLE registrations (
    site          text NOT NULL,
    aor           text NOT NULL,              -- sip:user@domain of To
    contact       text NOT NULL,
    user_agent    text NOT NULL DEFAULT '',
    src_ip        inet, src_port int,
    registered_at timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (site, aor, contact)
);

-- A message that callstate could not use is kept here, in the transaction that moved the cursor past it.
CREATE TABLE quarantine (
    publisher  text NOT NULL,
    seq        bigint NOT NULL,
    n          int NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    reason     text NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (publisher, seq, n)
);

-- One partition a day; what no partition takes falls into the default one and is counted.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['calls','legs','sip_messages','streams','recordings'] LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT WITH (fillfactor = 80)', t || '_default', t);
    END LOOP;
END $$;

-- Owned by api: who may see and hear what.
CREATE TABLE users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    login         text NOT NULL UNIQUE,
    password_hash text NOT NULL,              -- Argon2id, libsodium's string form
    role          text NOT NULL,              -- admin supervisor analyst engineer compliance integrator
    created_at    timestamptz NOT NULL DEFAULT now(),
    disabled      boolean NOT NULL DEFAULT false
);
CREATE TABLE sessions (
    token_sha256  bytea PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES users (id),
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL
);
CREATE TABLE api_keys (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    prefix        text NOT NULL,              -- shown, to tell keys apart
    secret_sha256 bytea NOT NULL UNIQUE,
    name          text NOT NULL,
    scopes        text[] NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    last_used_at  timestamptz
);
CREATE TABLE audit (
    at       timestamptz NOT NULL DEFAULT now(),
    n        bigint GENERATED ALWAYS AS IDENTITY,
    actor    text NOT NULL,                   -- user:login or key:prefix
    action   text NOT NULL,                   -- login, listen, play, download, ...
    object   text NOT NULL DEFAULT '',
    address  text NOT NULL DEFAULT '',
    result   text NOT NULL,
    PRIMARY KEY (n)
);
