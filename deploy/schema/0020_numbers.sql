-- callmesh schema 20: numbers in E.164. A dial plan says what digits at a site mean: what its telephones dial before a number, how long an
-- extension is. callstate reads the plans when the revision of `director` rises, and writes the parties of each new call in E.164 beside what
-- was seen; calls that are there already keep what they have.

CREATE TABLE dial_plans (
    site         text PRIMARY KEY CHECK (length(site) BETWEEN 1 AND 63),   -- '*': all sites without one of their own
    country_code text NOT NULL CHECK (country_code ~ '^[1-9][0-9]{0,2}$'),
    area_code    text NOT NULL DEFAULT '' CHECK (area_code ~ '^[0-9]{0,8}$'),
    trunk_prefix text NOT NULL DEFAULT '' CHECK (trunk_prefix ~ '^[0-9]{0,4}$'),     -- before a national number
    number_base  text NOT NULL DEFAULT '' CHECK (number_base ~ '^[0-9]{0,14}$'),     -- E.164 without + and extension
    international_prefixes text[] NOT NULL DEFAULT '{}' CHECK (cardinality(international_prefixes) <= 4),
    outside_prefixes       text[] NOT NULL DEFAULT '{}' CHECK (cardinality(outside_prefixes) <= 4), -- of an outside line
    short_numbers          text[] NOT NULL DEFAULT '{}' CHECK (cardinality(short_numbers) <= 24),   -- emergency, services
    extension_lengths int[] NOT NULL DEFAULT '{}' CHECK (cardinality(extension_lengths) <= 15),
    national_lengths  int[] NOT NULL DEFAULT '{}' CHECK (cardinality(national_lengths) <= 15),      -- without country code and trunk prefix
    local_lengths     int[] NOT NULL DEFAULT '{}' CHECK (cardinality(local_lengths) <= 15),         -- without area code
    plain        text NOT NULL DEFAULT 'none' CHECK (plain IN ('none', 'national', 'international')), -- digits without any prefix
    updated_at   timestamptz NOT NULL DEFAULT now(),
    updated_by   text NOT NULL DEFAULT ''
);

ALTER TABLE calls
    ADD from_e164 text,                                -- +49301234; null: no number, or none that the plan explains
    ADD to_e164   text;
CREATE INDEX calls_from_e164 ON calls (from_e164, started_at DESC) WHERE from_e164 IS NOT NULL;
CREATE INDEX calls_to_e164 ON calls (to_e164, started_at DESC) WHERE to_e164 IS NOT NULL;

INSERT INTO schema_version (version) VALUES (20);
