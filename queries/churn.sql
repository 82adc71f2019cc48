-- name = "churn"
-- group = "reliability"
-- title = "Who reconnects, and how often"
-- question = "How many people had to come back again and again?"
-- caveats = [
--   "A stay that begins within --param stitch of the last, and a JOINED while on the stage, is a reconnect.",
--   "Leaving and joining in one second is a restart. Devices that overlap count as reconnects too.",
-- ]
-- uses = ["connections"]
-- shared = ["stage", "session", "from", "to", "replicas", "limit"]
-- params = [
--   { name = "by", type = "text", default = "session", choices = ["session", "stage", "all"], help = "What is counted together." },
--   { name = "min_reconnects", type = "integer", default = "2", help = "From so many reconnects on, someone is reconnecting." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
--   { name = "stitch", type = "duration", default = "60s", help = "A gap of at most this between two stays makes them one visit." },
-- ]
-- columns = [
--   { name = "scope", type = "text", help = "The session, the stage's name, or all." },
--   { name = "persons_n", type = "integer", unit = "n", help = "Persons that were there." },
--   { name = "reconnecting_n", type = "integer", unit = "n", help = "Of these, with min_reconnects or more." },
--   { name = "rate", type = "float", unit = "0..1", help = "Of the persons." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30: too few to compare." },
--   { name = "reconnects_n", type = "integer", unit = "n", help = "Reconnects, all together." },
--   { name = "gaps_n", type = "integer", unit = "n", help = "Of these, with a gap: what the percentiles are of." },
--   { name = "gap_p50_s", type = "float", unit = "s", help = "The median gap." },
--   { name = "gap_p95_s", type = "float", unit = "s", help = "The 95th percentile; NULL below 20." },
--   { name = "percentiles", type = "text", help = "exact (below 10,000 rows), else approximate." },
--   { name = "max_reconnects", type = "integer", unit = "n", help = "The most of one person." },
--   { name = "provisional", type = "boolean", help = "Some of it is not over: the evidence ends before it." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "bar", x = "scope", y = "rate" }

WITH placed AS (
  SELECT *,
    CASE $by WHEN 'stage' THEN stage_arn WHEN 'session' THEN stage_arn || ' ' || session_id ELSE 'all' END AS scope_key,
    CASE $by WHEN 'stage' THEN coalesce(stage_name, stage_arn) WHEN 'session' THEN session_id ELSE 'all' END AS scope_name,
    CASE WHEN NOT opens_visit AND gap_s >= 0 THEN gap_s END AS real_gap_s
  FROM connections
  WHERE $replicas = 'include' OR is_replica = ($replicas = 'only')
),
counted AS (
  SELECT *, count(real_gap_s) OVER (PARTITION BY scope_key) AS group_n FROM placed
),
gaps AS (
  SELECT scope_key, count(real_gap_s) AS gaps_n,
    round(coalesce(
    percentile_cont(0.5) WITHIN GROUP (ORDER BY real_gap_s) FILTER (WHERE group_n < 10000),
    approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY real_gap_s) FILTER (WHERE group_n >= 10000)
  ), 3) AS gap_p50_s,
    round(coalesce(
    percentile_cont(0.95) WITHIN GROUP (ORDER BY real_gap_s) FILTER (WHERE group_n < 10000),
    approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY real_gap_s) FILTER (WHERE group_n >= 10000)
  ), 3) AS gap_p95_s
  FROM counted
  GROUP BY scope_key
),
by_person AS (
  SELECT scope_key, person, identified, max(scope_name) AS scope_name, max(stage_arn) AS stage_arn,
    sum(CASE WHEN opens_visit THEN 0 ELSE 1 END) + sum(greatest(starts_n - 1, 0)) AS reconnects_n,
    bool_or(is_open) AS is_open
  FROM placed
  GROUP BY scope_key, person, identified, CASE WHEN identified THEN '' ELSE session_id END
),
summed AS (
  SELECT scope_key, max(scope_name) AS scope_name, max(stage_arn) AS stage_arn, count(*) AS persons_n,
    count(*) FILTER (WHERE reconnects_n >= $min_reconnects) AS reconnecting_n,
    sum(reconnects_n) AS reconnects_n, max(reconnects_n) AS max_reconnects, bool_or(is_open) AS provisional
  FROM by_person
  GROUP BY scope_key
)
SELECT s.scope_name AS scope, s.persons_n, s.reconnecting_n,
  s.reconnecting_n * 1.0 / nullif(s.persons_n, 0) AS rate,
  CASE WHEN s.persons_n > 0 THEN round((s.reconnecting_n + 1.9208 - 1.96 * sqrt(s.reconnecting_n * 1.0 * (s.persons_n - s.reconnecting_n) / s.persons_n + 0.9604)) / (s.persons_n + 3.8416), 6) END AS ci_lo,
  CASE WHEN s.persons_n > 0 THEN round((s.reconnecting_n + 1.9208 + 1.96 * sqrt(s.reconnecting_n * 1.0 * (s.persons_n - s.reconnecting_n) / s.persons_n + 0.9604)) / (s.persons_n + 3.8416), 6) END AS ci_hi,
  s.persons_n < 30 AS low_n,
  s.reconnects_n, g.gaps_n, g.gap_p50_s,
  CASE WHEN g.gaps_n >= 20 THEN g.gap_p95_s END AS gap_p95_s,
  CASE WHEN g.gaps_n < 10000 THEN 'exact' ELSE 'approximate' END AS percentiles,
  s.max_reconnects, s.provisional,
  CASE WHEN $by <> 'all' THEN s.stage_arn END AS stage_arn
FROM summed s
JOIN gaps g ON g.scope_key = s.scope_key
ORDER BY rate DESC, s.reconnects_n DESC, s.scope_key
LIMIT $limit
