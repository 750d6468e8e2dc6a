-- callmesh schema 3: SIP messages that belong to a call are found by the call; only those that do not are looked for by their Call-ID.
-- The index over all of them took a sixth of the database's work for each call (bench/callstate_rate.py).
DROP INDEX sip_messages_sip_call_id;
CREATE INDEX sip_messages_sip_call_id ON sip_messages (sip_call_id, at) WHERE call_id IS NULL;

INSERT INTO schema_version (version) VALUES (3);
