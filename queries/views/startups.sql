-- name = "startups"
-- group = "view"
-- title = "From joining to publishing, connection by connection"
-- question = "How long after JOINED did each connection publish, if it did?"
-- caveats = [
--   "Connections that joined in the period; what they did later counts too.",
--   "Times are whole seconds: a start in the second of JOINED, or one second before it, is 0.",
-- ]
-- uses = ["selected_sessions", "intervals", "events"]
-- shared = ["stage", "session", "from", "to"]
-- params = [
--   { name = "intent", type = "duration", default = "30s", help = "Who first publishes later than this after joining did not mean to at once." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "session_no", type = "integer", unit = "n", help = "Its number among those asked for, as in selected_sessions." },
--   { name = "participant_id", type = "text", help = "The participant." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "is_replica", type = "boolean", help = "The participant is a replica." },
--   { name = "joined_at", type = "timestamp", help = "When the connection began." },
--   { name = "publish_at", type = "timestamp", help = "Its first PUBLISH_STARTED; NULL where there is none." },
--   { name = "startup_s", type = "float", unit = "s", help = "Seconds from the one to the other; NULL where there is none." },
--   { name = "outcome", type = "text", help = "on_time, late_intent (after --param intent, or after being promoted), failed (errors and no start), no_attempt, or pending (neither, and not over)." },
-- ]

WITH connected AS (
  SELECT s.session_no, i.participant_id,
    coalesce(i.user_id, i.participant_id) AS person, i.replica AS is_replica,
    i.start_time AS joined_at, i.end_time AS left_at, i.end_reason = 'OPEN' AS is_open, i.synthetic_start,
    -- One participant after the other: a partition for each would take many times as long.
    CASE WHEN lead(i.participant_id) OVER session = i.participant_id THEN lead(i.start_time) OVER session END AS next_at
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind = 'PRESENCE'
  WINDOW session AS (PARTITION BY s.session_no ORDER BY i.participant_id, i.start_time, i.end_time)
),
joined AS (
  SELECT * FROM connected
  -- Without a JOINED there is nothing to measure from.
  WHERE NOT synthetic_start
    AND ($from IS NULL OR joined_at >= $from)
    AND ($to IS NULL OR joined_at < $to)
),
-- What can happen to a connection that matters here.
marks AS (
  SELECT s.session_no, i.participant_id, i.start_time AS at, 'published' AS mark
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind = 'PUBLISH'
  UNION ALL
  SELECT s.session_no, e.participant_id, e.event_time AS at,
    CASE e.name WHEN 'PUBLISH_ERROR' THEN 'failed' ELSE 'promoted' END AS mark
  FROM events e
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE e.name = 'PUBLISH_ERROR'
    OR (e.name = 'TOKEN_EXCHANGED'
      AND array_has(e.new_token['capabilities'], 'PUBLISH')
      AND NOT array_has(e.previous_token['capabilities'], 'PUBLISH'))
),
followed AS (
  SELECT c.session_no, c.participant_id, c.person, c.is_replica, c.joined_at, c.is_open,
    min(m.at) FILTER (WHERE m.mark = 'published') AS publish_at,
    min(m.at) FILTER (WHERE m.mark = 'promoted' AND m.at >= c.joined_at) AS promoted_at,
    coalesce(bool_or(m.mark = 'failed'), false) AS has_failed
  FROM joined c
  LEFT JOIN marks m
    ON m.session_no = c.session_no AND m.participant_id = c.participant_id
    AND m.at >= c.joined_at - INTERVAL '1 second' AND m.at <= c.left_at
    AND (c.next_at IS NULL OR m.at < c.next_at - INTERVAL '1 second')
  GROUP BY c.session_no, c.participant_id, c.person, c.is_replica, c.joined_at, c.left_at, c.next_at, c.is_open
),
measured AS (
  SELECT *, coalesce(promoted_at <= publish_at, false) AS was_promoted,
    greatest(CAST(publish_at - joined_at AS BIGINT) / 1e6, CASE WHEN publish_at IS NOT NULL THEN 0.0 END) AS startup_s
  FROM followed
)
SELECT s.account_id, s.region, s.date, s.stage_arn, s.stage_name, s.session_id, s.session_no, participant_id, person,
  is_replica, joined_at, publish_at, startup_s,
  CASE
    WHEN publish_at IS NOT NULL AND (startup_s > $intent OR was_promoted) THEN 'late_intent'
    WHEN publish_at IS NOT NULL THEN 'on_time'
    WHEN is_open THEN 'pending'
    WHEN has_failed THEN 'failed'
    ELSE 'no_attempt'
  END AS outcome
FROM measured
JOIN selected_sessions s USING (session_no)
