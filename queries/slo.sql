-- name = "slo"
-- group = "reliability"
-- title = "Service levels against their target"
-- question = "Do joining, publishing, watching and sessions work as often as they should?"
-- caveats = [
--   "Lower bounds of what fails: network errors of the client leave no event.",
--   "Without --from, the window reaches back from --to, or from now. Only sessions that are whole in the lake count for session_ok.",
--   "breach only where the whole interval is below the target; at_risk where the rate is; insufficient below 30.",
-- ]
-- note = "failures are a lower bound: network errors of the client and bad token signatures leave no event"
-- uses = ["attempts", "startups", "subscribe_startups", "health"]
-- shared = ["stage", "session", "from", "to", "bucket", "tz", "limit"]
-- params = [
--   { name = "target", type = "float", default = "0.99", help = "The share that should be good." },
--   { name = "window", type = "duration", default = "30d", help = "How far back the window reaches where no --from is given." },
--   { name = "as_of", type = "timestamp", default = "now", help = "Where the window ends where no --to is given." },
--   { name = "intent", type = "duration", default = "30s", help = "Who first publishes later than this after joining did not mean to at once." },
--   { name = "churn", type = "float", default = "0.2", help = "A session is churny above this share of persons with two reconnects or more." },
--   { name = "stitch", type = "duration", default = "60s", help = "A gap of at most this between two stays makes them one visit." },
-- ]
-- check = { column = "verdict", bad = ["breach"] }
-- columns = [
--   { name = "bucket", type = "timestamp", help = "The start of the bucket; NULL where no --bucket is given." },
--   { name = "sli", type = "text", help = "join: participants that got in. publish_5s: connections that published within 5 s. subscribe_2s: first subscriptions within 2 s. session_ok: sessions with the label ok." },
--   { name = "valid_n", type = "integer", unit = "n", help = "What counts." },
--   { name = "good_n", type = "integer", unit = "n", help = "Of these, good." },
--   { name = "sli_rate", type = "float", unit = "0..1", help = "Good, of what counts." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "target", type = "float", unit = "0..1", help = "What it should be." },
--   { name = "budget_left", type = "float", help = "What is left of the failures that the target allows: 1 none used, 0 all, negative overdrawn; NULL for a target of 1." },
--   { name = "verdict", type = "text", help = "ok, at_risk, breach or insufficient." },
-- ]
-- chart = { kind = "line", x = "bucket", y = "sli_rate", series = "sli" }

WITH tried AS (
  SELECT stage_arn, session_id, participant_id, min(first_attempt) AS at, sum(starts_n) AS starts_n,
    sum(attempts_n) AS attempts_n
  FROM attempts
  WHERE action = 'join' AND NOT is_replica
  GROUP BY stage_arn, session_id, participant_id
),
measured AS (
  SELECT 'join' AS sli, at, starts_n > 0 AS good
  FROM tried
  WHERE attempts_n > 0 AND ($from IS NULL OR at >= $from) AND ($to IS NULL OR at < $to)
  UNION ALL
  SELECT 'publish_5s' AS sli, joined_at AS at, coalesce(outcome = 'on_time' AND startup_s <= 5, false) AS good
  FROM startups
  WHERE outcome IN ('on_time', 'failed') AND NOT is_replica
  UNION ALL
  SELECT 'subscribe_2s' AS sli, start_time AS at, latency_s <= 2 AS good
  FROM subscribe_startups
  WHERE latency_s IS NOT NULL
  UNION ALL
  SELECT 'session_ok' AS sli, start_time AS at, label = 'ok' AS good
  FROM health
  WHERE settled AND NOT live
),
summed AS (
  SELECT bucket_start(at, $bucket, $tz) AS bucket, sli, count(*) AS valid_n,
    count(*) FILTER (WHERE good) AS good_n
  FROM measured
  WHERE $from IS NOT NULL
    OR at >= coalesce($to, $as_of) - arrow_cast(CAST($window * 1e6 AS BIGINT), 'Duration(Microsecond)')
  GROUP BY bucket_start(at, $bucket, $tz), sli
),
rated AS (
  SELECT *,
    good_n * 1.0 / nullif(valid_n, 0) AS sli_rate,
    CASE WHEN valid_n > 0 THEN round((good_n + 1.9208 - 1.96 * sqrt(good_n * 1.0 * (valid_n - good_n) / valid_n + 0.9604)) / (valid_n + 3.8416), 6) END AS ci_lo,
    CASE WHEN valid_n > 0 THEN round((good_n + 1.9208 + 1.96 * sqrt(good_n * 1.0 * (valid_n - good_n) / valid_n + 0.9604)) / (valid_n + 3.8416), 6) END AS ci_hi
  FROM summed
)
SELECT bucket, sli, valid_n, good_n, sli_rate, ci_lo, ci_hi, $target AS target,
  CASE WHEN $target < 1 THEN round(1 - (1 - sli_rate) / (1 - $target), 6) END AS budget_left,
  CASE
    WHEN ci_hi < $target THEN 'breach'
    WHEN valid_n < 30 THEN 'insufficient'
    WHEN sli_rate < $target THEN 'at_risk'
    ELSE 'ok'
  END AS verdict
FROM rated
ORDER BY CASE WHEN ci_hi < $target THEN 0 ELSE 1 END, bucket, sli
LIMIT $limit
