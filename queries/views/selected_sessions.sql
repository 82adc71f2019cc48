-- name = "selected_sessions"
-- group = "view"
-- title = "The sessions that are asked for"
-- question = "Which sessions may hold something of the stages, sessions and period that are asked for?"
-- caveats = [
--   "A day before --from and after --to is looked through as well: events may lie outside of their session.",
-- ]
-- uses = ["sessions"]
-- kept = true
-- shared = ["stage", "session", "from", "to"]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "session_no", type = "integer", unit = "n", help = "Its number among them: sooner compared than texts, where millions of rows are joined or grouped." },
--   { name = "stage_no", type = "integer", unit = "n", help = "The number of its stage among theirs." },
--   { name = "session_start", type = "timestamp", help = "When the session started." },
--   { name = "session_end", type = "timestamp", help = "When it ended; NULL where it had not, or where that is not known." },
-- ]

SELECT account_id, region, date, stage_arn, stage_name, session_id,
  row_number() OVER (ORDER BY stage_arn, session_id) AS session_no,
  dense_rank() OVER (ORDER BY stage_arn) AS stage_no,
  start_time AS session_start, end_time AS session_end
FROM sessions
WHERE ($stage IS NULL OR stage_arn ~ $stage OR stage_name ~ $stage)
  AND ($session IS NULL OR session_id ~ $session)
  AND ($to IS NULL OR start_time < $to + INTERVAL '1 day')
  AND ($from IS NULL OR end_time IS NULL OR end_time >= $from - INTERVAL '1 day')
