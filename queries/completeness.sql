-- name = "completeness"
-- group = "data quality"
-- title = "What is filled in"
-- question = "How often is each field known, and how fine are the times?"
-- caveats = [
--   "Details (GetParticipant) are asked for those that published alone, unless the collector was told otherwise: of details, n is of those that were asked.",
--   "Sessions that touch the period, whole.",
-- ]
-- uses = ["sessions", "participants", "events"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "by", type = "text", default = "none", choices = ["none", "sdk", "protocol"], help = "What to group by." },
-- ]
-- columns = [
--   { name = "dimension", type = "text", help = "What --by asks for; all without it. Events are those of such participants." },
--   { name = "field", type = "text", help = "The field, or what was looked at." },
--   { name = "n", type = "integer", unit = "n", help = "Looked at." },
--   { name = "null_n", type = "integer", unit = "n", help = "Of these, unknown, or not so." },
--   { name = "null_rate", type = "float", unit = "0..1", help = "Of those looked at." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30: too few to compare." },
--   { name = "help", type = "text", help = "What null_n counts." },
-- ]
-- chart = { kind = "bar", x = "field", y = "null_rate" }

WITH selected AS (
  -- A day of slack: events may lie outside of their session.
  SELECT account_id, region, date, stage_arn, session_id, stage_name
  FROM sessions
  WHERE ($stage IS NULL OR stage_arn ~ $stage OR stage_name ~ $stage)
    AND ($session IS NULL OR session_id ~ $session)
    AND ($to IS NULL OR start_time < $to + INTERVAL '1 day')
    AND ($from IS NULL OR end_time IS NULL OR end_time >= $from - INTERVAL '1 day')
),
people AS (
  SELECT p.*, CASE $by WHEN 'sdk' THEN coalesce(p.sdk_version, '(unknown)')
      WHEN 'protocol' THEN coalesce(p.protocol, '(unknown)') ELSE 'all' END AS dimension
  FROM participants p
  JOIN selected s USING (account_id, region, date, stage_arn, session_id)
),
told AS (
  SELECT e.stage_arn, e.session_id, e.participant_id, e.event_time, e.occurrence,
    count(*) OVER (PARTITION BY e.stage_arn, e.session_id, e.participant_id, e.event_time) AS at_once_n
  FROM events e
  JOIN selected s USING (account_id, region, date, stage_arn, session_id)
),
told_by AS (
  SELECT t.*, CASE $by WHEN 'none' THEN 'all' ELSE coalesce(p.dimension, '(unknown)') END AS dimension
  FROM told t
  LEFT JOIN people p ON p.stage_arn = t.stage_arn AND p.session_id = t.session_id AND p.participant_id = t.participant_id
),
fields AS (
  SELECT dimension, unnest(make_array('attributes', 'isp_name', 'os_name', 'os_version', 'browser_name', 'browser_version',
      'sdk_version', 'protocol', 'recording_s3_prefix')) AS field,
    unnest(make_array(attributes IS NULL, isp_name IS NULL, os_name IS NULL, os_version IS NULL, browser_name IS NULL,
      browser_version IS NULL, sdk_version IS NULL, protocol IS NULL, recording_s3_prefix IS NULL)) AS is_null,
    'NULL in the answer' AS help
  FROM people
  WHERE details_status = 'FETCHED'
  UNION ALL
  SELECT dimension, 'details' AS field, details_status <> 'FETCHED' AS is_null, 'details not asked for, or failed' AS help FROM people
  UNION ALL
  SELECT dimension, 'events' AS field, events_status <> 'FETCHED' AS is_null, 'events not fetched' AS help FROM people
  UNION ALL
  SELECT dimension, 'any_event' AS field, events_n = 0 AS is_null, 'fetched, and there were none' AS help
  FROM people
  WHERE events_status = 'FETCHED'
  UNION ALL
  SELECT dimension, 'user_id' AS field, user_id IS NULL AS is_null, 'not identified' AS help FROM people
  UNION ALL
  SELECT dimension, 'event_time' AS field, event_time IS NULL AS is_null, 'without a time' AS help FROM told_by
  UNION ALL
  SELECT dimension, 'fraction_of_a_second' AS field, CAST(event_time AS BIGINT) % 1000000 = 0 AS is_null, 'a whole second' AS help
  FROM told_by
  WHERE event_time IS NOT NULL
  UNION ALL
  SELECT dimension, 'moment_of_its_own' AS field, at_once_n > 1 AS is_null, 'shares its time with another of its participant' AS help
  FROM told_by
  WHERE event_time IS NOT NULL
  UNION ALL
  SELECT dimension, 'distinct' AS field, occurrence > 0 AS is_null, 'equal to another event in all but its number' AS help FROM told_by
),
counted AS (
  SELECT dimension, field, help, count(*) AS n, count(*) FILTER (WHERE is_null) AS null_n
  FROM fields
  GROUP BY dimension, field, help
)
SELECT dimension, field, n, null_n,
  null_n * 1.0 / nullif(n, 0) AS null_rate,
  CASE WHEN n > 0 THEN round((null_n + 1.9208 - 1.96 * sqrt(null_n * 1.0 * (n - null_n) / n + 0.9604)) / (n + 3.8416), 6) END AS ci_lo,
  CASE WHEN n > 0 THEN round((null_n + 1.9208 + 1.96 * sqrt(null_n * 1.0 * (n - null_n) / n + 0.9604)) / (n + 3.8416), 6) END AS ci_hi,
  n < 30 AS low_n, help
FROM counted
ORDER BY dimension, field
LIMIT $limit
