-- callmesh schema 16: statistics of sites and trunks, as sums of each quarter of an hour that outlive the calls
-- (docs/decisions/0017-statistics.md). Sums only: a ratio is made when it is read, so any intervals add up to a longer one.
--
-- How an interval gets its sums. Whoever writes calls adds the interval in which they began to statistics_changes, in the same statement;
-- nothing ever waits there, it is only added to. callstate's statistics thread moves what is there to statistics_due (statistics_collect) and
-- makes the oldest due interval wholly anew from the calls (statistics_next): the due row goes first and in the same transaction, so what is committed
-- after the look at the calls has a change of its own and is looked at again. Killed at any moment, nothing is counted twice or forgotten.

-- Where a site's calls come from and go to: an attempt is of a trunk when the INVITE of a leg came from (inbound) or went to (outbound)
-- one of its addresses. Written by api.
CREATE TABLE trunks (
    name       text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 63),
    site       text NOT NULL DEFAULT '' CHECK (octet_length(site) <= 63), -- empty: of every site
    addresses  cidr[] NOT NULL CHECK (cardinality(addresses) BETWEEN 1 AND 64),
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT 'callmesh'
);

CREATE TABLE statistics_changes (
    n    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site text NOT NULL,
    at   timestamptz NOT NULL                 -- begin of the interval
);
CREATE TABLE statistics_due (
    site       text NOT NULL,
    at         timestamptz NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz NOT NULL DEFAULT '-infinity', -- later: its sums could not be made
    PRIMARY KEY (site, at)
);
CREATE INDEX statistics_due_at ON statistics_due (at, site);

-- trunk '': the whole site, each call once, however many parts it has. Else the attempts at that trunk, a part of a call each;
-- direction '' is both. Counts are of calls that began within the interval.
CREATE TABLE statistics (
    site           text NOT NULL,
    at             timestamptz NOT NULL,
    trunk          text NOT NULL DEFAULT '',
    direction      text NOT NULL DEFAULT '',  -- inbound outbound: as the trunk is seen by the site
    attempts       int NOT NULL DEFAULT 0,    -- = seizures of ITU-T E.411: each INVITE that is not part of a call already
    unfinished     int NOT NULL DEFAULT 0,    -- of them, neither answered nor over when this was made
    answered       int NOT NULL DEFAULT 0,
    busy           int NOT NULL DEFAULT 0,    -- the others, by result; they and unfinished add up to attempts
    no_answer      int NOT NULL DEFAULT 0,
    canceled       int NOT NULL DEFAULT 0,
    rejected       int NOT NULL DEFAULT 0,
    failed         int NOT NULL DEFAULT 0,
    redirected     int NOT NULL DEFAULT 0,
    delivered      int NOT NULL DEFAULT 0,    -- numerator of NER, see statistics_delivered
    talks          int NOT NULL DEFAULT 0,    -- answered and over: what talk_seconds is of
    talk_seconds   double precision NOT NULL DEFAULT 0,
    pdds           int NOT NULL DEFAULT 0,    -- post-dial delay: INVITE to ringing, or to the answer when nothing rang
    pdd_seconds    double precision NOT NULL DEFAULT 0,
    rings          int NOT NULL DEFAULT 0,    -- ringing to the answer or the end
    ring_seconds   double precision NOT NULL DEFAULT 0,
    rated          int NOT NULL DEFAULT 0,    -- with a MOS: what mos_sum is of
    mos_sum        double precision NOT NULL DEFAULT 0, -- of mos_min, each call's worst
    concurrent_max int NOT NULL DEFAULT 0,    -- calls that were there at one moment of the interval, whenever they began
    call_seconds   double precision NOT NULL DEFAULT 0, -- time of calls within the interval: divided by its length, the traffic in erlangs
    codes          jsonb NOT NULL DEFAULT '{}', -- {"486": 3, "none": 1, "q850:17": 2}: final response (what is not SIP: cause), of attempts answered or over
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, at, trunk, direction)
) WITH (fillfactor = 70);
CREATE INDEX statistics_at ON statistics (at);

