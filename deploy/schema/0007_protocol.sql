-- callmesh schema 7: calls that are not SIP. sip_status stays null for them; their own word for why they ended is the cause.

ALTER TABLE calls
    ADD protocol text NOT NULL DEFAULT 'sip',          -- sip sccp mgcp iax2 h323
    ADD cause    int;                                  -- ITU-T Q.850

INSERT INTO schema_version (version) VALUES (7);
