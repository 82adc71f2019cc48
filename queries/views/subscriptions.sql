-- name = "subscriptions"
-- group = "view"
-- title = "Who watched whom, from when to when"
-- question = "From when to when did each participant receive which publisher?"
-- caveats = [
--   "duration_s, clip_start and clip_end are of what lies between --from and --to; start_time and end_time are whole.",
-- ]
-- uses = ["selected_sessions", "intervals"]
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
--   { name = "session_no", type = "integer", unit = "n", help = "Its number among those asked for, as in selected_sessions." },
--   { name = "participant_id", type = "text", help = "The participant." },
--   { name = "remote_participant_id", type = "text", help = "The publisher that was watched." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "identified", type = "boolean", help = "There is a user id. Others are never united across sessions." },
--   { name = "start_time", type = "timestamp", help = "When it began, also where that is before --from." },
--   { name = "end_time", type = "timestamp", help = "When it ended, also where that is after --to." },
--   { name = "clip_start", type = "timestamp", help = "When it began, or --from." },
--   { name = "clip_end", type = "timestamp", help = "When it ended, or --to." },
--   { name = "duration_s", type = "float", unit = "s", help = "Seconds between clip_start and clip_end." },
--   { name = "starts_n", type = "integer", unit = "n", help = "Start events that it holds; 0 for a synthetic start." },
--   { name = "end_reason", type = "text", help = "What ended it: EXPLICIT, LEFT, REMOTE_GONE, SESSION_END or OPEN." },
--   { name = "is_open", type = "boolean", help = "Nothing ended it: it is cut where the evidence ends." },
--   { name = "quarantined", type = "boolean", help = "Open for longer than max_open: left out of durations." },
--   { name = "synthetic_start", type = "boolean", help = "It began without a start event." },
--   { name = "anomalies_n", type = "integer", unit = "n", help = "Odd things about it." },
--   { name = "remote_is_replica", type = "boolean", help = "The publisher is a replica of one on another stage." },
--   { name = "publisher", type = "boolean", help = "The participant ever published in this session." },
-- ]

SELECT s.account_id, s.region, i.date, i.stage_arn, s.stage_name, i.session_id, s.session_no,
  i.participant_id, i.remote_participant_id,
  coalesce(i.user_id, i.participant_id) AS person,
  i.user_id IS NOT NULL AS identified,
  i.start_time,
  i.end_time,
  greatest(i.start_time, $from) AS clip_start,
  least(i.end_time, $to) AS clip_end,
  CAST(least(i.end_time, $to) - greatest(i.start_time, $from) AS BIGINT) / 1e6 AS duration_s,
  i.starts_n,
  i.end_reason,
  i.end_reason = 'OPEN' AS is_open,
  i.end_reason = 'OPEN' AND i.end_time - i.start_time > arrow_cast(CAST($max_open * 1e6 AS BIGINT), 'Duration(Microsecond)') AS quarantined,
  i.synthetic_start,
  cardinality(i.anomalies) AS anomalies_n,
  i.replica AS remote_is_replica,
  i.publisher
FROM intervals i
JOIN selected_sessions s USING (date, stage_arn, session_id)
WHERE i.kind = 'SUBSCRIBE'
  AND ($to IS NULL OR i.start_time < $to)
  AND ($from IS NULL OR i.end_time > $from OR i.start_time >= $from)
