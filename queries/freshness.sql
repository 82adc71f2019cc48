-- name = "freshness"
-- group = "data quality"
-- title = "How fresh and how whole the lake is"
-- question = "Which sessions are in the lake, which are not yet, and how old is what is known of them?"
-- caveats = [
--   "Only sessions that a listing showed: the service forgets old ones.",
--   "lag_s is measured to --param as_of, by default now.",
-- ]
-- uses = ["sessions", "participants"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "max_lag", type = "duration", default = "26h", help = "A session that ended longer ago than this and is not in the lake is bad." },
--   { name = "as_of", type = "timestamp", default = "now", help = "The time that ages refer to." },
-- ]
-- check = { column = "ok" }
-- columns = [
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "session", type = "text", help = "The session." },
--   { name = "start", type = "timestamp", help = "When it began." },
--   { name = "end", type = "timestamp", help = "When it ended; NULL while it is live." },
--   { name = "collection", type = "text", help = "LISTED (seen, not done), COMPLETE, INCOMPLETE (given up with what there was) or LOST." },
--   { name = "live", type = "boolean", help = "It has no end yet." },
--   { name = "settled", type = "boolean", help = "All that the service had is in the lake." },
--   { name = "missing", type = "boolean", help = "It is not in the lake yet." },
--   { name = "last_fetch", type = "timestamp", help = "When the last page of its events was read." },
--   { name = "data_as_of", type = "timestamp", help = "The time as of which its rows are, or when a listing last showed it." },
--   { name = "lag_s", type = "float", unit = "s", help = "Seconds since then." },
--   { name = "waiting_s", type = "float", unit = "s", help = "Seconds since it ended, where it is not in the lake." },
--   { name = "stale_live", type = "boolean", help = "No end is known, and no listing has shown it for max_lag." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants in the lake." },
--   { name = "fetched_n", type = "integer", unit = "n", help = "Of these, with their events." },
--   { name = "failed_n", type = "integer", unit = "n", help = "Of these, whose events could not be fetched." },
--   { name = "events_n", type = "integer", unit = "n", help = "Events in the lake." },
--   { name = "attempts_n", type = "integer", unit = "n", help = "Runs in which fetching it failed." },
--   { name = "last_error", type = "text", help = "The last failure." },
--   { name = "ok", type = "boolean", help = "False where it ended longer than max_lag ago and is not in the lake, was lost or given up, or is stale." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "heat-map", x = "start", y = "lag_s", series = "stage" }

WITH picked AS (
  SELECT * FROM sessions
  WHERE ($stage IS NULL OR stage_arn ~ $stage OR stage_name ~ $stage)
    AND ($session IS NULL OR session_id ~ $session)
    AND ($to IS NULL OR start_time < $to)
    AND ($from IS NULL OR end_time IS NULL OR end_time >= $from)
),
fetched AS (
  SELECT p.stage_arn, p.session_id, max(p.events_fetched_at) AS last_fetch, count(*) AS participants_n,
    count(*) FILTER (WHERE p.events_status = 'FETCHED') AS fetched_n,
    count(*) FILTER (WHERE p.events_status = 'FAILED') AS failed_n,
    sum(p.events_n) AS events_n
  FROM participants p
  JOIN picked s USING (date, stage_arn, session_id)
  GROUP BY p.stage_arn, p.session_id
),
judged AS (
  SELECT s.*, f.last_fetch, coalesce(f.participants_n, 0) AS have_participants_n, coalesce(f.fetched_n, 0) AS fetched_n,
    coalesce(f.failed_n, 0) AS failed_n, coalesce(f.events_n, 0) AS have_events_n,
    CASE WHEN s.collection = 'LISTED' THEN s.listed_at ELSE coalesce(s.as_of, s.listed_at) END AS data_as_of,
    s.collection = 'LISTED' AND s.end_time IS NULL
      AND $as_of - s.listed_at > arrow_cast(CAST($max_lag * 1e6 AS BIGINT), 'Duration(Microsecond)') AS stale_live
  FROM picked s
  LEFT JOIN fetched f ON f.stage_arn = s.stage_arn AND f.session_id = s.session_id
)
SELECT coalesce(stage_name, stage_arn) AS stage, session_id AS session, start_time AS "start", end_time AS "end",
  collection, end_time IS NULL AS live, collection = 'COMPLETE' AS settled, collection = 'LISTED' AS missing,
  last_fetch, data_as_of, CAST($as_of - data_as_of AS BIGINT) / 1e6 AS lag_s,
  CASE WHEN collection = 'LISTED' THEN CAST($as_of - end_time AS BIGINT) / 1e6 END AS waiting_s,
  stale_live, have_participants_n AS participants_n, fetched_n, failed_n, have_events_n AS events_n, attempts_n,
  last_error,
  collection NOT IN ('INCOMPLETE', 'LOST') AND NOT stale_live
    AND NOT coalesce(collection = 'LISTED' AND $as_of - end_time > arrow_cast(CAST($max_lag * 1e6 AS BIGINT), 'Duration(Microsecond)'), false) AS ok,
  stage_arn
FROM judged
ORDER BY ok, start_time DESC, stage_arn, session_id
LIMIT $limit
