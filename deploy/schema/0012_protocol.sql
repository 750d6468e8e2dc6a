-- callmesh schema 12: calls that are not SIP. sip_status stays null for them; their own word for why they ended is q850_cause.

ALTER TABLE calls
    ADD protocol text NOT NULL DEFAULT 'sip';          -- sip sccp mgcp iax2 h323

INSERT INTO schema_version (version) VALUES (12);
