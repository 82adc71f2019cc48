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

WITH moments AS (
  SELECT
    CASE WHEN $by <> 'all' THEN stage_arn END AS stage_arn,
    CASE WHEN $by = 'session' THEN session_id END AS session_id,
    at, max(stage_name) AS stage_name, sum(present_n) AS present_n, sum(publishing_n) AS publishing_n,
    sum(replicas_publishing_n) AS replicas_publishing_n, sum(subscribed_n) AS subscribed_n
  FROM changes
  GROUP BY CASE WHEN $by <> 'all' THEN stage_arn END, CASE WHEN $by = 'session' THEN session_id END, at
),
running AS (
  SELECT stage_arn, session_id, stage_name, at, lead(at) OVER scoped AS until_at,
    sum(present_n) OVER scoped AS ccu, sum(publishing_n) OVER scoped AS publishers,
    sum(replicas_publishing_n) OVER scoped AS replica_publishers, sum(subscribed_n) OVER scoped AS subscriptions
  FROM moments
  WINDOW scoped AS (PARTITION BY stage_arn, session_id ORDER BY at ROWS UNBOUNDED PRECEDING)
),
-- Each level, cut where a bucket ends.
cut AS (
  SELECT stage_arn, session_id, stage_name, at, until_at, ccu, publishers, replica_publishers, subscriptions,
    unnest(buckets(at, until_at, $bucket, $tz)) AS span
  FROM running
  WHERE until_at IS NOT NULL
),
pieces AS (
  SELECT stage_arn, session_id, stage_name, span['start'] AS bucket, greatest(at, span['start']) AS at,
    CAST(least(until_at, span['end']) - greatest(at, span['start']) AS BIGINT) AS length_us,
    CAST(least(span['end'], $to) - greatest(span['start'], $from) AS BIGINT) AS bucket_us,
    ccu, publishers, replica_publishers, subscriptions
  FROM cut
),
-- What no piece covers is before the first of all, or after the last: nobody was there.
bucketed AS (
  SELECT bucket, stage_arn, session_id, max(stage_name) AS stage_name,
    max(ccu) AS peak_ccu, first_value(at ORDER BY ccu DESC, at) AS peak_at,
    CASE WHEN sum(length_us) < max(bucket_us) THEN 0 ELSE min(ccu) END AS min_ccu,
    sum(ccu * (length_us / 1e6)) / (max(bucket_us) / 1e6) AS avg_ccu,
    max(publishers) AS peak_publishers, max(replica_publishers) AS peak_replica_publishers,
    max(subscriptions) AS peak_subscriptions
  FROM pieces
  GROUP BY bucket, stage_arn, session_id
)
SELECT bucket,
  CASE $by WHEN 'stage' THEN stage_arn WHEN 'session' THEN stage_arn || ' ' || session_id ELSE 'all' END AS scope_key,
  stage_arn, session_id,
  CASE $by WHEN 'stage' THEN coalesce(stage_name, stage_arn) WHEN 'session' THEN session_id ELSE 'all' END AS scope,
  peak_ccu, peak_at, min_ccu, avg_ccu, peak_publishers, peak_replica_publishers, peak_subscriptions
FROM bucketed
