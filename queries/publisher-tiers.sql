-- name = "publisher-tiers"
-- group = "usage"
-- title = "Time by number of publishers at once"
-- question = "For how long were there no, one, two or more publishers at the same time, and with how many people?"
-- caveats = [
--   "Replicas publish too: they count among the publishers, and not among the people.",
-- ]
-- uses = ["changes"]
-- shared = ["stage", "session", "from", "to", "replicas", "open", "limit"]
-- params = [
--   { name = "by", type = "text", default = "stage", choices = ["stage", "session"], help = "What is counted together." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "scope", type = "text", help = "The stage's name, or the session." },
--   { name = "publishers_n", type = "integer", unit = "n", help = "Publishers at once." },
--   { name = "wall_min", type = "float", unit = "min", help = "Minutes with so many publishers and someone on the stage." },
--   { name = "participant_min", type = "float", unit = "min", help = "Minutes of participants in that time." },
--   { name = "share", type = "float", unit = "0..1", help = "Of the participant minutes of the scope." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "stacked-bar", x = "scope", y = "participant_min", series = "publishers_n" }

WITH running AS (
  SELECT stage_arn, stage_name, session_id, at,
    sum(present_n) OVER (PARTITION BY stage_arn, session_id ORDER BY at) AS ccu,
    sum(publishing_n + replicas_publishing_n) OVER (PARTITION BY stage_arn, session_id ORDER BY at) AS publishers_n,
    CAST(lead(at) OVER (PARTITION BY stage_arn, session_id ORDER BY at) - at AS BIGINT) / 1e6 AS length_s
  FROM changes
),
summed AS (
  SELECT stage_arn, CASE WHEN $by = 'session' THEN session_id END AS session_id, publishers_n,
    max(stage_name) AS stage_name, sum(length_s) / 60 AS wall_min, sum(length_s * ccu) / 60 AS participant_min
  FROM running
  WHERE ccu > 0 AND length_s > 0
  GROUP BY stage_arn, CASE WHEN $by = 'session' THEN session_id END, publishers_n
)
SELECT coalesce(session_id, stage_name, stage_arn) AS scope, publishers_n, wall_min, participant_min,
  participant_min / nullif(sum(participant_min) OVER (PARTITION BY stage_arn, session_id), 0) AS share, stage_arn
FROM summed
ORDER BY scope, stage_arn, publishers_n
LIMIT $limit
