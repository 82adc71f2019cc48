-- name = "attempts"
-- group = "view"
-- title = "Who tried to join, publish and subscribe, and whether it worked"
-- question = "How often did each participant of a session try, and did it ever succeed?"
-- caveats = [
--   "A lower bound: network errors of the client and bad token signatures leave no event.",
--   "Whole sessions that touch the period: filter on first_attempt for what began in it.",
-- ]
-- uses = ["selected_sessions", "intervals", "error_events", "participants"]
-- shared = ["stage", "session", "from", "to"]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "session_no", type = "integer", unit = "n", help = "Its number among those asked for, as in selected_sessions." },
--   { name = "participant_id", type = "text", help = "The participant." },
--   { name = "person", type = "text", help = "The user id as of the first start; where nothing started, as the listing gives it; the participant where there is none." },
--   { name = "action", type = "text", help = "join, publish or subscribe." },
--   { name = "is_replica", type = "boolean", help = "The participant is a replica; for subscribe, the publisher that was to be watched is." },
--   { name = "first_attempt", type = "timestamp", help = "The first start or failure." },
--   { name = "first_start", type = "timestamp", help = "The first start; NULL where there was none." },
--   { name = "starts_n", type = "integer", unit = "n", help = "Starts." },
--   { name = "failures_n", type = "integer", unit = "n", help = "Errors while it was not up: attempts that failed." },
--   { name = "mid_stream_n", type = "integer", unit = "n", help = "Errors while it was up: no attempts." },
--   { name = "attempts_n", type = "integer", unit = "n", help = "Starts and failures." },
--   { name = "is_open", type = "boolean", help = "The session had not ended when the evidence ends." },
-- ]

WITH spans AS (
  SELECT s.session_no, i.participant_id, i.start_time, i.end_time, i.starts_n, i.user_id, i.replica,
    CASE i.kind WHEN 'PRESENCE' THEN 1 WHEN 'PUBLISH' THEN 2 ELSE 3 END AS action_no,
    coalesce(i.remote_participant_id, '') AS remote
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind <> 'REPLICATION'
),
people AS (
  SELECT s.session_no, p.participant_id, p.user_id, p.replication_type = 'REPLICA' AS is_replica
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
),
failures AS (
  SELECT e.session_no, e.participant_id, e.event_time, e.occurrence, e.error_code, p.user_id,
    CASE e.name WHEN 'JOIN_ERROR' THEN 1 WHEN 'PUBLISH_ERROR' THEN 2 ELSE 3 END AS action_no,
    CASE e.name WHEN 'SUBSCRIBE_ERROR' THEN coalesce(e.remote_participant_id, '') ELSE '' END AS remote,
    e.replica OR (e.name <> 'SUBSCRIBE_ERROR' AND coalesce(p.is_replica, false)) AS replica
  FROM error_events e
  LEFT JOIN people p ON p.session_no = e.session_no AND p.participant_id = e.participant_id
  WHERE e.name IN ('JOIN_ERROR', 'PUBLISH_ERROR', 'SUBSCRIBE_ERROR') AND e.event_time IS NOT NULL
),
classified AS (
  SELECT f.session_no, f.participant_id, f.user_id, f.event_time, f.action_no, f.replica,
    bool_or(i.action_no IS NOT NULL) AS was_up
  FROM failures f
  LEFT JOIN spans i
    ON i.session_no = f.session_no AND i.participant_id = f.participant_id AND i.action_no = f.action_no
    AND i.remote = f.remote AND i.start_time < f.event_time AND f.event_time <= i.end_time
  GROUP BY f.session_no, f.participant_id, f.user_id, f.event_time, f.action_no, f.replica, f.remote, f.error_code,
    f.occurrence
),
tried AS (
  SELECT session_no, participant_id, action_no, replica, user_id, start_time AS at, CAST(starts_n AS BIGINT) AS starts_n,
    0 AS failures_n, 0 AS mid_stream_n
  FROM spans
  WHERE starts_n > 0
  UNION ALL
  SELECT session_no, participant_id, action_no, replica, user_id, event_time AS at,
    0 AS starts_n, CASE WHEN was_up THEN 0 ELSE 1 END AS failures_n, CASE WHEN was_up THEN 1 ELSE 0 END AS mid_stream_n
  FROM classified
),
summed AS (
  SELECT session_no, participant_id, action_no, replica,
    -- That of the first start; where nothing started, all of them are the same.
    coalesce(min_by(coalesce(user_id, ''), at) FILTER (WHERE starts_n > 0), min_by(user_id, at) FILTER (WHERE starts_n = 0))
      AS user_id,
    min(at) FILTER (WHERE mid_stream_n = 0) AS first_attempt,
    min(at) FILTER (WHERE starts_n > 0) AS first_start,
    sum(starts_n) AS starts_n,
    sum(failures_n) AS failures_n,
    sum(mid_stream_n) AS mid_stream_n
  FROM tried
  GROUP BY session_no, participant_id, action_no, replica
)
SELECT s.account_id, s.region, s.date, s.stage_arn, s.stage_name, s.session_id, s.session_no, a.participant_id,
  coalesce(nullif(a.user_id, ''), a.participant_id) AS person,
  CASE a.action_no WHEN 1 THEN 'join' WHEN 2 THEN 'publish' ELSE 'subscribe' END AS action,
  a.replica AS is_replica,
  a.first_attempt, a.first_start, a.starts_n, a.failures_n, a.mid_stream_n,
  a.starts_n + a.failures_n AS attempts_n,
  s.session_end IS NULL AS is_open
FROM summed a
JOIN selected_sessions s USING (session_no)
