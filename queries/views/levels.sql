-- name = "levels"
-- group = "view"
-- title = "How many were there at once, by bucket"
-- question = "In each bucket of time, how many people, publishers and subscriptions were there at most, at least and on average?"
-- caveats = [
--   "Peaks can't be added up or averaged over stages, sessions or buckets.",
-- ]
-- uses = ["changes"]
-- shared = ["stage", "session", "from", "to", "replicas", "open", "tz"]
-- params = [
--   { name = "bucket", type = "bucket", default = "1h", help = "The length of a bucket of time." },
--   { name = "by", type = "text", default = "stage", choices = ["stage", "session", "all"], help = "What is counted together." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "bucket", type = "timestamp", help = "The start of the bucket." },
--   { name = "scope_key", type = "text", help = "What is counted together: the stage's ARN, the session, or all." },
--   { name = "stage_arn", type = "text", help = "The stage; NULL for all." },
--   { name = "session_id", type = "text", help = "The session; NULL for stages and all." },
--   { name = "scope", type = "text", help = "Its name." },
--   { name = "peak_ccu", type = "integer", unit = "n", help = "Participants at once, at most." },
--   { name = "peak_at", type = "timestamp", help = "The first moment with so many." },
--   { name = "min_ccu", type = "integer", unit = "n", help = "At least." },
--   { name = "avg_ccu", type = "float", unit = "n", help = "On average over time." },
--   { name = "peak_publishers", type = "integer", unit = "n", help = "Publishers at once, at most; without replicas." },
--   { name = "peak_replica_publishers", type = "integer", unit = "n", help = "Replicas publishing at once, at most." },
--   { name = "peak_subscriptions", type = "integer", unit = "n", help = "Subscriptions at once, at most." },
-- ]

WITH scoped AS (
  SELECT
    CASE $by WHEN 'stage' THEN stage_arn WHEN 'session' THEN stage_arn || ' ' || session_id ELSE 'all' END AS scope_key,
    CASE WHEN $by <> 'all' THEN stage_arn END AS stage_arn,
    CASE WHEN $by = 'session' THEN session_id END AS session_id,
    CASE $by WHEN 'stage' THEN coalesce(stage_name, stage_arn) WHEN 'session' THEN session_id ELSE 'all' END AS scope,
    at, present_n, publishing_n, replicas_publishing_n, subscribed_n
  FROM changes
),
named AS (
  SELECT scope_key, max(stage_arn) AS stage_arn, max(session_id) AS session_id, max(scope) AS scope,
    min(at) AS first_at, max(at) AS last_at
  FROM scoped
  GROUP BY scope_key
),
spans AS (
  SELECT scope_key, unnest(buckets(first_at, last_at, $bucket, $tz)) AS span FROM named
),
-- The level is carried into each bucket by a change of nothing at its edge.
edges AS (
  SELECT scope_key,
    least(greatest(unnest(make_array(span['start'], span['end'])), $from), $to) AS at,
    0 AS present_n, 0 AS publishing_n, 0 AS replicas_publishing_n, 0 AS subscribed_n
  FROM spans
),
moments AS (
  SELECT scope_key, at, sum(present_n) AS present_n, sum(publishing_n) AS publishing_n,
    sum(replicas_publishing_n) AS replicas_publishing_n, sum(subscribed_n) AS subscribed_n
  FROM (
    SELECT scope_key, at, present_n, publishing_n, replicas_publishing_n, subscribed_n FROM scoped
    UNION ALL
    SELECT scope_key, at, present_n, publishing_n, replicas_publishing_n, subscribed_n FROM edges
  )
  GROUP BY scope_key, at
),
running AS (
  SELECT scope_key, at,
    sum(present_n) OVER (PARTITION BY scope_key ORDER BY at) AS ccu,
    sum(publishing_n) OVER (PARTITION BY scope_key ORDER BY at) AS publishers,
    sum(replicas_publishing_n) OVER (PARTITION BY scope_key ORDER BY at) AS replica_publishers,
    sum(subscribed_n) OVER (PARTITION BY scope_key ORDER BY at) AS subscriptions,
    CAST(lead(at) OVER (PARTITION BY scope_key ORDER BY at) - at AS BIGINT) / 1e6 AS length_s
  FROM moments
),
bucketed AS (
  SELECT scope_key, bucket_start(at, $bucket, $tz) AS bucket,
    max(ccu) AS peak_ccu, first_value(at ORDER BY ccu DESC, at) AS peak_at, min(ccu) AS min_ccu,
    sum(ccu * length_s) / nullif(sum(length_s), 0) AS avg_ccu,
    max(publishers) AS peak_publishers, max(replica_publishers) AS peak_replica_publishers,
    max(subscriptions) AS peak_subscriptions
  FROM running
  WHERE length_s > 0
  GROUP BY scope_key, bucket_start(at, $bucket, $tz)
)
SELECT b.bucket, b.scope_key, n.stage_arn, n.session_id, n.scope, b.peak_ccu, b.peak_at, b.min_ccu, b.avg_ccu,
  b.peak_publishers, b.peak_replica_publishers, b.peak_subscriptions
FROM bucketed b
JOIN named n ON n.scope_key = b.scope_key
