-- callmesh schema 13: the text of SIP messages packed. raw_form says how raw is to be read: 0 as on the wire, 1 zstd with the dictionary
-- siptext_1 (lib/store/packed.h). What was asked of the bytes has a column of its own: does it carry SDP? Null: stored before.

ALTER TABLE sip_messages
    ADD raw_form smallint NOT NULL DEFAULT 0,
    ADD sdp boolean;

-- quarantine_retry makes a row of what is kept there.
UPDATE quarantine SET message = message || '{"raw_form": 0}' WHERE message IS NOT NULL AND NOT message ? 'raw_form';

INSERT INTO schema_version (version) VALUES (13);
