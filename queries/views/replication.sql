-- name = "replication"
-- group = "view"
-- title = "Replications, with the media that they carried"
-- question = "From when to when was a participant replicated to another stage, and was there media?"
-- caveats = [
--   "Where --from or --to cut a replication, start, end and every duration are of the part that is left.",
--   "What the journal adds is known only of replications that this program was asked for, and matched by stages, participant and time.",
-- ]
-- uses = ["replication_spans", "sessions", "stages", "intervals", "participants", "replication_requests"]
-- kept = true
-- shared = ["stage", "session", "from", "to"]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "stage_name", type = "text", help = "The name of the source when its session was collected; NULL where it has none." },
--   { name = "source_stage", type = "text", help = "The name of the stage that the participant publishes on; its ARN where it has none." },
--   { name = "source_session", type = "text", help = "The session there." },
--   { name = "participant", type = "text", help = "The participant, the same on both sides." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "dest_stage", type = "text", help = "The name of the stage it is replicated to; its ARN where it has none." },
--   { name = "dest_session", type = "text", help = "The session there, as the start named it." },
--   { name = "start", type = "timestamp", help = "When it began." },
--   { name = "end", type = "timestamp", help = "When it ended." },
--   { name = "duration_s", type = "float", unit = "s", help = "From start to end." },
--   { name = "media_s", type = "float", unit = "s", help = "Of these, the seconds in which the source was publishing." },
--   { name = "dead_air_s", type = "float", unit = "s", help = "The others." },
--   { name = "reconnect_gaps_n", type = "integer", unit = "n", help = "Gaps between two stretches of media." },
--   { name = "longest_gap_s", type = "float", unit = "s", help = "The longest of these gaps; 0 where there is none." },
--   { name = "end_reason", type = "text", help = "EXPLICIT, LEFT, SESSION_END or OPEN." },
--   { name = "replica_row_found", type = "boolean", help = "The destination session lists the participant as a replica; NULL where that session is not, or not whole, in the lake." },
--   { name = "open", type = "boolean", help = "It had not ended when the evidence ends." },
--   { name = "capped", type = "boolean", help = "The destination session ended first: end is that of the session." },
--   { name = "restarts_n", type = "integer", unit = "n", help = "Further starts while it was going on." },
--   { name = "clipped", type = "boolean", help = "It was cut by --from or --to." },
--   { name = "synthetic_start", type = "boolean", help = "It began without a start event." },
--   { name = "anomalies_n", type = "integer", unit = "n", help = "Odd things about it." },
--   { name = "source_stage_arn", type = "text", help = "The stage that the participant publishes on." },
--   { name = "dest_stage_arn", type = "text", help = "The stage it is replicated to." },
--   { name = "requested_at", type = "timestamp", help = "When this program was asked to start it; NULL where the journal has no such request." },
--   { name = "request_to_start_s", type = "float", unit = "s", help = "From then to the start event." },
--   { name = "reconnect_window_s", type = "integer", unit = "s", help = "The reconnect window that was asked for; NULL where the journal has no such request." },
--   { name = "stopped_by", type = "text", help = "STOP: a stop by this program. PUBLISHER_LEFT: the publisher stopped. WINDOW: it did not come back in time. NULL: not known." },
-- ]

