-- name = "persons"
-- group = "view"
-- title = "Persons of a session, and how long they were there"
-- question = "Who was in each session, from when to when, and for how long in all?"
-- caveats = [
--   "A person's stays are united, not summed: two devices at once are one time.",
-- ]
-- uses = ["presence", "selected_sessions"]
-- shared = ["stage", "session", "from", "to"]
-- params = [
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "identified", type = "boolean", help = "There is a user id. Others are never united across sessions." },
--   { name = "is_replica", type = "boolean", help = "The participant is a replica." },
--   { name = "first_in", type = "timestamp", help = "When the person came first, or --from." },
--   { name = "last_out", type = "timestamp", help = "When the person left last, or --to." },
--   { name = "present_s", type = "float", unit = "s", help = "Seconds there, overlapping stays united." },
--   { name = "away_s", type = "float", unit = "s", help = "Seconds between first_in and last_out in which the person was not there." },
--   { name = "connections_n", type = "integer", unit = "n", help = "Stays, each device and each return." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants that the person was." },
--   { name = "publisher", type = "boolean", help = "The participant ever published in this session." },
--   { name = "is_open", type = "boolean", help = "Nothing ended it: it is cut where the evidence ends." },
--   { name = "quarantined", type = "boolean", help = "Open for longer than max_open: left out of durations." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Intervals without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Intervals with something odd." },
-- ]

WITH followed AS (
  SELECT *,
    max(clip_end) OVER (
      PARTITION BY session_no, is_replica, identified, person
      ORDER BY clip_start, clip_end, participant_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS until_time
  FROM presence
),
summed AS (
  SELECT session_no, person, identified, is_replica,
    min(clip_start) AS first_in,
    max(clip_end) AS last_out,
    sum(greatest(CAST(clip_end - greatest(clip_start, until_time) AS BIGINT) / 1e6, 0.0)) AS present_s,
    count(*) AS connections_n,
    count(DISTINCT participant_id) AS participants_n,
    bool_or(publisher) AS publisher,
    bool_or(is_open) AS is_open,
    bool_or(quarantined) AS quarantined,
    count(*) FILTER (WHERE synthetic_start) AS synth_n,
    count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n
  FROM followed
  GROUP BY session_no, person, identified, is_replica
)
SELECT s.account_id, s.region, s.date, s.stage_arn, s.stage_name, s.session_id, person, identified, is_replica,
  first_in, last_out, present_s,
  CAST(last_out - first_in AS BIGINT) / 1e6 - present_s AS away_s,
  connections_n, participants_n, publisher, is_open, quarantined, synth_n, anomaly_n
FROM summed
JOIN selected_sessions s USING (session_no)
