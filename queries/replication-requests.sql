-- name = "replication-requests"
-- group = "replication"
-- title = "Requests for replications, and what they led to"
-- question = "Who asked for which replication, what did the service answer, and did anything happen?"
-- caveats = [
--   "Only requests that were made with `ivsight replication` are known.",
--   "Request and event are matched by stages, participant and time; times of events are whole seconds.",
--   "--stage means the source.",
-- ]
-- uses = ["replication_requests", "intervals", "sessions", "stages"]
-- shared = ["stage", "from", "to", "limit"]
-- columns = [
--   { name = "requested_at", type = "timestamp", help = "When it was asked for." },
--   { name = "action", type = "text", help = "START or STOP." },
--   { name = "source_stage", type = "text", help = "The name of the stage that the participant publishes on; its ARN where it has none." },
--   { name = "dest_stage", type = "text", help = "The name of the other stage; its ARN where it has none." },
--   { name = "participant", type = "text", help = "The participant." },
--   { name = "requested_by", type = "text", help = "User and host." },
--   { name = "reconnect_window_s", type = "integer", unit = "s", help = "The reconnect window that was asked for." },
--   { name = "outcome", type = "text", help = "ACCEPTED, PENDING, UNKNOWN (a lost answer) or the error code." },
--   { name = "effect", type = "text", help = "STARTED, STOPPED, NONE, or UNKNOWN where the session is not in the lake." },
--   { name = "effect_at", type = "timestamp", help = "The time of the event." },
--   { name = "effect_after_s", type = "float", unit = "s", help = "From the request to the event." },
--   { name = "message", type = "text", help = "What the service said." },
--   { name = "request_id", type = "text", help = "The request." },
--   { name = "source_stage_arn", type = "text", help = "The stage that the participant publishes on." },
--   { name = "dest_stage_arn", type = "text", help = "The other stage." },
-- ]

WITH requests AS (
  SELECT q.*, n.name AS source_name, m.name AS dest_name,
    coalesce(q.finished_at, q.requested_at + INTERVAL '5 minutes') AS answered_at
  FROM replication_requests q
  LEFT JOIN stages n ON n.stage_arn = q.source_stage_arn
  LEFT JOIN stages m ON m.stage_arn = q.destination_stage_arn
  WHERE ($stage IS NULL OR q.source_stage_arn ~ $stage OR n.name ~ $stage)
    AND ($from IS NULL OR q.requested_at >= $from)
    AND ($to IS NULL OR q.requested_at < $to)
),
effects AS (
  SELECT q.request_id, min(CASE q.action WHEN 'START' THEN i.start_time ELSE i.end_time END) AS effect_at
  FROM requests q
  JOIN intervals i
    ON i.stage_arn = q.source_stage_arn AND i.destination_stage_arn = q.destination_stage_arn
    AND i.participant_id = q.participant_id
  WHERE i.kind = 'REPLICATION'
    -- A refusal has no effect, whatever somebody else did at the time.
    AND q.outcome IN ('ACCEPTED', 'UNKNOWN', 'PENDING')
    AND (
      (q.action = 'START'
        AND i.start_time >= q.requested_at - INTERVAL '2 seconds'
        AND i.start_time <= q.answered_at + INTERVAL '1 minute')
      OR (q.action = 'STOP' AND i.end_reason = 'EXPLICIT'
        AND i.end_time >= q.requested_at - INTERVAL '2 seconds'
        AND i.end_time <= q.answered_at + INTERVAL '5 seconds')
    )
  GROUP BY q.request_id
),
known AS (
  SELECT DISTINCT q.request_id
  FROM requests q
  JOIN sessions s ON s.stage_arn = q.source_stage_arn
  WHERE s.collection IN ('COMPLETE', 'INCOMPLETE') AND s.pruned_at IS NULL
    AND s.start_time <= q.answered_at
    AND (s.end_time IS NULL OR s.end_time >= q.requested_at)
)
SELECT q.requested_at, q.action,
  coalesce(q.source_name, q.source_stage_arn) AS source_stage,
  coalesce(q.dest_name, q.destination_stage_arn) AS dest_stage,
  q.participant_id AS participant, q.requested_by,
  q.reconnect_window_seconds AS reconnect_window_s,
  q.outcome,
  CASE
    WHEN e.effect_at IS NOT NULL THEN CASE q.action WHEN 'START' THEN 'STARTED' ELSE 'STOPPED' END
    WHEN q.outcome NOT IN ('ACCEPTED', 'UNKNOWN', 'PENDING') OR k.request_id IS NOT NULL THEN 'NONE'
    ELSE 'UNKNOWN'
  END AS effect,
  e.effect_at,
  CAST(e.effect_at - q.requested_at AS BIGINT) / 1e6 AS effect_after_s,
  q.message, q.request_id,
  q.source_stage_arn,
  q.destination_stage_arn AS dest_stage_arn
FROM requests q
LEFT JOIN effects e ON e.request_id = q.request_id
LEFT JOIN known k ON k.request_id = q.request_id
ORDER BY q.requested_at, q.request_id
LIMIT $limit
