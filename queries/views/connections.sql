-- name = "connections"
-- group = "view"
-- title = "Stays on a stage, and which of them make one visit"
-- question = "Which stays of a person on a stage follow each other so closely that they are one visit?"
-- caveats = [
--   "A LEFT and a JOINED in one second are one stay with a restart.",
-- ]
-- uses = ["presence"]
-- shared = ["stage", "session", "from", "to"]
-- params = [
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
--   { name = "stitch", type = "duration", default = "60s", help = "A gap of at most this between two stays makes them one visit." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "stage_no", type = "integer", unit = "n", help = "The number of the stage among those asked for, as in selected_sessions." },
--   { name = "participant_id", type = "text", help = "The participant." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "identified", type = "boolean", help = "There is a user id. Others are never united across sessions." },
--   { name = "is_replica", type = "boolean", help = "The participant is a replica." },
--   { name = "start_time", type = "timestamp", help = "When it began, also where that is before --from." },
--   { name = "end_time", type = "timestamp", help = "When it ended, also where that is after --to." },
--   { name = "clip_start", type = "timestamp", help = "When it began, or --from." },
--   { name = "clip_end", type = "timestamp", help = "When it ended, or --to." },
--   { name = "starts_n", type = "integer", unit = "n", help = "Start events that it holds; 0 for a synthetic start." },
--   { name = "is_open", type = "boolean", help = "Nothing ended it: it is cut where the evidence ends." },
--   { name = "quarantined", type = "boolean", help = "Open for longer than max_open: left out of durations." },
--   { name = "synthetic_start", type = "boolean", help = "It began without a start event." },
--   { name = "anomalies_n", type = "integer", unit = "n", help = "Odd things about it." },
--   { name = "gap_s", type = "float", unit = "s", help = "Seconds since the person's stays on the stage so far had ended; negative where they overlap, NULL for the first." },
--   { name = "until_time", type = "timestamp", help = "When the person's stays on the stage so far had ended; NULL for the first." },
--   { name = "opens_visit", type = "boolean", help = "It is the first of its visit." },
--   { name = "visit_no", type = "integer", help = "The visit, counted from 1 for each person and stage." },
--   { name = "scope", type = "text", help = "The session, for a person without a user id; else empty." },
--   { name = "scope_no", type = "integer", unit = "n", help = "Its number among those asked for, as in selected_sessions; else 0." },
-- ]

WITH scoped AS (
  SELECT *, CASE WHEN identified THEN '' ELSE session_id END AS scope,
    CASE WHEN identified THEN 0 ELSE session_no END AS scope_no
  FROM presence
),
followed AS (
  SELECT *,
    max(end_time) OVER (
      PARTITION BY stage_no, is_replica, identified, person, scope_no
      ORDER BY start_time, end_time, participant_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS until_time
  FROM scoped
),
opened AS (
  SELECT *, until_time IS NULL OR start_time - until_time > arrow_cast(CAST($stitch * 1e6 AS BIGINT), 'Duration(Microsecond)') AS opens_visit
  FROM followed
)
SELECT account_id, region, date, stage_arn, stage_name, session_id, stage_no, participant_id, person, identified, is_replica,
  start_time, end_time, clip_start, clip_end, starts_n, is_open, quarantined, synthetic_start, anomalies_n,
  CAST(start_time - until_time AS BIGINT) / 1e6 AS gap_s,
  until_time,
  opens_visit,
  sum(CASE WHEN opens_visit THEN 1 ELSE 0 END) OVER (
    PARTITION BY stage_no, is_replica, identified, person, scope_no
    ORDER BY start_time, end_time, participant_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS visit_no,
  scope, scope_no
FROM opened
