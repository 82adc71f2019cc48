-- name = "subscribe-startup"
-- group = "reliability"
-- title = "How soon watching starts"
-- question = "How long does it take until a viewer receives a publisher, and how often does it work within 2 s?"
-- caveats = [
--   "Of those that succeeded: read failure-rates beside it.",
--   "Apps subscribe when they like: latency holds the user's own delay as well.",
--   "Times are whole seconds (resolution_s): differences of a second are 0 to 1.",
--   "isp, os, browser and sdk are those last known of a participant, where its details were read.",
-- ]
-- uses = ["subscribe_startups", "dimensions"]
-- shared = ["stage", "session", "from", "to", "bucket", "tz", "limit"]
-- params = [
--   { name = "by", type = "choices", default = "none", choices = ["none", "stage", "session", "sdk", "os", "browser", "isp", "protocol"], help = "What to group by; several with commas between." },
-- ]
-- columns = [
--   { name = "bucket", type = "timestamp", help = "The start of the bucket; NULL where no --bucket is given." },
--   { name = "dimension", type = "text", help = "What --by asks for, in the order of its choices; all without it." },
--   { name = "remote_is_replica", type = "boolean", help = "The publishers are replicas of some on other stages." },
--   { name = "subs_n", type = "integer", unit = "n", help = "First subscriptions to a publishing." },
--   { name = "matched_n", type = "integer", unit = "n", help = "Of these, with a known start of the publishing: what the others are of." },
--   { name = "p50_s", type = "float", unit = "s", help = "The median." },
--   { name = "p95_s", type = "float", unit = "s", help = "The 95th percentile; NULL below 20." },
--   { name = "percentiles", type = "text", help = "exact (below 10,000 rows), else approximate." },
--   { name = "resolution_s", type = "integer", unit = "s", help = "How fine the times are." },
--   { name = "within_2s_n", type = "integer", unit = "n", help = "Within 2 s." },
--   { name = "within_2s_rate", type = "float", unit = "0..1", help = "Of the matched ones." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30: too few to compare." },
--   { name = "unmatched_n", type = "integer", unit = "n", help = "Neither publishing nor replication of the remote is known at that time." },
--   { name = "clock_neg_n", type = "integer", unit = "n", help = "Before the other side was there: taken for 0." },
-- ]
-- chart = { kind = "line", x = "bucket", y = "p50_s", series = "dimension" }

WITH placed AS (
  SELECT u.remote_is_replica, u.latency_s, u.clock_negative,
    bucket_start(u.start_time, $bucket, $tz) AS bucket,
    CASE WHEN $by = 'none' THEN 'all' ELSE coalesce(d.dimension, '(unknown)') END AS dimension
  FROM subscribe_startups u
  LEFT JOIN (SELECT * FROM dimensions WHERE $by <> 'none') d USING (session_no, participant_id)
),
summed AS (
  SELECT bucket, dimension, remote_is_replica,
    count(*) AS subs_n,
    count(latency_s) AS matched_n,
    round(CASE WHEN count(latency_s) < 10000
      THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_s)
      ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_s) END, 3) AS p50_s,
    round(CASE WHEN count(latency_s) < 10000
      THEN percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_s)
      ELSE approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_s) END, 3) AS p95_s,
    count(*) FILTER (WHERE latency_s <= 2) AS within_2s_n,
    count(*) FILTER (WHERE clock_negative) AS clock_neg_n
  FROM placed
  GROUP BY bucket, dimension, remote_is_replica
)
SELECT bucket, dimension, remote_is_replica, subs_n, matched_n, p50_s,
  CASE WHEN matched_n >= 20 THEN p95_s END AS p95_s,
  CASE WHEN matched_n < 10000 THEN 'exact' ELSE 'approximate' END AS percentiles,
  1 AS resolution_s,
  within_2s_n,
  within_2s_n * 1.0 / nullif(matched_n, 0) AS within_2s_rate,
  CASE WHEN matched_n > 0 THEN round((within_2s_n + 1.9208 - 1.96 * sqrt(within_2s_n * 1.0 * (matched_n - within_2s_n) / matched_n + 0.9604)) / (matched_n + 3.8416), 6) END AS ci_lo,
  CASE WHEN matched_n > 0 THEN round((within_2s_n + 1.9208 + 1.96 * sqrt(within_2s_n * 1.0 * (matched_n - within_2s_n) / matched_n + 0.9604)) / (matched_n + 3.8416), 6) END AS ci_hi,
  matched_n < 30 AS low_n,
  subs_n - matched_n AS unmatched_n,
  clock_neg_n
FROM summed
ORDER BY bucket, dimension, remote_is_replica
LIMIT $limit
