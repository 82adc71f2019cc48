-- name = "recovery"
-- group = "reliability"
-- title = "Do failed starts get through in the end?"
-- question = "When an attempt fails, how often does a retry work, after how many tries and how long?"
-- caveats = [
--   "A chain is a run of errors of one participant and action (and publisher that was to be watched), no further apart than --param recover, without a start between.",
--   "Of chains whose errors lie in the period. Replicas are left out, except as publishers that someone watches.",
--   "A lower bound: network errors of the client leave no event.",
-- ]
-- note = "a lower bound: network errors of the client and bad token signatures leave no event"
-- uses = ["errors", "events", "selected_sessions", "sessions"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "recover", type = "duration", default = "30s", help = "A start within this time after an error means that it was overcome." },
-- ]
-- columns = [
--   { name = "action", type = "text", help = "join, publish or subscribe." },
--   { name = "error_code", type = "text", help = "The code of the first error; (none) where the service gave none." },
--   { name = "chains_n", type = "integer", unit = "n", help = "Chains that came to an end: what the rate is of." },
--   { name = "recovered_n", type = "integer", unit = "n", help = "Of these, that ended in a start." },
--   { name = "recovery_rate", type = "float", unit = "0..1", help = "Of the chains." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30: too few to compare." },
--   { name = "pending_n", type = "integer", unit = "n", help = "Chains of sessions that are not over, too recent to tell: in no rate." },
--   { name = "tries_p50", type = "float", unit = "n", help = "Tries of a recovered chain, the start among them: the median." },
--   { name = "tries_p95", type = "float", unit = "n", help = "The 95th percentile; NULL below 20." },
--   { name = "time_to_success_p50_s", type = "float", unit = "s", help = "Seconds from the first error to the start: the median." },
--   { name = "time_to_success_p95_s", type = "float", unit = "s", help = "The 95th percentile; NULL below 20." },
--   { name = "percentiles", type = "text", help = "exact (below 10,000 rows), else approximate." },
-- ]
-- chart = { kind = "bar", x = "error_code", y = "recovery_rate", series = "action" }

WITH failures AS (
  SELECT stage_arn, session_id, participant_id, event, coalesce(remote_participant_id, '') AS remote, event_time,
    error_code, count(*) AS n
  FROM errors
  WHERE class IN ('start_recovered', 'start_terminal')
    AND event IN ('JOIN_ERROR', 'PUBLISH_ERROR', 'SUBSCRIBE_ERROR')
    AND (event = 'SUBSCRIBE_ERROR' OR NOT is_replica)
  GROUP BY stage_arn, session_id, participant_id, event, coalesce(remote_participant_id, ''), event_time, error_code
),
starts AS (
  SELECT e.stage_arn, e.session_id, e.participant_id, e.event_time, e.name, e.remote_participant_id
  FROM events e
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE e.name IN ('JOINED', 'PUBLISH_STARTED', 'SUBSCRIBE_STARTED')
),
followed AS (
  SELECT f.stage_arn, f.session_id, f.participant_id, f.event, f.remote, f.event_time, f.error_code, f.n,
    min(e.event_time) AS success_at
  FROM failures f
  LEFT JOIN starts e
    ON e.stage_arn = f.stage_arn AND e.session_id = f.session_id AND e.participant_id = f.participant_id
    AND e.name = CASE f.event WHEN 'JOIN_ERROR' THEN 'JOINED' WHEN 'PUBLISH_ERROR' THEN 'PUBLISH_STARTED'
      ELSE 'SUBSCRIBE_STARTED' END
    AND CASE WHEN f.event = 'SUBSCRIBE_ERROR' THEN coalesce(e.remote_participant_id, '') ELSE '' END
      = CASE WHEN f.event = 'SUBSCRIBE_ERROR' THEN f.remote ELSE '' END
    AND e.event_time >= f.event_time
    AND e.event_time - f.event_time <= arrow_cast(CAST($recover * 1e6 AS BIGINT), 'Duration(Microsecond)')
  GROUP BY f.stage_arn, f.session_id, f.participant_id, f.event, f.remote, f.event_time, f.error_code, f.n
),
linked AS (
  SELECT *,
    lag(event_time) OVER (PARTITION BY stage_arn, session_id, participant_id, event, remote
      ORDER BY event_time, error_code) AS before_at,
    lag(success_at) OVER (PARTITION BY stage_arn, session_id, participant_id, event, remote
      ORDER BY event_time, error_code) AS before_success_at
  FROM followed
),
numbered AS (
  SELECT *,
    sum(CASE WHEN before_at IS NULL OR event_time - before_at > arrow_cast(CAST($recover * 1e6 AS BIGINT), 'Duration(Microsecond)')
      OR coalesce(before_success_at < event_time, false) THEN 1 ELSE 0 END)
      OVER (PARTITION BY stage_arn, session_id, participant_id, event, remote ORDER BY event_time, error_code
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS chain
  FROM linked
),
chains AS (
  SELECT c.stage_arn, c.session_id, c.event,
    first_value(c.error_code ORDER BY c.event_time, c.error_code) AS error_code,
    min(c.event_time) AS first_at, max(c.event_time) AS last_at,
    last_value(c.success_at ORDER BY c.event_time, c.error_code) AS success_at,
    sum(c.n) AS errors_n
  FROM numbered c
  GROUP BY c.stage_arn, c.session_id, c.participant_id, c.event, c.remote, c.chain
),
judged AS (
  SELECT c.*, c.success_at IS NOT NULL AS recovered,
    c.success_at IS NULL AND s.end_time IS NULL
      AND coalesce(s.as_of - c.last_at < arrow_cast(CAST($recover * 1e6 AS BIGINT), 'Duration(Microsecond)'), false) AS pending,
    CAST(c.success_at - c.first_at AS BIGINT) / 1e6 AS success_s,
    CASE WHEN c.success_at IS NOT NULL THEN c.errors_n + 1 END AS tries,
    CASE c.event WHEN 'JOIN_ERROR' THEN 'join' WHEN 'PUBLISH_ERROR' THEN 'publish' ELSE 'subscribe' END AS action
  FROM chains c
  JOIN sessions s ON s.stage_arn = c.stage_arn AND s.session_id = c.session_id
),
summed AS (
  SELECT action, error_code,
    count(*) FILTER (WHERE NOT pending) AS chains_n,
    count(*) FILTER (WHERE recovered) AS recovered_n,
    count(*) FILTER (WHERE pending) AS pending_n,
    round(CASE WHEN count(*) FILTER (WHERE recovered) < 10000
      THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(tries AS DOUBLE))
      ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(tries AS DOUBLE)) END, 3) AS tries_p50,
    round(CASE WHEN count(*) FILTER (WHERE recovered) < 10000
      THEN percentile_cont(0.95) WITHIN GROUP (ORDER BY CAST(tries AS DOUBLE))
      ELSE approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY CAST(tries AS DOUBLE)) END, 3) AS tries_p95,
    round(CASE WHEN count(*) FILTER (WHERE recovered) < 10000
      THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY success_s)
      ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY success_s) END, 3) AS p50_s,
    round(CASE WHEN count(*) FILTER (WHERE recovered) < 10000
      THEN percentile_cont(0.95) WITHIN GROUP (ORDER BY success_s)
      ELSE approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY success_s) END, 3) AS p95_s
  FROM judged
  GROUP BY action, error_code
)
SELECT action, error_code, chains_n, recovered_n,
  recovered_n * 1.0 / nullif(chains_n, 0) AS recovery_rate,
  CASE WHEN chains_n > 0 THEN round((recovered_n + 1.9208 - 1.96 * sqrt(recovered_n * 1.0 * (chains_n - recovered_n) / chains_n + 0.9604)) / (chains_n + 3.8416), 6) END AS ci_lo,
  CASE WHEN chains_n > 0 THEN round((recovered_n + 1.9208 + 1.96 * sqrt(recovered_n * 1.0 * (chains_n - recovered_n) / chains_n + 0.9604)) / (chains_n + 3.8416), 6) END AS ci_hi,
  chains_n < 30 AS low_n,
  pending_n, tries_p50,
  CASE WHEN recovered_n >= 20 THEN tries_p95 END AS tries_p95,
  p50_s AS time_to_success_p50_s,
  CASE WHEN recovered_n >= 20 THEN p95_s END AS time_to_success_p95_s,
  CASE WHEN recovered_n < 10000 THEN 'exact' ELSE 'approximate' END AS percentiles
FROM summed
ORDER BY chains_n DESC, action, error_code
LIMIT $limit
