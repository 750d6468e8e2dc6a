-- callmesh schema 17: a rule of recording may be about a person or a team of the director's list (schema 14), as the call knew them when it
-- began.

ALTER TABLE recording_rules
    ADD agent uuid REFERENCES agents (id),
    ADD team  text NOT NULL DEFAULT '' CHECK (length(team) <= 48);

INSERT INTO schema_version (version) VALUES (17);
