-- name = "visits"
-- group = "view"
-- title = "Visits: a person on a stage, stays close to each other taken together"
-- question = "When was each person on each stage, across reconnects, devices and sessions?"
-- caveats = [
--   "A person without a user id is a participant: never united across sessions.",
-- ]
-- uses = ["connections"]
-- shared = ["stage", "session", "from", "to"]
-- params = [
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
--   { name = "stitch", type = "duration", default = "60s", help = "A gap of at most this between two stays makes them one visit." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session in which the visit began." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "identified", type = "boolean", help = "There is a user id. Others are never united across sessions." },
--   { name = "is_replica", type = "boolean", help = "The participant is a replica." },
--   { name = "start_time", type = "timestamp", help = "When the first stay began." },
--   { name = "end_time", type = "timestamp", help = "When the last one ended." },
--   { name = "duration_s", type = "float", unit = "s", help = "Seconds on the stage between --from and --to; overlapping stays are united." },
--   { name = "connections_n", type = "integer", unit = "n", help = "Stays." },
--   { name = "restarts_n", type = "integer", unit = "n", help = "Further JOINED within a stay." },
--   { name = "reconnects_n", type = "integer", unit = "n", help = "Stays after the first, and restarts." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants that the person was." },
--   { name = "sessions_n", type = "integer", unit = "n", help = "Sessions that it touches." },
--   { name = "is_open", type = "boolean", help = "Nothing ended it: it is cut where the evidence ends." },
--   { name = "quarantined", type = "boolean", help = "One of its stays is quarantined." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Intervals without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Intervals with something odd." },
-- ]

SELECT max(account_id) AS account_id, max(region) AS region, max(stage_arn) AS stage_arn,
  last_value(stage_name ORDER BY start_time) AS stage_name,
  first_value(session_id ORDER BY start_time, session_id) AS session_id,
  person, identified, is_replica,
  min(start_time) AS start_time,
  max(end_time) AS end_time,
  sum(greatest(CAST(clip_end - greatest(clip_start, until_time) AS BIGINT) / 1e6, 0.0)) AS duration_s,
  count(*) AS connections_n,
  sum(greatest(starts_n - 1, 0)) AS restarts_n,
  count(*) - 1 + sum(greatest(starts_n - 1, 0)) AS reconnects_n,
  count(DISTINCT participant_id) AS participants_n,
  count(DISTINCT session_id) AS sessions_n,
  bool_or(is_open) AS is_open,
  bool_or(quarantined) AS quarantined,
  count(*) FILTER (WHERE synthetic_start) AS synth_n,
  count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n
FROM connections
GROUP BY stage_no, person, identified, is_replica, scope_no, visit_no
