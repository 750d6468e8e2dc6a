-- callmesh schema 15: the daily report of completeness, as signed. Owner: api. Written once for each site and day, in the order of the days; each holds the
-- SHA-256 of the one before, so a report that is changed or taken out shows.

CREATE TABLE completeness_reports (
    site        text NOT NULL,
    day         date NOT NULL,                  -- UTC
    n           bigint NOT NULL,                -- of the site, from 1
    made_at     timestamptz NOT NULL DEFAULT now(),
    calls_seen  bigint NOT NULL,
    answered    bigint NOT NULL,                -- recorded + skipped + lost + open
    recorded    bigint NOT NULL,
    skipped     bigint NOT NULL,
    lost        bigint NOT NULL,
    open        bigint NOT NULL,
    report      text NOT NULL,                  -- the very bytes: {..., "key":..., "sig":...}
    PRIMARY KEY (site, day),
    UNIQUE (site, n)
);

INSERT INTO schema_version (version) VALUES (15);