-- Calls that go on after the interval in which they began: later ones count them as concurrent.
CREATE TABLE statistics_spans (
    site       text NOT NULL,
    at         timestamptz NOT NULL,
    trunk      text NOT NULL,
    direction  text NOT NULL,
    call_id    uuid NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,                   -- null: not over when this was made
    PRIMARY KEY (at, site, trunk, direction, call_id)
);
CREATE INDEX statistics_spans_range ON statistics_spans USING gist (tstzrange(started_at, ended_at));

CREATE FUNCTION statistics_interval(t timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT date_bin('15 min', t, '2000-01-01 00:00:00+00') $$;

-- Final responses of several intervals, added up: [[{"200": 1}], [{"200": 2}, {}]]. What RFC 6076 counts of them, SIP only: finals all, good 2xx, redirects 3xx,
-- challenges 401 402 407, effective 2xx 480 486 600 603, ineffective 408 500 503 504 (SER 4.6, SEER 4.7, ISA 4.8).
-- jit off, here and below: nested lists are taken for a million rows, and compiling for them took a hundred times as long as the sums.
CREATE FUNCTION statistics_codes(lists jsonb, OUT codes jsonb, OUT code_list text, OUT finals bigint, OUT good bigint, OUT redirects bigint, OUT challenges bigint,
    OUT effective bigint, OUT ineffective bigint) LANGUAGE sql IMMUTABLE SET jit = off AS $$
    SELECT coalesce(jsonb_object_agg(code, n), '{}'), coalesce(string_agg(code || '=' || n, ' ' ORDER BY code), ''),
        coalesce(sum(n) FILTER (WHERE code NOT LIKE 'q850:%'), 0), coalesce(sum(n) FILTER (WHERE code LIKE '2__'), 0), coalesce(sum(n) FILTER (WHERE code LIKE '3__'), 0),
        coalesce(sum(n) FILTER (WHERE code IN ('401', '402', '407')), 0), coalesce(sum(n) FILTER (WHERE code LIKE '2__' OR code IN ('480', '486', '600', '603')), 0),
        coalesce(sum(n) FILTER (WHERE code IN ('408', '500', '503', '504')), 0)
    FROM (SELECT e.key AS code, sum(e.value::bigint)::bigint AS n FROM jsonb_array_elements(lists) a, jsonb_array_elements(a) b, jsonb_each_text(b) e GROUP BY e.key) x
$$;

-- NER (ITU-T E.425): answer, user busy, ring no answer, terminal rejection or unavailability. In SIP (RFC 3398 7.2.4.1 and 8.2.6.1 say which
-- response is which cause): 486 and 600 busy, 603 and 607 rejection, 480 unavailability; given up by the caller or a timer while it rang: ring no answer. What is
-- not SIP says so by its Q.850 cause: 17 busy, 18 and 19 no answer, 20 unavailability, 21 rejection.
CREATE FUNCTION statistics_delivered(result text, sip_status int, q850_cause int, rang boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(result = 'answered' OR sip_status IN (480, 486, 600, 603, 607) OR q850_cause IN (17, 18, 19, 20, 21)
        OR (rang AND result IN ('no_answer', 'canceled')), false)
$$;

-- Result of an attempt at a trunk, by its own final response: the call as a whole may have gone on elsewhere (services/callstate/call.c
-- call_result_of). 487 is what an INVITE is answered with that was given up.
CREATE FUNCTION statistics_result(sip_status int, of_call text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN sip_status IS NULL OR sip_status < 200 THEN CASE WHEN of_call IN ('canceled', 'busy', 'rejected', 'failed') THEN of_call ELSE 'no_answer' END
        WHEN sip_status = 487 THEN 'canceled' WHEN sip_status IN (408, 480) THEN 'no_answer' WHEN sip_status < 400 THEN 'redirected'
        WHEN sip_status IN (486, 600) THEN 'busy' WHEN sip_status IN (403, 433, 488, 603, 606, 607, 608) THEN 'rejected' ELSE 'failed' END
$$;

-- What began within the interval: the calls of the site (trunk ''), and the attempts at its trunks. is_open: it goes on; without ended_at and not
-- open: nobody will ever say when it ended, it counts as no time. q850_cause: of what is not SIP only, 0 when there was none.
CREATE FUNCTION statistics_items(p_site text, p_at timestamptz) RETURNS TABLE (trunk text, direction text, call_id uuid, started_at timestamptz, ringing_at timestamptz,
    answered_at timestamptz, ended_at timestamptz, is_open boolean, result text, sip_status int, q850_cause int, mos double precision) LANGUAGE sql STABLE AS $$
    WITH k AS MATERIALIZED (
        SELECT c.id, c.started_at, c.ringing_at, c.answered_at, c.ended_at, c.merged_into, c.result, c.sip_status, c.mos_min,
            CASE WHEN c.protocol <> 'sip' THEN coalesce(c.q850_cause, 0) END AS q850_cause,
            c.ended_at IS NULL AND EXISTS (SELECT FROM open_calls o WHERE o.id = c.id) AS is_open
        FROM calls c WHERE c.site = p_site AND c.started_at >= p_at AND c.started_at < p_at + interval '15 min'),
    l AS MATERIALIZED (
        SELECT id, call_id, src_ip, dst_ip, sip_status, ringing_at, answered_at, ended_at FROM legs
        WHERE site = p_site AND started_at >= p_at AND started_at < p_at + interval '1 day' AND EXISTS (SELECT FROM trunks t WHERE t.site IN ('', p_site))),
    h AS MATERIALIZED ( -- a host is compared with the trunks once, not each leg
        SELECT t.name AS trunk, i.ip FROM (SELECT src_ip AS ip FROM l UNION SELECT dst_ip FROM l) i JOIN trunks t ON t.site IN ('', p_site) AND i.ip <<= ANY (t.addresses))
    SELECT '', '', k.id, k.started_at, k.ringing_at, k.answered_at, k.ended_at, k.is_open,
        CASE WHEN k.answered_at IS NOT NULL THEN 'answered' WHEN k.ended_at IS NOT NULL THEN k.result END,
        CASE WHEN k.sip_status >= 200 THEN k.sip_status END, k.q850_cause, k.mos_min
    FROM k WHERE k.merged_into IS NULL
    UNION ALL
    SELECT a.trunk, a.direction, a.id, a.started_at, a.ringing_at, a.answered_at, a.ended_at, a.is_open,
        CASE WHEN a.answered_at IS NOT NULL THEN 'answered' WHEN a.ended_at IS NOT NULL THEN statistics_result(a.sip_status, a.result) END,
        CASE WHEN a.sip_status >= 200 THEN a.sip_status END, a.q850_cause, a.mos_min
    FROM (
        SELECT f.trunk, f.direction, k.id, k.started_at, k.is_open, k.result, k.q850_cause, k.mos_min, min(f.ringing_at) AS ringing_at,
            min(f.answered_at) AS answered_at, CASE WHEN bool_and(f.ended_at IS NOT NULL) THEN coalesce(max(f.ended_at) FILTER (WHERE f.answered_at IS NOT NULL), max(f.ended_at)) END
            AS ended_at, (array_agg(f.sip_status ORDER BY f.answered_at IS NULL, f.ended_at DESC NULLS FIRST, f.id))[1] AS sip_status
        FROM k JOIN (
            SELECT h.trunk, 'inbound' AS direction, l.* FROM l JOIN h ON h.ip = l.src_ip UNION ALL SELECT h.trunk, 'outbound', l.* FROM l JOIN h ON h.ip = l.dst_ip) f ON f.call_id = k.id
        GROUP BY f.trunk, f.direction, k.id, k.started_at, k.is_open, k.result, k.q850_cause, k.mos_min) a
$$;

-- One interval of one site, wholly anew. Calls that began in it and go on after it are written to statistics_spans; where these say something
-- else than before, the later intervals that they touch are due. A call counts as concurrent for its first 7 days.
-- No nested loops: an interval is taken whole, and where the planner takes 100,000 rows for one (a day that is not analysed yet, spans of a minute ago) they took minutes.
CREATE FUNCTION statistics_make(p_site text, p_at timestamptz, p_now timestamptz) RETURNS void LANGUAGE plpgsql SET jit = off SET enable_nestloop = off AS $$
DECLARE
    p_end constant timestamptz := p_at + interval '15 min';
    p_last constant timestamptz := p_at + interval '7 days';
BEGIN
    -- Calls that somebody removed take no sums with them.
    IF NOT EXISTS (SELECT FROM calls WHERE site = p_site AND started_at >= p_at AND started_at < p_end)
        AND EXISTS (SELECT FROM statistics WHERE site = p_site AND at = p_at AND attempts > 0) THEN
        RETURN;
    END IF;
    WITH i AS MATERIALIZED (
        SELECT x.*, CASE WHEN x.ended_at IS NOT NULL THEN x.ended_at WHEN x.is_open THEN 'infinity' ELSE x.started_at END AS until FROM statistics_items(p_site, p_at) x),
    was AS (SELECT ctid AS place, * FROM statistics_spans WHERE site = p_site AND at = p_at),
    spans AS (SELECT trunk, direction, call_id, started_at, nullif(until, 'infinity') AS ended_at FROM i WHERE until > p_end),
    differ AS MATERIALIZED (
        SELECT trunk, direction, call_id, w.place, s.started_at, s.ended_at, s.call_id IS NULL AS gone, (w.call_id IS NOT NULL AND w.ended_at IS NULL) OR (s.call_id IS NOT NULL AND s.ended_at IS NULL) AS open_end, greatest(w.ended_at, s.ended_at) AS until
        FROM was w FULL JOIN spans s USING (trunk, direction, call_id)
        WHERE w.call_id IS NULL OR s.call_id IS NULL OR w.ended_at IS DISTINCT FROM s.ended_at),
    due AS (
        INSERT INTO statistics_due (site, at)
            SELECT p_site, t FROM generate_series(p_end, (SELECT least(max(until), p_last) FROM differ HAVING max(until) IS NOT NULL), interval '15 min') t
            UNION SELECT p_site, s.at FROM statistics s WHERE s.site = p_site AND s.at > p_at AND s.at < p_last AND EXISTS (SELECT FROM differ WHERE open_end)
        ON CONFLICT DO NOTHING),
    gone_spans AS (
        DELETE FROM statistics_spans WHERE ctid = ANY (ARRAY(SELECT place FROM differ WHERE gone))),
    new_spans AS (
        INSERT INTO statistics_spans AS x (site, at, trunk, direction, call_id, started_at, ended_at)
            SELECT p_site, p_at, trunk, direction, call_id, started_at, ended_at FROM differ WHERE NOT gone
        ON CONFLICT (at, site, trunk, direction, call_id) DO UPDATE SET ended_at = excluded.ended_at),
    -- From here on with the direction '', both, beside each of a trunk's.
    there AS MATERIALIZED (
        SELECT t.trunk, CASE WHEN b.both_ways THEN '' ELSE t.direction END AS direction, greatest(t.started_at, p_at) AS since, t.until
        FROM (SELECT trunk, direction, started_at, until FROM i WHERE until > started_at
            UNION ALL
            SELECT s.trunk, s.direction, s.started_at, coalesce(s.ended_at, 'infinity') FROM statistics_spans s
            WHERE s.site = p_site AND s.started_at < p_at AND s.started_at >= p_at - interval '7 days' AND tstzrange(s.started_at, s.ended_at) && tstzrange(p_at, p_end)
                AND (s.ended_at IS NOT NULL OR EXISTS (SELECT FROM open_calls o WHERE o.id = s.call_id))) t
        CROSS JOIN (VALUES (true), (false)) b(both_ways) WHERE b.both_ways OR t.direction <> ''),
    busiest AS ( -- who ends at the moment at which another begins makes room for it
        SELECT trunk, direction, max(n) AS n FROM (
            SELECT trunk, direction, sum(step) OVER (PARTITION BY trunk, direction ORDER BY t, step ROWS UNBOUNDED PRECEDING) AS n FROM (
                SELECT trunk, direction, since AS t, 1 AS step FROM there UNION ALL SELECT trunk, direction, until, -1 FROM there WHERE until < p_end) e) s
        GROUP BY trunk, direction),
    traffic AS (
        SELECT trunk, direction, sum(greatest(extract(epoch FROM CASE WHEN until = 'infinity' THEN least(p_end, p_now) ELSE least(p_end, until) END - since), 0)) AS seconds
        FROM there GROUP BY trunk, direction),
    w AS (
        SELECT i.*, CASE WHEN b.both_ways THEN '' ELSE i.direction END AS way, coalesce(i.sip_status::text, 'q850:' || i.q850_cause, 'none') AS code
        FROM i CROSS JOIN (VALUES (true), (false)) b(both_ways) WHERE b.both_ways OR i.direction <> ''),
    sums AS (
        SELECT trunk, way AS direction, count(*) AS attempts, count(*) FILTER (WHERE result IS NULL) AS unfinished, count(answered_at) AS answered,
            count(*) FILTER (WHERE result = 'busy') AS busy, count(*) FILTER (WHERE result = 'no_answer') AS no_answer, count(*) FILTER (WHERE result = 'canceled') AS canceled,
            count(*) FILTER (WHERE result = 'rejected') AS rejected, count(*) FILTER (WHERE result = 'failed') AS failed, count(*) FILTER (WHERE result = 'redirected') AS redirected,
            count(*) FILTER (WHERE result IS NOT NULL AND statistics_delivered(result, sip_status, q850_cause, ringing_at IS NOT NULL)) AS delivered,
            count(*) FILTER (WHERE ended_at >= answered_at) AS talks, sum(extract(epoch FROM ended_at - answered_at)) FILTER (WHERE ended_at >= answered_at) AS talk_seconds,
            count(coalesce(ringing_at, answered_at)) AS pdds, sum(extract(epoch FROM coalesce(ringing_at, answered_at) - started_at)) AS pdd_seconds,
            count(*) FILTER (WHERE coalesce(answered_at, ended_at) >= ringing_at) AS rings,
            sum(extract(epoch FROM coalesce(answered_at, ended_at) - ringing_at)) FILTER (WHERE coalesce(answered_at, ended_at) >= ringing_at) AS ring_seconds,
            count(mos) AS rated, sum(mos) AS mos_sum
        FROM w GROUP BY trunk, way),
    finals AS (
        SELECT trunk, way AS direction, jsonb_object_agg(code, n) AS codes FROM (SELECT trunk, way, code, count(*) AS n FROM w WHERE result IS NOT NULL GROUP BY trunk, way, code) f
        GROUP BY trunk, way),
    gone AS (
        DELETE FROM statistics x WHERE x.site = p_site AND x.at = p_at AND NOT EXISTS (SELECT FROM sums s WHERE (s.trunk, s.direction) = (x.trunk, x.direction))
            AND NOT EXISTS (SELECT FROM there t WHERE (t.trunk, t.direction) = (x.trunk, x.direction)))
    INSERT INTO statistics AS x (site, at, trunk, direction, attempts, unfinished, answered, busy, no_answer, canceled, rejected, failed, redirected, delivered, talks,
        talk_seconds, pdds, pdd_seconds, rings, ring_seconds, rated, mos_sum, concurrent_max, call_seconds, codes)
    SELECT p_site, p_at, trunk, direction, coalesce(attempts, 0), coalesce(unfinished, 0), coalesce(answered, 0), coalesce(busy, 0), coalesce(no_answer, 0), coalesce(canceled, 0),
        coalesce(rejected, 0), coalesce(failed, 0), coalesce(redirected, 0), coalesce(delivered, 0), coalesce(talks, 0), coalesce(talk_seconds, 0), coalesce(pdds, 0),
        coalesce(pdd_seconds, 0), coalesce(rings, 0), coalesce(ring_seconds, 0), coalesce(rated, 0), coalesce(mos_sum, 0), coalesce(b.n, 0), coalesce(t.seconds, 0),
        coalesce(codes, '{}')
    FROM sums FULL JOIN (busiest b JOIN traffic t USING (trunk, direction)) USING (trunk, direction) LEFT JOIN finals USING (trunk, direction)
    ON CONFLICT (site, at, trunk, direction) DO UPDATE SET attempts = excluded.attempts, unfinished = excluded.unfinished, answered = excluded.answered, busy = excluded.busy,
        no_answer = excluded.no_answer, canceled = excluded.canceled, rejected = excluded.rejected, failed = excluded.failed, redirected = excluded.redirected,
        delivered = excluded.delivered, talks = excluded.talks, talk_seconds = excluded.talk_seconds, pdds = excluded.pdds, pdd_seconds = excluded.pdd_seconds,
        rings = excluded.rings, ring_seconds = excluded.ring_seconds, rated = excluded.rated, mos_sum = excluded.mos_sum, concurrent_max = excluded.concurrent_max,
        call_seconds = excluded.call_seconds, codes = excluded.codes, updated_at = now();
END $$;

-- What has changed becomes due, 100,000 changes at a time; so do the interval of now and the one before it of live sites with open calls, which
-- grow without any change: each minute, and once when they are over.
CREATE FUNCTION statistics_collect(p_now timestamptz) RETURNS void LANGUAGE sql AS $$
    WITH g AS (DELETE FROM statistics_changes WHERE n IN (SELECT n FROM statistics_changes ORDER BY n LIMIT 100000) RETURNING site, at)
        INSERT INTO statistics_due (site, at) SELECT DISTINCT site, at FROM g ON CONFLICT DO NOTHING;
    INSERT INTO statistics_due (site, at)
        SELECT o.site, b.at FROM (SELECT DISTINCT site FROM open_calls) o
        CROSS JOIN (VALUES (statistics_interval(p_now)), (statistics_interval(p_now) - interval '15 min')) b(at)
        WHERE EXISTS (SELECT FROM harvesters h WHERE h.site = o.site AND h.live AND NOT h.ended)
            AND NOT EXISTS (SELECT FROM statistics s WHERE s.site = o.site AND s.at = b.at AND s.trunk = '' AND s.updated_at >= least(p_now - interval '1 min', b.at + interval '15 min'))
        ON CONFLICT DO NOTHING;
$$;

-- The oldest due interval gets its sums: 1. Nothing is due, or another process is at it: 0. They could not be made: -1, and the interval is due again in 10 minutes.
-- In the order of time, because an interval counts the spans of those before it.
CREATE FUNCTION statistics_next(p_now timestamptz) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    d record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('callmesh statistics')) THEN
        RETURN 0;
    END IF;
    DELETE FROM statistics_due WHERE (site, at) = (SELECT x.site, x.at FROM statistics_due x WHERE x.not_before <= p_now ORDER BY x.at, x.site LIMIT 1) RETURNING * INTO d;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    BEGIN
        PERFORM statistics_make(d.site, d.at, p_now);
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'statistics of % at %: %', d.site, d.at, SQLERRM;
        INSERT INTO statistics_due (site, at, since, not_before) VALUES (d.site, d.at, d.since, p_now + interval '10 min');
        RETURN -1;
    END;
    RETURN 1;
END $$;

-- Another trunk, or other addresses: the last month of its sites is made anew, as far as there are calls.
CREATE FUNCTION statistics_trunks_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO statistics_changes (site, at)
        SELECT s.site, x.at FROM sites s CROSS JOIN LATERAL (
            SELECT at FROM statistics WHERE site = s.site AND trunk = '' ORDER BY at DESC LIMIT 31 * 96) x LIMIT 100000;
    RETURN NULL;
END $$;
CREATE TRIGGER trunks_changed AFTER INSERT OR UPDATE OR DELETE ON trunks FOR EACH STATEMENT EXECUTE FUNCTION statistics_trunks_changed();

-- The last month of what is here already.
INSERT INTO statistics_changes (site, at)
    SELECT s.site, t FROM sites s, generate_series(statistics_interval(now() - interval '31 days'), now(), interval '15 min') t
    WHERE EXISTS (SELECT FROM calls c WHERE c.site = s.site AND c.started_at >= t AND c.started_at < t + interval '15 min');

INSERT INTO schema_version (version) VALUES (16);
