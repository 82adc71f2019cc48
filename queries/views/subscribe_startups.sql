-- name = "subscribe_startups"
-- group = "view"
-- title = "From being able to watch to watching, subscription by subscription"
-- question = "How long after both sides were there did each first subscription start?"
-- caveats = [
--   "Only the first subscription to each publishing: later ones are not new.",
--   "Times are whole seconds.",
-- ]
-- uses = ["selected_sessions", "intervals"]
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
--   { name = "remote_participant_id", type = "text", help = "The publisher that was watched." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "remote_is_replica", type = "boolean", help = "The publisher is a replica of one on another stage." },
--   { name = "start_time", type = "timestamp", help = "When it began, also where that is before --from." },
--   { name = "latency_s", type = "float", unit = "s", help = "Seconds since the later of the subscriber's join and the publisher's start; NULL where neither publishing nor replication of the remote is known." },
--   { name = "clock_negative", type = "boolean", help = "It was negative, and is taken for 0." },
-- ]

WITH subscribed AS (
  SELECT s.session_no, i.participant_id, i.remote_participant_id, coalesce(i.user_id, i.participant_id) AS person,
    i.replica AS remote_is_replica, i.start_time,
    -- Long texts: given to those alone that look for a replication.
    CASE WHEN i.replica THEN s.stage_arn END AS stage_arn, CASE WHEN i.replica THEN s.session_id END AS session_id
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind = 'SUBSCRIBE' AND i.starts_n > 0
),
spans AS (
  SELECT s.session_no, i.participant_id, i.kind, i.start_time, i.end_time
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind IN ('PRESENCE', 'PUBLISH')
),
-- What came before each subscription: its subscriber, its publisher, and where the publisher has no interval here, the
-- replication that brought it.
followed AS (
  SELECT u.session_no, u.participant_id, u.remote_participant_id, u.person, u.remote_is_replica, u.start_time,
    max(j.start_time) AS joined_at, coalesce(max(p.start_time), max(r.start_time)) AS remote_at
  FROM subscribed u
  LEFT JOIN (SELECT * FROM spans WHERE kind = 'PRESENCE') j
    ON j.session_no = u.session_no AND j.participant_id = u.participant_id
    AND j.start_time <= u.start_time + INTERVAL '1 second'
  LEFT JOIN (SELECT * FROM spans WHERE kind = 'PUBLISH') p
    ON p.session_no = u.session_no AND p.participant_id = u.remote_participant_id
    AND p.start_time <= u.start_time + INTERVAL '1 second' AND p.end_time >= u.start_time - INTERVAL '1 second'
  LEFT JOIN (SELECT * FROM intervals WHERE kind = 'REPLICATION') r
    ON r.destination_stage_arn = u.stage_arn AND r.participant_id = u.remote_participant_id
    AND r.stage_arn <> u.stage_arn
    AND (r.destination_session_id IS NULL OR r.destination_session_id = u.session_id)
    AND r.start_time <= u.start_time + INTERVAL '1 second' AND r.end_time >= u.start_time - INTERVAL '1 second'
  GROUP BY u.session_no, u.participant_id, u.remote_participant_id, u.person, u.remote_is_replica, u.start_time
),
-- The first after each start of the remote. Those whose remote is unknown can't be told apart: each stays.
firsts AS (
  SELECT session_no, participant_id, remote_participant_id, person, remote_is_replica, remote_at,
    min(start_time) AS start_time, first_value(joined_at ORDER BY start_time) AS joined_at
  FROM followed
  GROUP BY session_no, participant_id, remote_participant_id, person, remote_is_replica, remote_at,
    CASE WHEN remote_at IS NULL THEN start_time END
),
measured AS (
  SELECT s.account_id, s.region, s.date, s.stage_arn, s.stage_name, s.session_id, u.*,
    CASE WHEN u.remote_at IS NOT NULL THEN CAST(u.start_time - greatest(u.remote_at, u.joined_at) AS BIGINT) / 1e6 END
      AS raw_s
  FROM firsts u
  JOIN selected_sessions s USING (session_no)
  WHERE ($from IS NULL OR u.start_time >= $from)
    AND ($to IS NULL OR u.start_time < $to)
)
SELECT account_id, region, date, stage_arn, stage_name, session_id, session_no, participant_id, remote_participant_id,
  person, remote_is_replica, start_time,
  CASE WHEN raw_s IS NOT NULL THEN greatest(raw_s, 0.0) END AS latency_s,
  coalesce(raw_s < 0, false) AS clock_negative
FROM measured
