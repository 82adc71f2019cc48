-- name = "session-health"
-- group = "reliability"
-- title = "Sessions by how they went"
-- question = "Which sessions failed, wholly or in part, were cut off, or made people reconnect?"
-- caveats = [
--   "The worst label wins: failed, partial, dropped, churny, ok.",
--   "A lower bound: network errors of the client and bad token signatures leave no event.",
--   "Whole sessions that touch the period.",
-- ]
-- note = "a lower bound: network errors of the client and bad token signatures leave no event"
-- uses = ["health"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "churn", type = "float", default = "0.2", help = "A session is churny above this share of persons with two reconnects or more." },
--   { name = "stitch", type = "duration", default = "60s", help = "A gap of at most this between two stays makes them one visit." },
-- ]
-- columns = [
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "session", type = "text", help = "The session." },
--   { name = "start", type = "timestamp", help = "When it began." },
--   { name = "duration_s", type = "float", unit = "s", help = "From start to end, or to the time as of which it is known." },
--   { name = "live", type = "boolean", help = "It had no end yet." },
--   { name = "persons_n", type = "integer", unit = "n", help = "Persons that were there." },
--   { name = "label", type = "text", help = "failed: publishing was tried and never worked, or nobody got in. partial: someone never succeeded at something. dropped: a publishing was cut off within 10 s of an error. churny: many reconnect. Else ok." },
--   { name = "reasons", type = "text-list", help = "All of these that hold; NULL where none does." },
--   { name = "top_error", type = "text", help = "The commonest error code; NULL without errors." },
--   { name = "never_n", type = "integer", unit = "n", help = "Persons that never succeeded at something they tried." },
--   { name = "dropped_n", type = "integer", unit = "n", help = "Publishings cut off within 10 s of an error." },
--   { name = "reconnecting_n", type = "integer", unit = "n", help = "Persons with two reconnects or more." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "heat-map", x = "start", y = "session", series = "label" }

SELECT coalesce(stage_name, stage_arn) AS stage, session_id AS session, start_time AS "start", duration_s, live,
  persons_n, label, reasons, top_error, never_n, dropped_n, reconnecting_n, stage_arn
FROM health
ORDER BY CASE label WHEN 'failed' THEN 0 WHEN 'partial' THEN 1 WHEN 'dropped' THEN 2 WHEN 'churny' THEN 3 ELSE 4 END,
  start_time DESC, stage_arn, session_id
LIMIT $limit
