-- callmesh schema 11: rules by which something is worth a word (alert_rules, written by api), what they see now (alert_watch) and what
-- was raised and cleared (alerts), both written by callstate. Hysteresis: from raise_at on, and back only below clear_at; both for hold_s.

CREATE TABLE alert_rules (
    name       text PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('failed_share', 'short_calls', 'mos_low', 'one_way', 'loss', 'harvester_away', 'drops',
                                             'recordings_missing')),
    site       text NOT NULL DEFAULT '',      -- empty: each site by itself
    raise_at   double precision NOT NULL,     -- percent, seconds or a number: by kind
    clear_at   double precision NOT NULL,
    window_s   int NOT NULL,                  -- calls that began within it and are over
    hold_s     int NOT NULL DEFAULT 0,        -- so long it must be so, to raise and to clear
    least      int NOT NULL DEFAULT 1,        -- fewer calls say nothing
    mos        double precision NOT NULL DEFAULT 3.6, -- of mos_low
    enabled    boolean NOT NULL DEFAULT true,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT 'callmesh',
    CHECK (clear_at <= raise_at AND window_s BETWEEN 1 AND 3600 AND hold_s BETWEEN 0 AND 86400 AND least >= 1)
);
INSERT INTO alert_rules (name, kind, raise_at, clear_at, window_s, hold_s, least) VALUES
    ('failed calls', 'failed_share', 30, 20, 300, 60, 20),
    ('short calls', 'short_calls', 40, 30, 900, 60, 20),
    ('bad quality', 'mos_low', 20, 10, 900, 60, 20),
    ('one-way audio', 'one_way', 5, 2, 900, 60, 20),
    ('packet loss', 'loss', 3, 1, 900, 60, 20),
    ('harvester away', 'harvester_away', 30, 15, 60, 0, 1),
    ('packets dropped', 'drops', 1, 1, 300, 0, 1),
    ('recordings missing', 'recordings_missing', 1, 1, 900, 0, 1);

CREATE TABLE alerts (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    rule          text NOT NULL,
    kind          text NOT NULL,
    site          text NOT NULL,
    subject       text NOT NULL,               -- the harvester, for those that are of one
    value         double precision NOT NULL,   -- when it was raised
    threshold     double precision NOT NULL,
    raised_at     timestamptz NOT NULL,
    cleared_at    timestamptz,                 -- null: it is so now
    cleared_value double precision             -- null: nothing to measure any more
);
CREATE INDEX alerts_time ON alerts (raised_at DESC, id DESC);
CREATE INDEX alerts_up ON alerts (raised_at DESC, id DESC) WHERE cleared_at IS NULL;
CREATE INDEX alerts_cleared ON alerts (cleared_at);

CREATE TABLE alert_watch (
    rule        text NOT NULL,
    site        text NOT NULL,
    subject     text NOT NULL,
    value       double precision,
    over_since  timestamptz,
    under_since timestamptz,
    alert       uuid,                          -- raised
    PRIMARY KEY (rule, site, subject)
);

