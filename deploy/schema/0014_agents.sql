-- callmesh schema 14: the director's list. An agent is a person; its extensions say, each for a time, which SIP user or device at which
-- site is that person. callstate reads both when the revision rises and matches the parties of each call at its INVITE: what was
-- true then stays with the call, whatever the list says later.

CREATE TABLE agents (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    team        text NOT NULL DEFAULT '' CHECK (length(team) <= 48),
    created_at  timestamptz NOT NULL DEFAULT now(),
    removed_at  timestamptz                            -- stays, for the calls that name it
);
CREATE UNIQUE INDEX agents_name ON agents (name) WHERE removed_at IS NULL;
CREATE INDEX agents_team ON agents (team);
CREATE INDEX agents_created ON agents (created_at DESC, id DESC); -- the list, newest first

CREATE TABLE extensions (
    agent_id    uuid NOT NULL REFERENCES agents (id),
    site        text NOT NULL DEFAULT '' CHECK (length(site) <= 63),  -- '': any
    kind        text NOT NULL CHECK (kind IN ('user', 'address')),    -- SIP user (an extension, a number); IP address of a phone
    value       text NOT NULL CHECK (length(value) BETWEEN 1 AND 64),
    valid_from  timestamptz NOT NULL DEFAULT '-infinity',
    valid_to    timestamptz NOT NULL DEFAULT 'infinity' CHECK (valid_to >= valid_from),
    PRIMARY KEY (agent_id, site, kind, value, valid_from)
);

CREATE TABLE director (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    revision    bigint NOT NULL                        -- rises in the statement that changes the list
);
INSERT INTO director (revision) VALUES (1);

ALTER TABLE calls
    ADD from_agent uuid,
    ADD to_agent   uuid;                               -- names, teams and how they were matched: story->'agents'
CREATE INDEX calls_from_agent ON calls (from_agent, started_at DESC) WHERE from_agent IS NOT NULL;
CREATE INDEX calls_to_agent ON calls (to_agent, started_at DESC) WHERE to_agent IS NOT NULL;

INSERT INTO schema_version (version) VALUES (14);
