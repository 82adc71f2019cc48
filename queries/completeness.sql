-- name = "completeness"
-- group = "data quality"
-- title = "What is filled in"
-- question = "How often is each field known, and how fine are the times?"
-- caveats = [
--   "Details (GetParticipant) are asked for those that published alone, unless the collector was told otherwise: of details, n is of those that were asked.",
--   "Sessions that touch the period, whole.",
-- ]
-- uses = ["selected_sessions", "participants", "dimensions", "events"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "by", type = "choices", default = "none", choices = ["none", "stage", "session", "sdk", "os", "browser", "isp", "protocol"], help = "What to group by; several with commas between." },
-- ]
-- columns = [
--   { name = "dimension", type = "text", help = "What --by asks for, in the order of its choices; all without it. Events are those of such participants." },
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

WITH people AS (
  SELECT p.*, s.session_no, CASE WHEN $by = 'none' THEN 'all' ELSE coalesce(d.dimension, '(unknown)') END AS dimension
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  LEFT JOIN (SELECT * FROM dimensions WHERE $by <> 'none') d USING (session_no, participant_id)
),
-- One row for each moment of a participant.
told AS (
  SELECT s.session_no, e.participant_id, e.event_time, count(*) AS n,
    count(*) FILTER (WHERE e.occurrence > 0) AS repeated_n
  FROM events e
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  GROUP BY s.session_no, e.participant_id, e.event_time
),
told_by AS (
  SELECT CASE WHEN $by = 'none' THEN 'all' ELSE coalesce(p.dimension, '(unknown)') END AS dimension,
    make_array(coalesce(sum(t.n), 0), sum(CASE WHEN t.event_time IS NOT NULL THEN t.n ELSE 0 END),
      sum(CASE WHEN t.event_time IS NOT NULL THEN t.n ELSE 0 END), coalesce(sum(t.n), 0)) AS ns,
    make_array(
      sum(CASE WHEN t.event_time IS NULL THEN t.n ELSE 0 END),
      sum(CASE WHEN CAST(t.event_time AS BIGINT) % 1000000 = 0 THEN t.n ELSE 0 END),
      sum(CASE WHEN t.event_time IS NOT NULL AND t.n > 1 THEN t.n ELSE 0 END),
      sum(t.repeated_n)
    ) AS null_ns
  FROM told t
  LEFT JOIN (SELECT * FROM people WHERE $by <> 'none') p
    ON p.session_no = t.session_no AND p.participant_id = t.participant_id
  GROUP BY CASE WHEN $by = 'none' THEN 'all' ELSE coalesce(p.dimension, '(unknown)') END
),
people_by AS (
  SELECT dimension,
    count(*) AS n, count(*) FILTER (WHERE details_status = 'FETCHED') AS detailed_n,
    count(*) FILTER (WHERE events_status = 'FETCHED') AS told_n,
    make_array(
      count(*) FILTER (WHERE details_status = 'FETCHED' AND attributes IS NULL),
      count(*) FILTER (WHERE details_status = 'FETCHED' AND isp_name IS NULL),
      count(*) FILTER (WHERE details_status = 'FETCHED' AND os_name IS NULL),
      count(*) FILTER (WHERE details_status = 'FETCHED' AND os_version IS NULL),
      count(*) FILTER (WHERE details_status = 'FETCHED' AND browser_name IS NULL),
      count(*) FILTER (WHERE details_status = 'FETCHED' AND browser_version IS NULL),
      count(*) FILTER (WHERE details_status = 'FETCHED' AND sdk_version IS NULL),
      count(*) FILTER (WHERE details_status = 'FETCHED' AND protocol IS NULL),
      count(*) FILTER (WHERE details_status = 'FETCHED' AND recording_s3_prefix IS NULL),
      count(*) FILTER (WHERE details_status <> 'FETCHED'),
      count(*) FILTER (WHERE events_status <> 'FETCHED'),
      count(*) FILTER (WHERE events_status = 'FETCHED' AND events_n = 0),
      count(*) FILTER (WHERE user_id IS NULL)
    ) AS null_ns
  FROM people
  GROUP BY dimension
),
of_people (number, field, help) AS (
  VALUES (1, 'attributes', 'NULL in the answer'), (2, 'isp_name', 'NULL in the answer'),
    (3, 'os_name', 'NULL in the answer'), (4, 'os_version', 'NULL in the answer'),
    (5, 'browser_name', 'NULL in the answer'), (6, 'browser_version', 'NULL in the answer'),
    (7, 'sdk_version', 'NULL in the answer'), (8, 'protocol', 'NULL in the answer'),
    (9, 'recording_s3_prefix', 'NULL in the answer'), (10, 'details', 'details not asked for, or failed'),
    (11, 'events', 'events not fetched'), (12, 'any_event', 'fetched, and there were none'),
    (13, 'user_id', 'not identified')
),
of_events (number, field, help) AS (
  VALUES (1, 'event_time', 'without a time'), (2, 'fraction_of_a_second', 'a whole second'),
    (3, 'moment_of_its_own', 'shares its time with another of its participant'),
    (4, 'distinct', 'equal to another event in all but its number')
),
counted AS (
  SELECT p.dimension, f.field, f.help,
    CASE WHEN f.number <= 9 THEN p.detailed_n WHEN f.field = 'any_event' THEN p.told_n ELSE p.n END AS n,
    p.null_ns[f.number] AS null_n
  FROM people_by p
  CROSS JOIN of_people f
  UNION ALL
  SELECT t.dimension, f.field, f.help, t.ns[f.number], t.null_ns[f.number]
  FROM told_by t
  CROSS JOIN of_events f
)
SELECT dimension, field, n, null_n, null_n * 1.0 / n AS null_rate,
  round((null_n + 1.9208 - 1.96 * sqrt(null_n * 1.0 * (n - null_n) / n + 0.9604)) / (n + 3.8416), 6) AS ci_lo,
  round((null_n + 1.9208 + 1.96 * sqrt(null_n * 1.0 * (n - null_n) / n + 0.9604)) / (n + 3.8416), 6) AS ci_hi,
  n < 30 AS low_n, help
FROM counted
-- Of nobody, nothing is missing.
WHERE n > 0
ORDER BY dimension, field
LIMIT $limit
