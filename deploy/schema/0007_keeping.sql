-- callmesh schema 7: how recordings are kept, and for how long. callstate writes recordings and deletion results; api owns
-- retention_policies, holds, erasures and makes deletions.

ALTER TABLE recordings
    ADD sha512       text NOT NULL DEFAULT '',   -- hex, of the content
    ADD stored_bytes bigint NOT NULL DEFAULT 0,  -- of the file as it lies
    ADD encryption   text NOT NULL DEFAULT '',   -- AES-256-GCM; empty: plain
    ADD key_id       text NOT NULL DEFAULT '',   -- hex, of the data key
    ADD chain_hour   text NOT NULL DEFAULT '',   -- chain/<site>/<hour>.jsonl has its signed entry
    ADD chain_n      bigint NOT NULL DEFAULT 0,
    ADD chain_hash   text NOT NULL DEFAULT '';   -- hex, of that entry: what verify --head takes
-- status may also be deleted: a tombstone. path, sha256 and the chain's place stay; the key and the files are gone.

CREATE FUNCTION rfc3339(t timestamptz) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;

-- For whom, how long. site, number empty: any. Of the policies that match the one with the lowest priority number says when to
-- delete; the longest compliance period of all that match protects, whatever the priority.
CREATE TABLE retention_policies (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name            text NOT NULL,
    priority        int NOT NULL DEFAULT 100,
    site            text NOT NULL DEFAULT '',
    number          text NOT NULL DEFAULT '',  -- digits of either party
    retain_days     int,                       -- null: for ever
    compliance_days int NOT NULL DEFAULT 0,    -- nothing and nobody deletes before; can only be raised
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL,
    removed_at      timestamptz
);

-- Blocks every deletion but for nothing: released by a person.
CREATE TABLE holds (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    reason      text NOT NULL,
    call_id     uuid,
    site        text NOT NULL DEFAULT '',
    number      text NOT NULL DEFAULT '',
    from_at     timestamptz,
    to_at       timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text NOT NULL,
    released_at timestamptz,
    released_by text NOT NULL DEFAULT ''
);

CREATE TABLE erasures (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number      text NOT NULL DEFAULT '',      -- digits of either party
    call_id     uuid,
    legal_basis text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text NOT NULL,
    found       int NOT NULL DEFAULT 0,        -- recordings at the time of asking
    refused     int NOT NULL DEFAULT 0         -- of them, held or in a compliance period: erased when that ends
);

-- What was to go, and what became of it: the journal. One row a recording; the recorder is told until it has answered.
CREATE TABLE deletions (
    recording_id uuid PRIMARY KEY,
    call_id      uuid NOT NULL,
    site         text NOT NULL,
    path         text NOT NULL,
    basis        text NOT NULL,                -- erasure retention user
    reason       text NOT NULL DEFAULT '',     -- legal basis, name of the policy
    actor        text NOT NULL,
    asked_at     timestamptz NOT NULL DEFAULT now(),
    told_at      timestamptz,
    done_at      timestamptz,
    error        text NOT NULL DEFAULT '',
    chain_hour   text NOT NULL DEFAULT '',     -- the certificate: a signed entry of the chain
    chain_n      bigint NOT NULL DEFAULT 0,
    chain_hash   text NOT NULL DEFAULT ''
);
CREATE INDEX deletions_open ON deletions (asked_at) WHERE done_at IS NULL;

-- What may become of each recording that is there, now. Order: compliance period > legal hold > erasure > retention > user's delete.
CREATE VIEW recording_fates AS
SELECT r.id, r.call_id, r.site, r.started_at, r.path, r.size_bytes, r.status,
    p.compliance_until, h.held, e.erasure, e.legal_basis, p.delete_at, p.policy, p.any_policy,
    CASE WHEN p.compliance_until > now() THEN 'compliance'
         WHEN h.held THEN 'held'
         WHEN e.erasure IS NOT NULL THEN 'erase'
         WHEN p.delete_at <= now() THEN 'expired'
         WHEN p.any_policy THEN 'retained'
         ELSE 'free' END AS fate
FROM recordings r
LEFT JOIN calls c ON c.id = r.call_id AND c.site = r.site
LEFT JOIN LATERAL (
    SELECT max(r.ended_at + make_interval(days => x.compliance_days)) AS compliance_until,
        (array_agg(r.ended_at + make_interval(days => x.retain_days) ORDER BY x.priority, x.created_at))[1] AS delete_at,
        (array_agg(x.name ORDER BY x.priority, x.created_at))[1] AS policy,
        count(*) > 0 AS any_policy
    FROM retention_policies x
    WHERE x.removed_at IS NULL AND (x.site = '' OR x.site = r.site)
        AND (x.number = '' OR x.number = c.from_digits OR x.number = c.to_digits)) p ON true
LEFT JOIN LATERAL (
    SELECT true AS held FROM holds x
    WHERE x.released_at IS NULL AND (x.call_id IS NULL OR x.call_id = r.call_id) AND (x.site = '' OR x.site = r.site)
        AND (x.number = '' OR x.number = c.from_digits OR x.number = c.to_digits)
        AND (x.from_at IS NULL OR r.ended_at >= x.from_at) AND (x.to_at IS NULL OR r.started_at < x.to_at) LIMIT 1) h ON true
LEFT JOIN LATERAL (
    SELECT x.id AS erasure, x.legal_basis FROM erasures x
    WHERE (x.call_id IS NOT NULL AND x.call_id = r.call_id)
        OR (x.number <> '' AND (x.number = c.from_digits OR x.number = c.to_digits)) ORDER BY x.created_at LIMIT 1) e ON true
WHERE r.status IN ('ready', 'failed');

INSERT INTO schema_version (version) VALUES (7);
