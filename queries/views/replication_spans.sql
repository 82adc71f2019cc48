-- name = "replication_spans"
-- group = "view"
-- title = "Replications as they were told"
-- question = "From when to when was each participant replicated to another stage, by the events alone?"
-- caveats = [
--   "Whole sessions: what lies before --from and after --to is there as well. The view replication leaves it out, and ends each with the destination's session.",
-- ]
-- uses = ["selected_sessions", "intervals"]
-- kept = true
-- shared = ["stage", "session", "from", "to"]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage that is replicated from." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "Its session." },
--   { name = "participant_id", type = "text", help = "The participant." },
--   { name = "user_id", type = "text", help = "Its user id as of the start." },
--   { name = "destination_stage_arn", type = "text", help = "The stage that is replicated to." },
--   { name = "destination_session_id", type = "text", help = "Its session, where it was told." },
--   { name = "start_time", type = "timestamp", help = "When it began." },
--   { name = "end_time", type = "timestamp", help = "When it ended." },
--   { name = "starts_n", type = "integer", unit = "n", help = "Start events that it holds." },
--   { name = "end_reason", type = "text", help = "What ended it: EXPLICIT, LEFT, SESSION_END or OPEN." },
--   { name = "synthetic_start", type = "boolean", help = "It began without a start event." },
--   { name = "anomalies", type = "text-list", help = "What is odd about it." },
-- ]

SELECT i.account_id, i.region, i.date, i.stage_arn, s.stage_name, i.session_id, i.participant_id, i.user_id,
  i.destination_stage_arn, i.destination_session_id, i.start_time, i.end_time, i.starts_n, i.end_reason,
  i.synthetic_start, i.anomalies
FROM intervals i
JOIN selected_sessions s USING (date, stage_arn, session_id)
WHERE i.kind = 'REPLICATION'
  -- What a destination tells of itself is the same replication once more.
  AND i.destination_stage_arn IS DISTINCT FROM i.stage_arn
