-- name = "coverage"
-- group = "data quality"
-- title = "How much of a period is in the lake"
-- question = "Of the sessions of this period, how many are in the lake, and how many are not yet?"
-- caveats = [
--   "The service forgets sessions: what no listing ever showed is not counted.",
-- ]
-- uses = ["sessions"]
-- shared = ["stage", "session", "from", "to"]
-- columns = [
--   { name = "sessions_n", type = "integer", help = "Sessions of the period that a listing showed." },
--   { name = "collected_n", type = "integer", help = "In the lake." },
--   { name = "missing_n", type = "integer", help = "Not in the lake yet: live, unsettled, waiting or failing." },
--   { name = "lost_n", type = "integer", help = "Given up with nothing." },
--   { name = "pruned_n", type = "integer", help = "Collected once; the rows were deleted since." },
--   { name = "collected_share", type = "float", unit = "0..1", help = "In the lake, of all; NULL where there are none." },
-- ]

SELECT
  count(*) AS sessions_n,
  count(*) FILTER (WHERE collection IN ('COMPLETE', 'INCOMPLETE') AND pruned_at IS NULL) AS collected_n,
  count(*) FILTER (WHERE collection = 'LISTED') AS missing_n,
  count(*) FILTER (WHERE collection = 'LOST') AS lost_n,
  count(*) FILTER (WHERE collection IN ('COMPLETE', 'INCOMPLETE') AND pruned_at IS NOT NULL) AS pruned_n,
  CAST(count(*) FILTER (WHERE collection IN ('COMPLETE', 'INCOMPLETE') AND pruned_at IS NULL) AS DOUBLE)
    / nullif(count(*), 0) AS collected_share
FROM sessions
WHERE ($stage IS NULL OR stage_arn ~ $stage OR stage_name ~ $stage)
  AND ($session IS NULL OR session_id ~ $session)
  AND ($to IS NULL OR start_time < $to)
  AND ($from IS NULL OR end_time IS NULL OR end_time >= $from)
