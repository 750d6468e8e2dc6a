-- callmesh schema 19: certificates of sites that are renewed. The one before stays admitted for the connections that it opened, until the next renewal;
-- the text of the last one is kept (it is public), because an answer may be lost. A rule of alerts sees how much of its life is used.

ALTER TABLE site_keys
    ADD previous        bytea,                        -- SHA-256 of the certificate before; null: none
    ADD renewed_at      timestamptz,                  -- null: not yet; the life of the present one began then, or when it joined
    ADD certificate_pem text;

ALTER TABLE alert_rules DROP CONSTRAINT alert_rules_kind_check;
ALTER TABLE alert_rules ADD CONSTRAINT alert_rules_kind_check CHECK (kind IN ('failed_share', 'short_calls', 'mos_low', 'one_way', 'loss', 'harvester_away', 'drops',
    'recordings_missing', 'certificate_used'));
-- A machine renews when two thirds are used.
INSERT INTO alert_rules (name, kind, raise_at, clear_at, window_s, hold_s, least) VALUES ('certificate not renewed', 'certificate_used', 80, 70, 60, 0, 1)
    ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION alert_metrics(at timestamptz) RETURNS TABLE (rule text, site text, subject text, value double precision) LANGUAGE sql STABLE AS $$
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
    UNION ALL
    SELECT r.name, k.site, k.node, max(100 * extract(epoch FROM at - coalesce(k.renewed_at, k.joined_at)) / nullif(extract(epoch FROM k.expires_at - coalesce(k.renewed_at, k.joined_at)), 0))::double precision
    FROM alert_rules r JOIN site_keys k ON k.revoked_at IS NULL AND k.expires_at > at - interval '7 days' AND r.site IN ('', k.site)
    WHERE r.enabled AND r.kind = 'certificate_used' GROUP BY r.name, k.site, k.node
$$;

INSERT INTO schema_version (version) VALUES (19);
