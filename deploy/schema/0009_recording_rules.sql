-- callmesh schema 9: which calls are recorded. api writes recording_rules, each write with its line in
-- recording_rule_changes; callstate reads them and asks them once for each call: the first that matches decides.

CREATE TABLE recording_rules (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    position     int NOT NULL DEFAULT 100 CHECK (position BETWEEN 0 AND 1000000), -- lowest first
    name         text NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 63),
    action       text NOT NULL CHECK (action IN ('all', 'none', 'on_demand', 'percent')),
    percent      numeric(5, 2) CHECK (percent BETWEEN 0 AND 100),
    -- What it matches; empty: anything. All that are set must hold.
    site         text NOT NULL DEFAULT '' CHECK (octet_length(site) <= 63),
    direction    text NOT NULL DEFAULT '' CHECK (direction IN ('', 'inbound', 'outbound', 'internal', 'transit')),
    number       text NOT NULL DEFAULT '' CHECK (number ~ '^[0-9]{0,23}$'),       -- beginning of either party's digits
    from_number  text NOT NULL DEFAULT '' CHECK (from_number ~ '^[0-9]{0,23}$'),
    to_number    text NOT NULL DEFAULT '' CHECK (to_number ~ '^[0-9]{0,23}$'),
    sip_user     text NOT NULL DEFAULT '' CHECK (octet_length(sip_user) <= 63),   -- user part of either party, whole
    peer         cidr,                                                            -- of the INVITE's source or destination
    -- What of the call.
    after_answer boolean NOT NULL DEFAULT false,  -- a call that is not answered is not recorded
    early_media  boolean NOT NULL DEFAULT true,   -- false: the recording begins with the answer
    sides        text NOT NULL DEFAULT 'both' CHECK (sides IN ('both', 'caller', 'callee')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((action = 'percent') = (percent IS NOT NULL))
);

-- Who changed what. Only ever grows; its highest number is the version of the rules.
CREATE TABLE recording_rule_changes (
    n       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    actor   text NOT NULL,
    address text NOT NULL DEFAULT '',
    rule_id uuid NOT NULL,
    before  jsonb,                                -- null: it is new
    after   jsonb                                 -- null: it is gone
);

-- What the rules said of a call stands in calls.story->'recording_policy': decision (record, skip), rule, reason, by, sides, from_answer.

INSERT INTO schema_version (version) VALUES (9);
