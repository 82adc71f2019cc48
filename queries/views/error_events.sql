-- name = "error_events"
-- group = "view"
-- title = "Errors as they were told"
-- question = "Which errors did the service tell of the sessions that are asked for?"
-- caveats = [
--   "Whole sessions: what came before --from and after --to is there as well. The view errors leaves it out, and says what became of each.",
-- ]
-- uses = ["selected_sessions", "events"]
-- kept = true
-- shared = ["stage", "session", "from", "to"]
-- columns = [
--   { name = "session_no", type = "integer", unit = "n", help = "The number of the session among those asked for, as in selected_sessions." },
--   { name = "participant_id", type = "text", help = "The participant." },
--   { name = "event_time", type = "timestamp", help = "When; NULL where the service did not say." },
--   { name = "name", type = "text", help = "JOIN_ERROR, PUBLISH_ERROR, SUBSCRIBE_ERROR, or a newer one." },
--   { name = "error_code", type = "text", help = "The service's code; NULL where it gave none." },
--   { name = "remote_participant_id", type = "text", help = "The publisher that could not be watched." },
--   { name = "replica", type = "boolean", help = "The participant is a replica; for SUBSCRIBE_ERROR, the remote is." },
--   { name = "occurrence", type = "integer", help = "0, 1, ... among otherwise equal errors." },
-- ]

SELECT s.session_no, e.participant_id, e.event_time, e.name, e.error_code, e.remote_participant_id, e.replica,
  e.occurrence
FROM events e
JOIN selected_sessions s USING (date, stage_arn, session_id)
WHERE e.name LIKE '%\_ERROR'
