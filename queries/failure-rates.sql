-- name = "failure-rates"
-- group = "reliability"
-- title = "Failure rates of joining, publishing and subscribing"
-- question = "Which share of the participants, and of their attempts, fails?"
-- caveats = [
--   "A lower bound: network errors of the client and bad token signatures leave no event.",
--   "A participant belongs to the period in which it first tried; all of its attempts count there.",
--   "Retries are not independent: attempt_rate is swamped by whoever retries, the participants' rates are not.",
--   "For subscribe, --replicas speaks of the publisher that was to be watched: only leaves the others out.",
--   "isp, os, browser and sdk are those last known of a participant, where its details were read.",
-- ]
-- note = "a lower bound: network errors of the client and bad token signatures leave no event"
-- uses = ["attempts", "dimensions"]
-- shared = ["stage", "session", "from", "to", "bucket", "tz", "replicas", "limit"]
-- params = [
--   { name = "by", type = "choices", default = "none", choices = ["none", "stage", "session", "sdk", "os", "browser", "isp", "protocol"], help = "What to group by; several with commas between." },
-- ]
-- columns = [
--   { name = "bucket", type = "timestamp", help = "The start of the bucket; NULL where no --bucket is given." },
--   { name = "dimension", type = "text", help = "What --by asks for, in the order of its choices; all without it." },
--   { name = "action", type = "text", help = "join, publish or subscribe." },
--   { name = "attempts_n", type = "integer", unit = "n", help = "Starts, and errors while it was not up." },
--   { name = "attempt_failures_n", type = "integer", unit = "n", help = "Of these, the errors." },
--   { name = "attempt_rate", type = "float", unit = "0..1", help = "Failed attempts, of all." },
--   { name = "attempt_ci_lo", type = "float", unit = "0..1", help = "The lower end of its 95 % interval (Wilson), as if attempts were independent." },
--   { name = "attempt_ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants that tried." },
--   { name = "never_n", type = "integer", unit = "n", help = "Of these, without any success." },
--   { name = "never_rate", type = "float", unit = "0..1", help = "Participants without any success, of those that tried." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "any_n", type = "integer", unit = "n", help = "Participants with a failed attempt." },
--   { name = "any_rate", type = "float", unit = "0..1", help = "Of those that tried." },
--   { name = "any_ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval of any_rate (Wilson)." },
--   { name = "any_ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "mid_stream_n", type = "integer", unit = "n", help = "Errors while it was up: in no rate." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30: too few to compare." },
--   { name = "provisional", type = "boolean", help = "Some of it is not over: the evidence ends before it." },
-- ]
-- chart = { kind = "dot", x = "action", y = "never_rate", series = "dimension" }

WITH by_participant AS (
  SELECT a.session_no, a.participant_id, a.action,
    min(a.first_attempt) AS first_attempt,
    sum(a.attempts_n) AS attempts_n,
    sum(a.failures_n) AS failures_n,
    sum(a.starts_n) AS starts_n,
    sum(a.mid_stream_n) AS mid_stream_n,
    bool_or(a.is_open) AS is_open
  FROM attempts a
  -- Someone who watches a replica is a real viewer: subscriptions stay unless replicas alone are asked for.
  WHERE $replicas = 'include'
    OR ($replicas = 'exclude' AND (a.action = 'subscribe' OR NOT a.is_replica))
    OR ($replicas = 'only' AND a.is_replica)
  GROUP BY a.session_no, a.participant_id, a.action
),
tried AS (
  SELECT a.*,
    bucket_start(a.first_attempt, $bucket, $tz) AS bucket,
    CASE WHEN $by = 'none' THEN 'all' ELSE coalesce(d.dimension, '(unknown)') END AS dimension
  FROM by_participant a
  LEFT JOIN (SELECT * FROM dimensions WHERE $by <> 'none') d USING (session_no, participant_id)
  WHERE a.attempts_n > 0
    AND ($from IS NULL OR a.first_attempt >= $from)
    AND ($to IS NULL OR a.first_attempt < $to)
),
summed AS (
  SELECT bucket, dimension, action,
    sum(attempts_n) AS attempts_n,
    sum(failures_n) AS attempt_failures_n,
    count(*) AS participants_n,
    count(*) FILTER (WHERE starts_n = 0) AS never_n,
    count(*) FILTER (WHERE failures_n > 0) AS any_n,
    sum(mid_stream_n) AS mid_stream_n,
    bool_or(is_open) AS provisional
  FROM tried
  GROUP BY bucket, dimension, action
)
SELECT bucket, dimension, action, attempts_n, attempt_failures_n,
  attempt_failures_n * 1.0 / nullif(attempts_n, 0) AS attempt_rate,
  CASE WHEN attempts_n > 0 THEN round((attempt_failures_n + 1.9208 - 1.96 * sqrt(attempt_failures_n * 1.0 * (attempts_n - attempt_failures_n) / attempts_n + 0.9604)) / (attempts_n + 3.8416), 6) END AS attempt_ci_lo,
  CASE WHEN attempts_n > 0 THEN round((attempt_failures_n + 1.9208 + 1.96 * sqrt(attempt_failures_n * 1.0 * (attempts_n - attempt_failures_n) / attempts_n + 0.9604)) / (attempts_n + 3.8416), 6) END AS attempt_ci_hi,
  participants_n, never_n,
  never_n * 1.0 / nullif(participants_n, 0) AS never_rate,
  CASE WHEN participants_n > 0 THEN round((never_n + 1.9208 - 1.96 * sqrt(never_n * 1.0 * (participants_n - never_n) / participants_n + 0.9604)) / (participants_n + 3.8416), 6) END AS ci_lo,
  CASE WHEN participants_n > 0 THEN round((never_n + 1.9208 + 1.96 * sqrt(never_n * 1.0 * (participants_n - never_n) / participants_n + 0.9604)) / (participants_n + 3.8416), 6) END AS ci_hi,
  any_n,
  any_n * 1.0 / nullif(participants_n, 0) AS any_rate,
  CASE WHEN participants_n > 0 THEN round((any_n + 1.9208 - 1.96 * sqrt(any_n * 1.0 * (participants_n - any_n) / participants_n + 0.9604)) / (participants_n + 3.8416), 6) END AS any_ci_lo,
  CASE WHEN participants_n > 0 THEN round((any_n + 1.9208 + 1.96 * sqrt(any_n * 1.0 * (participants_n - any_n) / participants_n + 0.9604)) / (participants_n + 3.8416), 6) END AS any_ci_hi,
  mid_stream_n,
  participants_n < 30 AS low_n,
  provisional
FROM summed
ORDER BY bucket, dimension, action
LIMIT $limit
