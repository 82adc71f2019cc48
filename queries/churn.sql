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
by_person AS (
  SELECT scope_key, person, identified, max(scope_name) AS scope_name, max(stage_arn) AS stage_arn,
    sum(CASE WHEN opens_visit THEN 0 ELSE 1 END) + sum(greatest(starts_n - 1, 0)) AS reconnects_n,
    array_agg(real_gap_s) FILTER (WHERE real_gap_s IS NOT NULL) AS gaps,
    bool_or(is_open) AS is_open
  FROM placed
  GROUP BY scope_key, person, identified, CASE WHEN identified THEN '' ELSE session_id END
),
summed AS (
  SELECT scope_key, max(scope_name) AS scope_name, max(stage_arn) AS stage_arn, count(*) AS persons_n,
    count(*) FILTER (WHERE reconnects_n >= $min_reconnects) AS reconnecting_n,
    sum(reconnects_n) AS reconnects_n, max(reconnects_n) AS max_reconnects, bool_or(is_open) AS provisional,
    coalesce(flatten(array_agg(gaps) FILTER (WHERE gaps IS NOT NULL)), make_array(CAST(NULL AS DOUBLE))) AS gaps
  FROM by_person
  GROUP BY scope_key
),
-- The gaps of everyone, one by one.
gaps AS (
  SELECT scope_key, scope_name, stage_arn, persons_n, reconnecting_n, reconnects_n, max_reconnects, provisional,
    unnest(gaps) AS gap_s
  FROM summed
),
timed AS (
  SELECT scope_key, scope_name, stage_arn, persons_n, reconnecting_n, reconnects_n, max_reconnects, provisional,
    count(gap_s) AS gaps_n,
    round(CASE WHEN count(gap_s) < 10000
      THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY gap_s)
      ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY gap_s) END, 3) AS gap_p50_s,
    round(CASE WHEN count(gap_s) < 10000
      THEN percentile_cont(0.95) WITHIN GROUP (ORDER BY gap_s)
      ELSE approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY gap_s) END, 3) AS gap_p95_s
  FROM gaps
  GROUP BY scope_key, scope_name, stage_arn, persons_n, reconnecting_n, reconnects_n, max_reconnects, provisional
)
SELECT scope_name AS scope, persons_n, reconnecting_n,
  reconnecting_n * 1.0 / nullif(persons_n, 0) AS rate,
  CASE WHEN persons_n > 0 THEN round((reconnecting_n + 1.9208 - 1.96 * sqrt(reconnecting_n * 1.0 * (persons_n - reconnecting_n) / persons_n + 0.9604)) / (persons_n + 3.8416), 6) END AS ci_lo,
  CASE WHEN persons_n > 0 THEN round((reconnecting_n + 1.9208 + 1.96 * sqrt(reconnecting_n * 1.0 * (persons_n - reconnecting_n) / persons_n + 0.9604)) / (persons_n + 3.8416), 6) END AS ci_hi,
  persons_n < 30 AS low_n,
  reconnects_n, gaps_n, gap_p50_s,
  CASE WHEN gaps_n >= 20 THEN gap_p95_s END AS gap_p95_s,
  CASE WHEN gaps_n < 10000 THEN 'exact' ELSE 'approximate' END AS percentiles,
  max_reconnects, provisional,
  CASE WHEN $by <> 'all' THEN stage_arn END AS stage_arn
FROM timed
ORDER BY rate DESC, reconnects_n DESC, scope_key
LIMIT $limit
