-- callmesh schema 6: sites that join. A site's token is used once; its keys say whom the bus lets in (by certificate) and whose
-- signature counts (Ed25519). Sites of one realm share an address plan: what is private at one is the same thing at another.

ALTER TABLE sites
    ADD realm text NOT NULL DEFAULT '';               -- '': a realm of its own

CREATE TABLE site_tokens (
    token_hash  bytea PRIMARY KEY,                    -- SHA-256; the token itself is nowhere
    site        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz                           -- once
);

CREATE TABLE site_keys (
    sign_key    bytea PRIMARY KEY,                    -- Ed25519, public
    site        text NOT NULL,
    certificate bytea NOT NULL UNIQUE,                -- SHA-256 of its DER
    node        text NOT NULL DEFAULT '',             -- the machine that joined
    joined_at   timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,                 -- of the certificate
    revoked_at  timestamptz
);
CREATE INDEX site_keys_site ON site_keys (site, joined_at DESC);

INSERT INTO schema_version (version) VALUES (6);
