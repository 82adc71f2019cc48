-- name = "access-errors"
-- group = "tokens"
-- title = "Who was turned away"
-- question = "Who met errors of permission, credentials or quotas, and did they keep hammering?"
-- caveats = [
--   "A burst is burst_n errors of one kind by one person from one provider on one stage in 60 s; bursts that overlap are one. It belongs to the bucket in which it began.",
--   "ccu_at_peak is of the whole stage in the second in which the densest minute began.",
--   "Replicas are left out: else every one of them would look like a shared account.",
-- ]
-- note = "attempts with an invalid token signature leave no event: they are not in these counts"
-- uses = ["person_errors", "changes"]
-- shared = ["stage", "session", "from", "to", "bucket", "tz", "replicas", "open", "limit"]
-- params = [
--   { name = "burst_n", type = "integer", default = "5", help = "So many errors within 60 s are a burst." },
--   { name = "recover", type = "duration", default = "30s", help = "A start within this time after an error means that it was overcome." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "bucket", type = "timestamp", help = "The start of the bucket; NULL where no --bucket is given." },
--   { name = "code", type = "text", help = "INSUFFICIENT_CAPABILITIES, INVALID_STREAM_KEY, REUSE_OF_STREAM_KEY, INVALID_PROTOCOL or QUOTA_EXCEEDED." },
--   { name = "person", type = "text", help = "The user id as of the error; the participant where there is none." },
--   { name = "isp", type = "text", help = "The internet service provider; (unknown) where it is." },
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "bursts_n", type = "integer", unit = "n", help = "Bursts." },
--   { name = "events_n", type = "integer", unit = "n", help = "Errors." },
--   { name = "peak_per_min", type = "integer", unit = "n", help = "Errors in the densest 60 s." },
--   { name = "ccu_at_peak", type = "integer", unit = "n", help = "Participants on the stage when these began; NULL for other codes than QUOTA_EXCEEDED." },
--   { name = "publishers_at_peak", type = "integer", unit = "n", help = "Publishers then, replicas among them; NULL for other codes." },
--   { name = "first", type = "timestamp", help = "The first." },
--   { name = "last", type = "timestamp", help = "The last." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "bar", x = "person", y = "events_n", series = "code" }

WITH denied AS (
  SELECT error_code AS code, person, isp, stage_arn, stage_name, event_time
  FROM person_errors
  WHERE error_code IN ('INSUFFICIENT_CAPABILITIES', 'INVALID_STREAM_KEY', 'REUSE_OF_STREAM_KEY', 'INVALID_PROTOCOL',
      'QUOTA_EXCEEDED')
    AND event_time IS NOT NULL
    -- Someone who watches a replica is a real viewer: subscriptions stay unless replicas alone are asked for.
    AND ($replicas = 'include' OR ($replicas = 'exclude' AND (event = 'SUBSCRIBE_ERROR' OR NOT is_replica))
      OR ($replicas = 'only' AND is_replica))
),
moments AS (
  SELECT code, person, isp, stage_arn, max(stage_name) AS stage_name, event_time, count(*) AS n
  FROM denied
  GROUP BY code, person, isp, stage_arn, event_time
),
minutes AS (
  SELECT *, sum(n) OVER (
      PARTITION BY code, person, isp, stage_arn ORDER BY event_time
      RANGE BETWEEN CURRENT ROW AND INTERVAL '59.999999 seconds' FOLLOWING
    ) AS in_minute
  FROM moments
),
dense AS (
  SELECT *, max(CASE WHEN in_minute >= $burst_n THEN event_time END) OVER (
      PARTITION BY code, person, isp, stage_arn ORDER BY event_time
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS dense_before
  FROM minutes
),
marked AS (
  SELECT *, bucket_start(event_time, $bucket, $tz) AS bucket,
    in_minute >= $burst_n AND (dense_before IS NULL OR event_time - dense_before >= INTERVAL '60 seconds') AS begins_burst
  FROM dense
),
summed AS (
  SELECT bucket, code, person, isp, stage_arn, max(stage_name) AS stage_name,
    count(*) FILTER (WHERE begins_burst) AS bursts_n, sum(n) AS events_n, max(in_minute) AS peak_per_min,
    first_value(event_time ORDER BY in_minute DESC, event_time) AS peak_at,
    min(event_time) AS first_at, max(event_time) AS last_at
  FROM marked
  GROUP BY bucket, code, person, isp, stage_arn
),
quota_peaks AS (
  SELECT DISTINCT stage_arn, peak_at FROM summed WHERE code = 'QUOTA_EXCEEDED'
),
levels_then AS (
  SELECT q.stage_arn, q.peak_at, sum(c.present_n) AS ccu, sum(c.publishing_n + c.replicas_publishing_n) AS publishers
  FROM quota_peaks q
  LEFT JOIN changes c ON c.stage_arn = q.stage_arn AND c.at <= q.peak_at
  GROUP BY q.stage_arn, q.peak_at
)
SELECT s.bucket, s.code, s.person, s.isp, coalesce(s.stage_name, s.stage_arn) AS stage, s.bursts_n, s.events_n,
  s.peak_per_min,
  CASE WHEN s.code = 'QUOTA_EXCEEDED' THEN coalesce(l.ccu, 0) END AS ccu_at_peak,
  CASE WHEN s.code = 'QUOTA_EXCEEDED' THEN coalesce(l.publishers, 0) END AS publishers_at_peak,
  s.first_at AS "first", s.last_at AS "last", s.stage_arn
FROM summed s
LEFT JOIN levels_then l ON l.stage_arn = s.stage_arn AND l.peak_at = s.peak_at
ORDER BY s.bucket, s.bursts_n DESC, s.events_n DESC, s.code, s.person, s.isp, s.stage_arn
LIMIT $limit
