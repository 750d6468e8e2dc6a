-- callmesh schema 10: what two questions of people lacked, found by tests/system/search_plans.
-- The losses that touch a call are those of its site and harvester whose time overlaps the call's. least and greatest: a range that ends
-- before it begins is refused, and a harvester may say anything.
CREATE INDEX losses_range ON losses USING gist (tstzrange(least(from_at, to_at), greatest(from_at, to_at), '[]'));
-- Streams, newest first, of all calls and of none.
CREATE INDEX streams_time ON streams (first_at DESC, id DESC);

INSERT INTO schema_version (version) VALUES (10);
