-- callmesh schema 5: a loss says of which life of which feed, which numbers, and whether it is exact; the calls it touches are
-- those of its site and publisher that overlap its time. A quarantined event says how it can be driven again. Who leads.

ALTER TABLE losses
    ADD epoch     bigint,                     -- life of the publisher that declared it, or before which it was found
    ADD first_seq bigint,                     -- envelopes lost, where the loss is one of a journal or the bus
    ADD last_seq  bigint,
    ADD bound     boolean NOT NULL DEFAULT false; -- count is an upper bound, or the time range is wider than what is lost
CREATE INDEX losses_time ON losses (site, to_at);

ALTER TABLE quarantine
    ADD site       text NOT NULL DEFAULT '',
    ADD kind       int NOT NULL DEFAULT 0,    -- of the feed: 1 sig, 3 report; 0: a row, not an event
    ADD retry_at   timestamptz,               -- asked for; the leading callstate drives it again
    ADD retries    int NOT NULL DEFAULT 0;

-- Of several callstates one leads: the fence rises with each change of hands, and every transaction of the leader holds it.
CREATE TABLE lease (
    name       text PRIMARY KEY,
    holder     text NOT NULL,
    fence      bigint NOT NULL,
    until      timestamptz NOT NULL
);

INSERT INTO schema_version (version) VALUES (5);