WITH spans AS (
  SELECT *, coalesce(destination_stage_arn, '') AS destination
  FROM replication_spans
  WHERE ($to IS NULL OR start_time < $to) AND ($from IS NULL OR end_time >= $from)
),
capped AS (
  SELECT r.account_id, r.region, r.stage_arn, r.stage_name, r.session_id, r.participant_id, r.user_id, r.destination,
    r.destination_stage_arn, r.destination_session_id, r.end_reason, r.starts_n, r.synthetic_start,
    r.anomalies, r.start_time,
    greatest(r.start_time, least(r.end_time, d.end_time)) AS end_time,
    r.end_time AS event_end,
    coalesce(d.end_time < r.end_time, false) AS capped,
    coalesce(d.stage_name, n.name, r.destination_stage_arn) AS dest_stage,
    coalesce(d.collection = 'COMPLETE' AND d.pruned_at IS NULL, false) AS dest_is_whole
  FROM spans r
  LEFT JOIN sessions d
    ON d.stage_arn = r.destination_stage_arn AND d.session_id = r.destination_session_id
  LEFT JOIN stages n ON n.stage_arn = r.destination_stage_arn
),
clipped AS (
  SELECT *,
    greatest(start_time, $from) AS clip_start,
    least(end_time, $to) AS clip_end
  FROM capped
  WHERE $from IS NULL OR end_time > $from OR start_time >= $from
),
requests AS (
  SELECT request_id, action, source_stage_arn, destination_stage_arn, participant_id, requested_at,
    reconnect_window_seconds,
    -- An answer that was lost, or is not there, may have come late.
    coalesce(finished_at, requested_at + INTERVAL '5 minutes') AS answered_at
  FROM replication_requests
  WHERE outcome IN ('ACCEPTED', 'UNKNOWN', 'PENDING')
),
-- A request begins the first replication that starts from 2 s before it (whole seconds) to a minute after its answer,
-- and ends what stops from 2 s before it to 5 s after its answer.
asked AS (
  SELECT r.stage_arn, r.session_id, r.participant_id, r.destination, r.start_time,
    j.action, j.requested_at, j.reconnect_window_seconds,
    row_number() OVER (PARTITION BY j.request_id ORDER BY r.start_time) AS replication_n
  FROM clipped r
  JOIN requests j
    ON j.source_stage_arn = r.stage_arn AND j.destination_stage_arn = r.destination_stage_arn
    AND j.participant_id = r.participant_id
    AND CASE j.action
      WHEN 'START' THEN r.start_time >= j.requested_at - INTERVAL '2 seconds'
        AND r.start_time <= j.answered_at + INTERVAL '1 minute'
      ELSE r.end_reason = 'EXPLICIT' AND r.event_end >= j.requested_at - INTERVAL '2 seconds'
        AND r.event_end <= j.answered_at + INTERVAL '5 seconds'
    END
),
asked_of AS (
  SELECT stage_arn, session_id, participant_id, destination, start_time,
    max(requested_at) FILTER (WHERE action = 'START') AS requested_at,
    last_value(reconnect_window_seconds ORDER BY requested_at) FILTER (WHERE action = 'START') AS reconnect_window_s,
    bool_or(action = 'STOP') AS was_stopped
  FROM asked
  WHERE action = 'STOP' OR replication_n = 1
  GROUP BY stage_arn, session_id, participant_id, destination, start_time
),
-- The publishing of the source, and which of it is within the replication.
media AS (
  SELECT r.stage_arn, r.session_id, r.participant_id, r.destination, r.start_time, r.event_end, p.end_time AS published_until,
    greatest(p.start_time, r.clip_start) AS media_start,
    CASE WHEN p.start_time < r.clip_end AND p.end_time > r.clip_start AND p.end_time > p.start_time
      THEN least(p.end_time, r.clip_end) END AS media_end
  FROM clipped r
  JOIN intervals p
    ON p.stage_arn = r.stage_arn AND p.session_id = r.session_id AND p.participant_id = r.participant_id
    AND p.start_time <= r.event_end
  WHERE p.kind = 'PUBLISH'
),
followed AS (
  SELECT *,
    max(media_end) OVER (
      PARTITION BY stage_arn, session_id, participant_id, destination, start_time
      ORDER BY media_start, media_end
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS media_until
  FROM media
),
media_of AS (
  SELECT stage_arn, session_id, participant_id, destination, start_time,
    sum(greatest(CAST(media_end - greatest(media_start, media_until) AS BIGINT), 0)) / 1e6 AS media_s,
    count(*) FILTER (WHERE media_end IS NOT NULL AND media_start > media_until) AS gaps_n,
    max(CASE WHEN media_end IS NOT NULL THEN greatest(CAST(media_start - media_until AS BIGINT), 0) END) / 1e6
      AS longest_gap_s,
    -- How long the source had been silent when the replication ended.
    CAST(max(event_end) - max(published_until) AS BIGINT) / 1e6 AS silent_s
  FROM followed
  GROUP BY stage_arn, session_id, participant_id, destination, start_time
)
SELECT
  r.account_id,
  r.region,
  r.stage_name,
  coalesce(r.stage_name, r.stage_arn) AS source_stage,
  r.session_id AS source_session,
  r.participant_id AS participant,
  coalesce(r.user_id, r.participant_id) AS person,
  r.dest_stage,
  r.destination_session_id AS dest_session,
  r.clip_start AS "start",
  r.clip_end AS "end",
  CAST(r.clip_end - r.clip_start AS BIGINT) / 1e6 AS duration_s,
  coalesce(m.media_s, 0.0) AS media_s,
  CAST(r.clip_end - r.clip_start AS BIGINT) / 1e6 - coalesce(m.media_s, 0.0) AS dead_air_s,
  coalesce(m.gaps_n, 0) AS reconnect_gaps_n,
  coalesce(m.longest_gap_s, 0.0) AS longest_gap_s,
  r.end_reason,
  CASE WHEN q.participant_id IS NOT NULL THEN true WHEN r.dest_is_whole THEN false END AS replica_row_found,
  r.end_reason = 'OPEN' AS "open",
  r.capped,
  greatest(r.starts_n - 1, 0) AS restarts_n,
  r.clip_start > r.start_time OR r.clip_end < r.end_time AS clipped,
  r.synthetic_start,
  cardinality(r.anomalies) AS anomalies_n,
  r.stage_arn AS source_stage_arn,
  r.destination_stage_arn AS dest_stage_arn,
  b.requested_at,
  CAST(r.start_time - b.requested_at AS BIGINT) / 1e6 AS request_to_start_s,
  b.reconnect_window_s,
  CASE
    WHEN b.was_stopped THEN 'STOP'
    -- Without the window, an end beside the publisher's proves nothing.
    WHEN b.reconnect_window_s IS NULL THEN NULL
    WHEN r.end_reason = 'LEFT' THEN CASE b.reconnect_window_s WHEN 0 THEN 'PUBLISHER_LEFT' ELSE 'WINDOW' END
    WHEN r.end_reason <> 'EXPLICIT' THEN NULL
    WHEN abs(m.silent_s) <= 1 THEN 'PUBLISHER_LEFT'
    WHEN abs(m.silent_s - b.reconnect_window_s) <= 2 THEN 'WINDOW'
  END AS stopped_by
FROM clipped r
LEFT JOIN asked_of b
  ON b.stage_arn = r.stage_arn AND b.session_id = r.session_id AND b.participant_id = r.participant_id
  AND b.destination = r.destination AND b.start_time = r.start_time
LEFT JOIN media_of m
  ON m.stage_arn = r.stage_arn AND m.session_id = r.session_id AND m.participant_id = r.participant_id
  AND m.destination = r.destination AND m.start_time = r.start_time
LEFT JOIN participants q
  ON q.stage_arn = r.destination_stage_arn AND q.session_id = r.destination_session_id
  AND q.participant_id = r.participant_id AND q.replication_type = 'REPLICA'
