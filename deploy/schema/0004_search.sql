-- callmesh schema 4: what a search of a long history needs.
-- How a call that was not answered ended: few calls, and set once, with the end. (Answered calls are most of all and are found
-- by walking from the newest.) The question says the condition too (services/api/calls.c).
CREATE INDEX calls_result ON calls (result, started_at DESC) WHERE result <> 'answered';

-- Words within names and URIs (q=): trigrams. The index is made for a day when it is over (callstate's housekeeping): row by row it
-- would cost more than all others together. One expression, the same in the question (services/api/calls.c).
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
    END IF;
END $$;

INSERT INTO schema_version (version) VALUES (4);
