-- name = "anomalies"
-- group = "data quality"
-- title = "What is odd in the data"
-- question = "Which events and intervals can't be as they are told, and how many?"
-- caveats = [
--   "Sessions that touch the period, whole.",
--   "benign is expected of this service, warning costs accuracy, error makes numbers wrong.",
-- ]
-- uses = ["selected_sessions", "sessions", "intervals", "events"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "max_per_1k", type = "float", default = "1", help = "More errors than this per 1,000 events are bad." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- check = { column = "ok" }
-- columns = [
--   { name = "kind", type = "text", help = "What is odd." },
--   { name = "severity", type = "text", help = "benign, warning or error." },
--   { name = "n", type = "integer", unit = "n", help = "How often." },
--   { name = "per_1k_events", type = "float", help = "Per 1,000 events of these sessions." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants that have it." },
--   { name = "affected_h", type = "float", unit = "h", help = "Hours of the intervals that have it; NULL for events." },
--   { name = "sample", type = "text", help = "One of them: stage session participant time." },
--   { name = "ok", type = "boolean", help = "False for an error above max_per_1k." },
-- ]
-- chart = { kind = "bar", x = "kind", y = "n", series = "severity" }

WITH kinds (kind, severity) AS (
  VALUES ('orphan_stop', 'warning'), ('late_stop', 'benign'), ('double_start', 'benign'), ('zero_length', 'benign'),
    ('tie_resolved_by_lookahead', 'benign'), ('tie_ambiguous', 'warning'), ('join_without_left', 'warning'),
    ('left_without_join', 'warning'), ('media_outside_join', 'warning'), ('event_outside_session', 'warning'),
    ('remote_unknown', 'warning'), ('repl_self', 'benign'), ('media_across_rejoin', 'benign'),
    ('quarantined', 'error'), ('negative_clamped', 'error'), ('unknown_enum', 'warning'), ('untimed', 'error'),
    ('nameless', 'error')
),
-- Numbers, since millions of rows are paired by them: what stops is 1 to 4, the start of a replication 5, what is of no
-- kind 6, and what has a name that nobody knows, or none, 7.
spans AS (
  SELECT s.session_no, i.participant_id, i.start_time, i.end_time, i.end_reason, i.kind_no, i.counterpart
  FROM (
    SELECT date, stage_arn, session_id, participant_id, start_time, end_time, end_reason,
      CASE kind WHEN 'PRESENCE' THEN 1 WHEN 'PUBLISH' THEN 2 WHEN 'SUBSCRIBE' THEN 3 WHEN 'REPLICATION' THEN 4 END AS kind_no,
      coalesce(remote_participant_id, destination_stage_arn, '') AS counterpart
    FROM intervals
  ) i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
),
-- Stops, and what is told in a way that no event should be.
told AS (
  SELECT s.session_no, e.participant_id, e.event_time, e.name IS NULL AS is_nameless,
    CASE e.name WHEN 'LEFT' THEN 1 WHEN 'PUBLISH_STOPPED' THEN 2 WHEN 'SUBSCRIBE_STOPPED' THEN 3 WHEN 'REPLICATION_STOPPED' THEN 4
      WHEN 'REPLICATION_STARTED' THEN 5 WHEN 'JOINED' THEN 6 WHEN 'PUBLISH_STARTED' THEN 6 WHEN 'SUBSCRIBE_STARTED' THEN 6
      WHEN 'PUBLISH_ERROR' THEN 6 WHEN 'SUBSCRIBE_ERROR' THEN 6 WHEN 'JOIN_ERROR' THEN 6 WHEN 'TOKEN_EXCHANGED' THEN 6
      ELSE 7 END AS kind_no,
    CASE e.name WHEN 'SUBSCRIBE_STOPPED' THEN coalesce(e.remote_participant_id, '')
      WHEN 'REPLICATION_STOPPED' THEN coalesce(e.destination_stage_arn, '') ELSE '' END AS counterpart,
    coalesce(e.destination_stage_arn = e.stage_arn, false) AS to_itself,
    coalesce(e.error_code NOT IN ('INSUFFICIENT_CAPABILITIES', 'QUOTA_EXCEEDED', 'PUBLISHER_NOT_FOUND', 'BITRATE_EXCEEDED',
      'RESOLUTION_EXCEEDED', 'STREAM_DURATION_EXCEEDED', 'INVALID_AUDIO_CODEC', 'INVALID_VIDEO_CODEC',
      'B_FRAME_PRESENT', 'INVALID_INPUT', 'INVALID_PROTOCOL', 'INVALID_STREAM_KEY', 'REUSE_OF_STREAM_KEY',
      'INTERNAL_SERVER_EXCEPTION'), false) AS has_unknown_code
  FROM events e
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  -- The others tell of a start or an exchange, and nothing odd.
  WHERE e.event_time IS NULL OR e.name IS NULL
    OR e.name NOT IN ('JOINED', 'PUBLISH_STARTED', 'SUBSCRIBE_STARTED', 'REPLICATION_STARTED', 'TOKEN_EXCHANGED')
    OR e.name = 'REPLICATION_STARTED' AND e.destination_stage_arn = e.stage_arn
    OR e.error_code IS NOT NULL
),
-- Nearly all stops are the end of an interval: the few others are looked at more closely.
loose AS (
  SELECT p.*, row_number() OVER (ORDER BY p.session_no, p.participant_id, p.event_time) AS number
  FROM told p
  LEFT ANTI JOIN spans i
    ON i.session_no = p.session_no AND i.participant_id = p.participant_id
    AND i.kind_no = CASE WHEN NOT p.has_unknown_code THEN p.kind_no END
    AND i.counterpart = p.counterpart AND i.end_time = p.event_time
),
judged AS (
  SELECT p.number, p.session_no, p.participant_id, p.event_time, p.kind_no, p.is_nameless, p.to_itself, p.has_unknown_code,
    bool_or(i.kind_no IS NOT NULL AND p.event_time <= i.end_time) AS paired,
    bool_or(i.kind_no IS NOT NULL AND i.end_reason IN ('LEFT', 'REMOTE_GONE')) AS late
  FROM loose p
  LEFT JOIN spans i
    ON i.session_no = p.session_no AND i.participant_id = p.participant_id
    AND i.kind_no = p.kind_no AND i.counterpart = p.counterpart
    AND i.start_time <= p.event_time AND p.event_time <= i.end_time + INTERVAL '5 seconds'
  GROUP BY p.number, p.session_no, p.participant_id, p.event_time, p.kind_no, p.is_nameless, p.to_itself, p.has_unknown_code
),
found AS (
  SELECT unnest(CASE
      WHEN i.end_reason = 'OPEN' AND i.end_time - i.start_time > arrow_cast(CAST($max_open * 1e6 AS BIGINT), 'Duration(Microsecond)')
      THEN array_append(i.anomalies, 'quarantined') ELSE i.anomalies
    END) AS kind,
    s.session_no, i.participant_id, i.start_time AS at, CAST(i.end_time - i.start_time AS BIGINT) / 1e6 / 3600 AS hours
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.end_reason = 'OPEN' OR i.anomalies <> make_array()
  UNION ALL
  SELECT unnest(make_array(
      CASE WHEN kind_no > 4 OR to_itself OR event_time IS NULL OR paired THEN NULL WHEN late THEN 'late_stop' ELSE 'orphan_stop' END,
      CASE WHEN kind_no = 5 AND to_itself THEN 'repl_self' END,
      CASE WHEN event_time IS NULL THEN 'untimed' END,
      CASE WHEN is_nameless THEN 'nameless' END,
      CASE WHEN has_unknown_code OR kind_no = 7 AND NOT is_nameless THEN 'unknown_enum' END
    )) AS kind,
    session_no, participant_id, event_time AS at, CAST(NULL AS DOUBLE) AS hours
  FROM judged
),
-- As counted when they were published: the events themselves need not be read for it.
total AS (
  SELECT sum(events_n) AS events_n
  FROM sessions
  JOIN selected_sessions USING (date, stage_arn, session_id)
  WHERE pruned_at IS NULL
),
counted AS (
  SELECT kind, count(*) AS n,
    count(DISTINCT CAST(session_no AS VARCHAR) || ' ' || participant_id) AS participants_n,
    sum(hours) AS affected_h,
    min(concat_ws(' ', stage_arn, session_id, participant_id, CAST(at AS VARCHAR))) AS sample
  FROM found
  JOIN selected_sessions USING (session_no)
  WHERE kind IS NOT NULL
  GROUP BY kind
)
SELECT c.kind, coalesce(k.severity, 'warning') AS severity, c.n,
  c.n * 1000.0 / nullif(t.events_n, 0) AS per_1k_events,
  c.participants_n, c.affected_h, c.sample,
  coalesce(k.severity <> 'error' OR c.n * 1000.0 / nullif(t.events_n, 0) <= $max_per_1k, true) AS ok
FROM total t
CROSS JOIN counted c
LEFT JOIN kinds k ON k.kind = c.kind
ORDER BY ok, CASE coalesce(k.severity, 'warning') WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, c.n DESC, c.kind
LIMIT $limit
