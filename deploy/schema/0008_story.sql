-- callmesh schema 8: the story of a call. Dialogs that belong together keep a row of calls each; the earliest is the head and shows the
-- whole (state, result, times), the others say where they went. Nothing is moved, so a join that later evidence speaks against is undone by
-- writing the same rows anew.

ALTER TABLE calls
    ADD end_reason     text,                       -- bye canceled rejected redirected not_answered media_silence session_expired
                                                   -- silence input_ended abandoned; the last five are assumed: no end was seen
    ADD q850_cause     int,                        -- Reason header (RFC 3326)
    ADD held_by        text,                       -- caller callee both: now
    ADD merged_into    uuid,                       -- this row is part of that call
    ADD merged_into_at timestamptz,                -- started_at of it
    ADD member_ids     uuid[] NOT NULL DEFAULT '{}', -- of a head: its other parts
    ADD story          jsonb;                      -- session_id diverted_by transfers related conference

-- What happened in a call beside what its rows say themselves. n counts within the part, so that a replayed feed changes nothing.
CREATE TABLE call_events (
    site       text NOT NULL,
    at         timestamptz NOT NULL,
    call_id    uuid NOT NULL,                      -- the part in which it happened
    n          int NOT NULL,
    leg_id     uuid,
    type       text NOT NULL,
    side       text,                               -- caller callee: who did it
    sip_status int,
    detail     text NOT NULL DEFAULT '',
    PRIMARY KEY (site, at, call_id, n)
) PARTITION BY RANGE (at);
CREATE INDEX call_events_call ON call_events (call_id);

-- Why two parts were joined, or parted again: what each piece of evidence adds to the score of the pair.
CREATE TABLE call_evidence (
    site      text NOT NULL,
    at        timestamptz NOT NULL,
    call_id   uuid NOT NULL,                       -- the later of the two
    n         int NOT NULL,                        -- counts with call_events.n
    joined_to uuid NOT NULL,                       -- the earlier
    kind      text NOT NULL,
    score     int NOT NULL,                        -- below zero: speaks against it
    detail    text NOT NULL DEFAULT '',
    PRIMARY KEY (site, at, call_id, n)
) PARTITION BY RANGE (at);
CREATE INDEX call_evidence_call ON call_evidence (call_id);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['call_events','call_evidence'] LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT WITH (fillfactor = 90)', t || '_default', t);
    END LOOP;
END $$;

INSERT INTO schema_version (version) VALUES (8);
