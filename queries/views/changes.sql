-- name = "changes"
-- group = "view"
-- title = "When how many came and went"
-- question = "At which moments did the number of people, publishers and subscriptions of a session change, and by how much?"
-- caveats = [
--   "What begins and what ends in one moment is summed: a hand-over does not count twice. What has no length is left out.",
-- ]
-- uses = ["selected_sessions", "intervals"]
-- shared = ["stage", "session", "from", "to", "replicas", "open"]
-- params = [
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "session_no", type = "integer", unit = "n", help = "Its number among those asked for, as in selected_sessions." },
--   { name = "stage_no", type = "integer", unit = "n", help = "The number of the stage among those asked for, as in selected_sessions." },
--   { name = "at", type = "timestamp", help = "The moment." },
--   { name = "present_n", type = "integer", unit = "n", help = "More participants on the stage, or fewer." },
--   { name = "publishing_n", type = "integer", unit = "n", help = "More publishers, or fewer; replicas are not among them." },
--   { name = "replicas_publishing_n", type = "integer", unit = "n", help = "More replicas that publish, or fewer." },
--   { name = "subscribed_n", type = "integer", unit = "n", help = "More subscriptions, or fewer." },
-- ]

-- One pass over the intervals, whatever their kind.
WITH spans AS (
  SELECT s.session_no,
    greatest(i.start_time, $from) AS clip_start, least(i.end_time, $to) AS clip_end,
    CASE WHEN i.kind = 'PRESENCE' THEN 1 ELSE 0 END AS present_n,
    CASE WHEN i.kind = 'PUBLISH' AND NOT i.replica THEN 1 ELSE 0 END AS publishing_n,
    CASE WHEN i.kind = 'PUBLISH' AND i.replica THEN 1 ELSE 0 END AS replicas_publishing_n,
    CASE WHEN i.kind = 'SUBSCRIBE' THEN 1 ELSE 0 END AS subscribed_n
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind IN ('PRESENCE', 'PUBLISH', 'SUBSCRIBE')
    AND ($to IS NULL OR i.start_time < $to)
    AND ($from IS NULL OR i.end_time > $from OR i.start_time >= $from)
    AND (i.kind <> 'PRESENCE' OR $replicas = 'include' OR i.replica = ($replicas = 'only'))
    AND ($open = 'clip' OR (i.end_reason = 'OPEN') = ($open = 'only'))
    AND NOT (i.end_reason = 'OPEN'
      AND i.end_time - i.start_time > arrow_cast(CAST($max_open * 1e6 AS BIGINT), 'Duration(Microsecond)'))
    AND least(i.end_time, $to) > greatest(i.start_time, $from)
),
edges AS (
  SELECT session_no, step,
    CASE WHEN step = 1 THEN clip_start ELSE clip_end END AS at,
    present_n, publishing_n, replicas_publishing_n, subscribed_n
  FROM (VALUES (1), (-1)) AS ends (step)
  CROSS JOIN spans
),
summed AS (
  SELECT session_no, at,
    sum(step * present_n) AS present_n, sum(step * publishing_n) AS publishing_n,
    sum(step * replicas_publishing_n) AS replicas_publishing_n, sum(step * subscribed_n) AS subscribed_n
  FROM edges
  GROUP BY session_no, at
)
SELECT s.account_id, s.region, s.stage_arn, s.stage_name, s.session_id, s.session_no, s.stage_no, c.at,
  c.present_n, c.publishing_n, c.replicas_publishing_n, c.subscribed_n
FROM summed c
JOIN selected_sessions s USING (session_no)
