-- name = "publish-startup"
-- group = "reliability"
-- title = "How soon publishing starts"
-- question = "How long does it take from joining to publishing, and how often does it work within 5 s?"
-- caveats = [
--   "Percentiles are of those that published on time: read failed_n and no_attempt_n beside them.",
--   "Who never published need not have failed: whether the token allowed it is unknown.",
--   "Times are whole seconds (resolution_s): differences of a second are 0 to 1.",
--   "isp, os, browser and sdk are those last known of a participant, where its details were read.",
-- ]
-- uses = ["startups", "dimensions"]
-- shared = ["stage", "session", "from", "to", "bucket", "tz", "replicas", "limit"]
-- params = [
--   { name = "by", type = "choices", default = "none", choices = ["none", "stage", "session", "sdk", "os", "browser", "isp", "protocol"], help = "What to group by; several with commas between." },
--   { name = "intent", type = "duration", default = "30s", help = "Who first publishes later than this after joining did not mean to at once." },
-- ]
-- columns = [
--   { name = "bucket", type = "timestamp", help = "The start of the bucket; NULL where no --bucket is given." },
--   { name = "dimension", type = "text", help = "What --by asks for, in the order of its choices; all without it." },
--   { name = "connections_n", type = "integer", unit = "n", help = "Connections that joined in the period." },
--   { name = "published_n", type = "integer", unit = "n", help = "Of these, published, also late." },
--   { name = "within_1s_n", type = "integer", unit = "n", help = "Published within 1 s, and on time." },
--   { name = "within_5s_n", type = "integer", unit = "n", help = "Published within 5 s, and on time." },
--   { name = "within_5s_of_n", type = "integer", unit = "n", help = "Published on time, or failed: what within_5s_rate is of." },
--   { name = "within_5s_rate", type = "float", unit = "0..1", help = "Published within 5 s, of those that published on time or failed." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30: too few to compare." },
--   { name = "p50_s", type = "float", unit = "s", help = "The median, of those on time." },
--   { name = "p90_s", type = "float", unit = "s", help = "The 90th percentile." },
--   { name = "p95_s", type = "float", unit = "s", help = "The 95th percentile; NULL below 20 of them." },
--   { name = "percentiles", type = "text", help = "exact (below 10,000 rows), else approximate." },
--   { name = "resolution_s", type = "integer", unit = "s", help = "How fine the times are." },
--   { name = "late_intent_n", type = "integer", unit = "n", help = "First published after --param intent, or after a promotion: in no rate and no percentile." },
--   { name = "failed_n", type = "integer", unit = "n", help = "Had publish errors, and never published." },
--   { name = "no_attempt_n", type = "integer", unit = "n", help = "Neither published nor failed." },
--   { name = "pending_n", type = "integer", unit = "n", help = "Neither so far, and not over." },
--   { name = "score", type = "float", help = "The mean of 100 * 8 / (8 + startup_s), 0 to 100." },
-- ]
-- chart = { kind = "line", x = "bucket", y = "p50_s", series = "dimension" }

WITH placed AS (
  SELECT c.outcome, c.startup_s,
    bucket_start(c.joined_at, $bucket, $tz) AS bucket,
    CASE WHEN $by = 'none' THEN 'all' ELSE coalesce(d.dimension, '(unknown)') END AS dimension
  FROM startups c
  LEFT JOIN (SELECT * FROM dimensions WHERE $by <> 'none') d USING (session_no, participant_id)
  WHERE $replicas = 'include' OR c.is_replica = ($replicas = 'only')
),
timed AS (
  SELECT *, CASE WHEN outcome = 'on_time' THEN startup_s END AS on_time_s FROM placed
),
summed AS (
  SELECT bucket, dimension,
    count(*) AS connections_n,
    count(startup_s) AS published_n,
    count(*) FILTER (WHERE on_time_s <= 1) AS within_1s_n,
    count(*) FILTER (WHERE on_time_s <= 5) AS within_5s_n,
    count(*) FILTER (WHERE outcome IN ('on_time', 'failed')) AS within_5s_of_n,
    round(CASE WHEN count(on_time_s) < 10000
      THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY on_time_s)
      ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY on_time_s) END, 3) AS p50_s,
    round(CASE WHEN count(on_time_s) < 10000
      THEN percentile_cont(0.9) WITHIN GROUP (ORDER BY on_time_s)
      ELSE approx_percentile_cont(0.9) WITHIN GROUP (ORDER BY on_time_s) END, 3) AS p90_s,
    round(CASE WHEN count(on_time_s) < 10000
      THEN percentile_cont(0.95) WITHIN GROUP (ORDER BY on_time_s)
      ELSE approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY on_time_s) END, 3) AS p95_s,
    count(on_time_s) AS on_time_n,
    count(*) FILTER (WHERE outcome = 'late_intent') AS late_intent_n,
    count(*) FILTER (WHERE outcome = 'failed') AS failed_n,
    count(*) FILTER (WHERE outcome = 'no_attempt') AS no_attempt_n,
    count(*) FILTER (WHERE outcome = 'pending') AS pending_n,
    avg(100.0 * 8 / (8 + on_time_s)) AS score
  FROM timed
  GROUP BY bucket, dimension
)
SELECT bucket, dimension, connections_n, published_n, within_1s_n, within_5s_n, within_5s_of_n,
  within_5s_n * 1.0 / nullif(within_5s_of_n, 0) AS within_5s_rate,
  CASE WHEN within_5s_of_n > 0 THEN round((within_5s_n + 1.9208 - 1.96 * sqrt(within_5s_n * 1.0 * (within_5s_of_n - within_5s_n) / within_5s_of_n + 0.9604)) / (within_5s_of_n + 3.8416), 6) END AS ci_lo,
  CASE WHEN within_5s_of_n > 0 THEN round((within_5s_n + 1.9208 + 1.96 * sqrt(within_5s_n * 1.0 * (within_5s_of_n - within_5s_n) / within_5s_of_n + 0.9604)) / (within_5s_of_n + 3.8416), 6) END AS ci_hi,
  within_5s_of_n < 30 AS low_n,
  p50_s, p90_s,
  CASE WHEN on_time_n >= 20 THEN p95_s END AS p95_s,
  CASE WHEN on_time_n < 10000 THEN 'exact' ELSE 'approximate' END AS percentiles,
  1 AS resolution_s,
  late_intent_n, failed_n, no_attempt_n, pending_n, score
FROM summed
ORDER BY bucket, dimension
LIMIT $limit
