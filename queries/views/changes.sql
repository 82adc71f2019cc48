-- name = "changes"
-- group = "view"
-- title = "When how many came and went"
-- question = "At which moments did the number of people, publishers and subscriptions of a session change, and by how much?"
-- caveats = [
--   "What begins and what ends in one moment is summed: a hand-over does not count twice. What has no length is left out.",
-- ]
-- uses = ["presence", "publishing", "subscriptions"]
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
--   { name = "at", type = "timestamp", help = "The moment." },
--   { name = "present_n", type = "integer", unit = "n", help = "More participants on the stage, or fewer." },
--   { name = "publishing_n", type = "integer", unit = "n", help = "More publishers, or fewer; replicas are not among them." },
--   { name = "replicas_publishing_n", type = "integer", unit = "n", help = "More replicas that publish, or fewer." },
--   { name = "subscribed_n", type = "integer", unit = "n", help = "More subscriptions, or fewer." },
-- ]

WITH spans AS (
  SELECT account_id, region, stage_arn, stage_name, session_id, clip_start, clip_end,
    1 AS present_n, 0 AS publishing_n, 0 AS replicas_publishing_n, 0 AS subscribed_n
  FROM presence
  WHERE duration_s > 0 AND NOT quarantined AND ($replicas = 'include' OR is_replica = ($replicas = 'only'))
    AND ($open = 'clip' OR is_open = ($open = 'only'))
  UNION ALL
  SELECT account_id, region, stage_arn, stage_name, session_id, clip_start, clip_end,
    0 AS present_n, CASE WHEN is_replica THEN 0 ELSE 1 END AS publishing_n,
    CASE WHEN is_replica THEN 1 ELSE 0 END AS replicas_publishing_n, 0 AS subscribed_n
  FROM publishing
  WHERE duration_s > 0 AND NOT quarantined AND ($open = 'clip' OR is_open = ($open = 'only'))
  UNION ALL
  SELECT account_id, region, stage_arn, stage_name, session_id, clip_start, clip_end,
    0 AS present_n, 0 AS publishing_n, 0 AS replicas_publishing_n, 1 AS subscribed_n
  FROM subscriptions
  WHERE duration_s > 0 AND NOT quarantined AND ($open = 'clip' OR is_open = ($open = 'only'))
),
edges AS (
  SELECT account_id, region, stage_arn, stage_name, session_id, clip_start AS at,
    present_n, publishing_n, replicas_publishing_n, subscribed_n
  FROM spans
  UNION ALL
  SELECT account_id, region, stage_arn, stage_name, session_id, clip_end AS at,
    -present_n, -publishing_n, -replicas_publishing_n, -subscribed_n
  FROM spans
)
SELECT account_id, region, stage_arn, stage_name, session_id, at,
  sum(present_n) AS present_n, sum(publishing_n) AS publishing_n,
  sum(replicas_publishing_n) AS replicas_publishing_n, sum(subscribed_n) AS subscribed_n
FROM edges
GROUP BY account_id, region, stage_arn, stage_name, session_id, at
