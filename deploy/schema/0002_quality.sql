-- callmesh schema 2: what a listener would have heard. MOS and R by the E-model through simulated playout buffers of 50 ms (f1),
-- 200 ms (f2) and an adaptive one; null: the codec has no published values, fewer than 50 packets, or the row is older than this.

ALTER TABLE streams
    ADD mos_f1             double precision,
    ADD mos_f2             double precision,
    ADD mos_adaptive       double precision,
    ADD mos_min            double precision,           -- adaptive, worst interval of 5 s
    ADD mos_avg            double precision,           -- adaptive, mean of the intervals
    ADD r                  double precision,           -- adaptive
    ADD late               jsonb,                      -- f1 f2 adaptive: came too late to be played
    ADD burst              jsonb,                      -- RFC 3611 4.7.2: count density gap_density duration_ms gap_duration_ms
    ADD skew_ppm           double precision,           -- positive: the sender's clock is fast
    ADD capture_lost       bigint NOT NULL DEFAULT 0,  -- lost by the kernel or the harvester, not by the network
    ADD capture_lost_bound boolean NOT NULL DEFAULT false; -- other streams were alive: so many at most

ALTER TABLE calls
    ADD mos_min double precision,                      -- the least of its streams
    ADD one_way text;                                  -- caller callee: only this side was heard after the answer
CREATE INDEX calls_mos ON calls (mos_min, started_at DESC) WHERE mos_min IS NOT NULL;

INSERT INTO schema_version (version) VALUES (2);
