-- name = "errors"
-- group = "view"
-- title = "Errors, classified"
-- question = "Which attempts failed, and did the participant get there in the end?"
-- caveats = [
--   "A lower bound: network errors of the client and bad token signatures leave no event.",
-- ]
-- uses = ["selected_sessions", "error_events", "events", "intervals", "participants"]
-- shared = ["stage", "session", "from", "to"]
-- params = [
--   { name = "recover", type = "duration", default = "30s", help = "A start within this time after an error means that it was overcome." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "session_no", type = "integer", unit = "n", help = "Its number among those asked for, as in selected_sessions." },
--   { name = "participant_id", type = "text", help = "The participant whose attempt failed." },
--   { name = "event_time", type = "timestamp", help = "When; NULL where the service gave no time." },
--   { name = "event", type = "text", help = "JOIN_ERROR, PUBLISH_ERROR, SUBSCRIBE_ERROR, or a newer one." },
--   { name = "remote_participant_id", type = "text", help = "The publisher that was to be watched." },
--   { name = "error_code", type = "text", help = "The service's code, verbatim; (none) where it gave none." },
--   { name = "class", type = "text", help = "mid_stream: it was up (start < t <= end). start_recovered: a start followed in time. start_terminal: none did. untimed: an error without a time." },
--   { name = "is_replica", type = "boolean", help = "The participant is a replica; for SUBSCRIBE_ERROR, the remote is." },
-- ]

WITH failures AS (
  SELECT e.session_no, e.participant_id, e.event_time, e.name AS event,
    e.remote_participant_id, e.error_code, e.replica, e.occurrence,
    CASE e.name WHEN 'JOIN_ERROR' THEN 'PRESENCE' ELSE replace(e.name, '_ERROR', '') END AS kind,
    CASE e.name WHEN 'JOIN_ERROR' THEN 'JOINED' ELSE replace(e.name, '_ERROR', '_STARTED') END AS start_name,
    CASE e.name WHEN 'SUBSCRIBE_ERROR' THEN coalesce(e.remote_participant_id, '') ELSE '' END AS remote
  FROM error_events e
  WHERE ($from IS NULL OR e.event_time >= $from)
    AND ($to IS NULL OR e.event_time < $to)
),
starts AS (
  SELECT s.session_no, e.participant_id, e.event_time, e.name,
    CASE e.name WHEN 'SUBSCRIBE_STARTED' THEN coalesce(e.remote_participant_id, '') ELSE '' END AS remote
  FROM events e
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE (e.name = 'JOINED' OR e.name LIKE '%\_STARTED')
    AND ($from IS NULL OR e.event_time >= $from)
    AND ($to IS NULL OR e.event_time <= $to + arrow_cast(CAST($recover * 1e6 AS BIGINT), 'Duration(Microsecond)'))
),
spans AS (
  SELECT s.session_no, i.participant_id, i.kind, i.start_time, i.end_time,
    CASE i.kind WHEN 'SUBSCRIBE' THEN coalesce(i.remote_participant_id, '') ELSE '' END AS remote
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind <> 'REPLICATION'
    AND ($from IS NULL OR i.end_time >= $from)
    AND ($to IS NULL OR i.start_time < $to)
),
replicas_here AS (
  SELECT s.session_no, p.participant_id
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE p.replication_type = 'REPLICA'
),
classified AS (
  SELECT f.session_no, f.participant_id, f.event_time, f.event, f.remote_participant_id, f.error_code, f.replica,
    f.occurrence,
    bool_or(i.kind IS NOT NULL) AS was_up,
    bool_or(b.name IS NOT NULL) AS recovered,
    bool_or(r.participant_id IS NOT NULL) AS participant_is_replica
  FROM failures f
  LEFT JOIN spans i
    ON i.session_no = f.session_no AND i.participant_id = f.participant_id
    AND i.kind = f.kind AND i.remote = f.remote
    AND i.start_time < f.event_time AND f.event_time <= i.end_time
  LEFT JOIN starts b
    ON b.session_no = f.session_no AND b.participant_id = f.participant_id
    AND b.name = f.start_name AND b.remote = f.remote
    AND b.event_time >= f.event_time
    AND b.event_time - f.event_time <= arrow_cast(CAST($recover * 1e6 AS BIGINT), 'Duration(Microsecond)')
  LEFT JOIN replicas_here r
    ON r.session_no = f.session_no AND r.participant_id = f.participant_id
  GROUP BY f.session_no, f.participant_id, f.event_time, f.event, f.remote_participant_id, f.error_code, f.replica,
    f.occurrence
)
SELECT s.account_id, s.region, s.stage_arn, s.stage_name, s.session_id, s.session_no, participant_id, event_time, event,
  remote_participant_id,
  coalesce(error_code, '(none)') AS error_code,
  CASE
    WHEN event_time IS NULL THEN 'untimed'
    WHEN was_up THEN 'mid_stream'
    WHEN recovered THEN 'start_recovered'
    ELSE 'start_terminal'
  END AS class,
  CASE event WHEN 'SUBSCRIBE_ERROR' THEN replica ELSE replica OR participant_is_replica END AS is_replica
FROM classified
JOIN selected_sessions s USING (session_no)
