-- callmesh schema 5: a loss says of which life of which feed, which numbers, and whether it is exact; the calls it touches are
-- those of its site and publisher that overlap its time. A quarantined event says how it can be driven again. Who leads.

ALTER TABLE losses
    ADD epoch     bigint,                     -- life of the publisher that declared it, or before which it was found
    ADD first_seq bigint,                     -- envelopes lost, where the loss is one of a journal or the bus
    ADD last_seq  bigint,
    ADD bound     boolean NOT NULL DEFAULT false; -- count is an upper bound, or the time range is wider than what is lost
CREATE INDEX losses_time ON losses (site, to_at);

-- A message row that PostgreSQL refused is kept whole, so that it can be driven again: ./callmesh quarantine retry.
ALTER TABLE quarantine
    ADD site       text NOT NULL DEFAULT '',
    ADD message    jsonb;                     -- the row of sip_messages; null: not a row, only its bytes are kept

-- Drives again what can be: each in its own subtransaction, out of quarantine and into its table at one moment.
CREATE FUNCTION quarantine_retry(which_publisher text, which_seq bigint, which_n int, OUT stored bigint, OUT refused bigint)
LANGUAGE plpgsql AS $$
DECLARE q quarantine;
BEGIN
    stored := 0;
    refused := 0;
    FOR q IN SELECT * FROM quarantine k WHERE k.message IS NOT NULL AND (which_publisher IS NULL OR k.publisher = which_publisher)
        AND (which_seq IS NULL OR k.seq = which_seq) AND (which_n IS NULL OR k.n = which_n) ORDER BY k.publisher, k.seq, k.n FOR UPDATE
    LOOP
        BEGIN
            INSERT INTO sip_messages SELECT (jsonb_populate_record(NULL::sip_messages, q.message)).* ON CONFLICT DO NOTHING;
            DELETE FROM quarantine k WHERE k.publisher = q.publisher AND k.seq = q.seq AND k.n = q.n;
            stored := stored + 1;
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR raise_exception OR program_limit_exceeded THEN
            UPDATE quarantine k SET reason = 'again: ' || SQLERRM WHERE k.publisher = q.publisher AND k.seq = q.seq AND k.n = q.n;
            refused := refused + 1;
        END;
    END LOOP;
END $$;

-- The book of each feed: seq = base + applied + quarantined + lost, counted apart, moved in the transaction that used the envelopes.
ALTER TABLE feed_cursors
    ADD base        bigint NOT NULL DEFAULT 0, -- numbers from before this database knew the feed
    ADD applied     bigint NOT NULL DEFAULT 0,
    ADD quarantined bigint NOT NULL DEFAULT 0, -- whole envelopes
    ADD lost        bigint NOT NULL DEFAULT 0; -- declared (losses)
UPDATE feed_cursors SET base = seq;
CREATE VIEW feed_books AS
    SELECT publisher, encode(incarnation, 'hex') AS incarnation, epoch, updated_at, seq, base, applied, quarantined, lost,
           seq - base - applied - quarantined - lost AS unbalanced FROM feed_cursors;

-- Of several callstates one leads: the fence rises with each change of hands, and every transaction of the leader holds it.
CREATE TABLE lease (
    name       text PRIMARY KEY,
    holder     text NOT NULL,
    fence      bigint NOT NULL,
    until      timestamptz NOT NULL
);

INSERT INTO schema_version (version) VALUES (5);