CREATE FUNCTION alert_metrics(at timestamptz) RETURNS TABLE (rule text, site text, subject text, value double precision) LANGUAGE sql STABLE AS $$
    SELECT r.name, c.site, '', c.value FROM alert_rules r CROSS JOIN LATERAL (
        SELECT k.site, CASE r.kind
            WHEN 'failed_share' THEN 100.0 * count(*) FILTER (WHERE k.result IN ('failed', 'rejected')) / count(*)
            WHEN 'short_calls' THEN 100.0 * count(*) FILTER (WHERE k.ended_at - k.answered_at < interval '10 s') / nullif(count(k.answered_at), 0)
            WHEN 'mos_low' THEN 100.0 * count(*) FILTER (WHERE k.mos_min < r.mos) / nullif(count(k.mos_min), 0)
            WHEN 'one_way' THEN 100.0 * count(k.one_way) / nullif(count(k.answered_at), 0)
            ELSE count(*) FILTER (WHERE k.recording_state = 'failed') END::double precision AS value
        FROM calls k WHERE k.started_at > at - make_interval(secs => r.window_s) AND k.started_at <= at AND k.ended_at IS NOT NULL
            AND k.merged_into IS NULL AND r.site IN ('', k.site)
        GROUP BY k.site HAVING count(*) >= r.least) c
    WHERE r.enabled AND r.kind IN ('failed_share', 'short_calls', 'mos_low', 'one_way', 'recordings_missing')
    UNION ALL
    SELECT r.name, s.site, '', s.value FROM alert_rules r CROSS JOIN LATERAL (
        SELECT t.site, 100.0 * sum(greatest(t.lost - t.capture_lost, 0)) / nullif(sum(t.packets + t.lost), 0) AS value
        FROM streams t WHERE t.first_at > at - make_interval(secs => r.window_s) AND t.first_at <= at AND r.site IN ('', t.site)
        GROUP BY t.site HAVING count(*) >= r.least) s
    WHERE r.enabled AND r.kind = 'loss'
    UNION ALL
    SELECT r.name, h.site, h.name, greatest(extract(epoch FROM at - h.last_seen_at), 0)::double precision FROM alert_rules r
        JOIN harvesters h ON h.live AND NOT h.ended AND h.last_seen_at > at - interval '7 days' AND r.site IN ('', h.site)
    WHERE r.enabled AND r.kind = 'harvester_away'
    UNION ALL
    SELECT r.name, s.site, l.publisher, sum(l.count)::double precision FROM alert_rules r JOIN sites s ON r.site IN ('', s.site)
        JOIN losses l ON l.site = s.site AND l.to_at > at - make_interval(secs => r.window_s) AND l.to_at <= at
    WHERE r.enabled AND r.kind = 'drops' GROUP BY r.name, s.site, l.publisher
$$;

-- One look at everything; what it raised and cleared comes back. At most 4,096 things are watched, in the order of their names.
CREATE FUNCTION alerts_round(at timestamptz) RETURNS SETOF alerts LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO alert_watch AS w (rule, site, subject, value, over_since, under_since)
        SELECT x.rule, x.site, x.subject, x.value, CASE WHEN x.value >= r.raise_at THEN at END,
            CASE WHEN x.value IS NULL OR r.name IS NULL OR x.value < r.clear_at THEN at END
        FROM (SELECT coalesce(m.rule, o.rule) AS rule, coalesce(m.site, o.site) AS site, coalesce(m.subject, o.subject) AS subject, m.value
            FROM alert_metrics(at) m FULL JOIN alert_watch o ON o.rule = m.rule AND o.site = m.site AND o.subject = m.subject
            ORDER BY o.rule IS NULL, 1, 2, 3 LIMIT 4096) x
        LEFT JOIN alert_rules r ON r.name = x.rule AND r.enabled
    ON CONFLICT (rule, site, subject) DO UPDATE SET value = excluded.value,
        over_since = CASE WHEN excluded.over_since IS NOT NULL THEN coalesce(w.over_since, excluded.over_since) END,
        under_since = CASE WHEN excluded.under_since IS NOT NULL THEN coalesce(w.under_since, excluded.under_since) END;
    RETURN QUERY WITH u AS (
        UPDATE alert_watch w SET alert = gen_random_uuid() FROM alert_rules r WHERE r.name = w.rule AND w.alert IS NULL
            AND w.over_since <= at - make_interval(secs => r.hold_s) RETURNING w.*, r.kind, r.raise_at)
        INSERT INTO alerts (id, rule, kind, site, subject, value, threshold, raised_at) SELECT u.alert, u.rule, u.kind, u.site, u.subject, u.value, u.raise_at, at FROM u
        RETURNING *;
    RETURN QUERY WITH u AS (
        SELECT w.* FROM alert_watch w LEFT JOIN alert_rules r ON r.name = w.rule AND r.enabled
        WHERE w.alert IS NOT NULL AND w.under_since <= at - make_interval(secs => coalesce(r.hold_s, 0))),
        g AS (UPDATE alert_watch w SET alert = NULL FROM u WHERE (w.rule, w.site, w.subject) = (u.rule, u.site, u.subject))
        UPDATE alerts a SET cleared_at = at, cleared_value = u.value FROM u WHERE a.id = u.alert AND a.cleared_at IS NULL RETURNING a.*;
    DELETE FROM alert_watch WHERE alert IS NULL AND over_since IS NULL;
END $$;

INSERT INTO schema_version (version) VALUES (11);
