-- name = "publisher-tiers"
-- group = "usage"
-- title = "Time by number of publishers at once"
-- question = "For how long were there no, one, two or more publishers at the same time, and with how many people?"
-- caveats = [
--   "Replicas publish too: they count among the publishers, and not among the people.",
-- ]
-- uses = ["changes", "presence"]
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
--   { name = "open_n", type = "integer", unit = "n", help = "Stays of the scope that nothing ended." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Stays of the scope without a JOINED." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Stays of the scope with something odd." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "stacked-bar", x = "scope", y = "participant_min", series = "publishers_n" }

WITH running AS (
  SELECT stage_arn, stage_name, session_id, at,
    sum(present_n) OVER own AS ccu, sum(publishing_n + replicas_publishing_n) OVER own AS publishers_n,
    CAST(lead(at) OVER own - at AS BIGINT) / 1e6 AS length_s
  FROM changes
  WINDOW own AS (PARTITION BY stage_arn, session_id ORDER BY at ROWS UNBOUNDED PRECEDING)
),
summed AS (
  SELECT stage_arn, CASE WHEN $by = 'session' THEN session_id ELSE '' END AS session_id, publishers_n,
    max(stage_name) AS stage_name, sum(length_s) / 60 AS wall_min, sum(length_s * ccu) / 60 AS participant_min
  FROM running
  WHERE ccu > 0 AND length_s > 0
  GROUP BY stage_arn, CASE WHEN $by = 'session' THEN session_id ELSE '' END, publishers_n
),
stays AS (
  SELECT stage_arn, CASE WHEN $by = 'session' THEN session_id ELSE '' END AS session_id,
    count(*) FILTER (WHERE is_open) AS open_n, count(*) FILTER (WHERE synthetic_start) AS synth_n,
    count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n
  FROM presence
  WHERE NOT quarantined AND ($replicas = 'include' OR is_replica = ($replicas = 'only'))
    AND ($open = 'clip' OR is_open = ($open = 'only'))
  GROUP BY stage_arn, CASE WHEN $by = 'session' THEN session_id ELSE '' END
)
SELECT coalesce(nullif(t.session_id, ''), t.stage_name, t.stage_arn) AS scope, t.publishers_n, t.wall_min, t.participant_min,
  t.participant_min / nullif(sum(t.participant_min) OVER (PARTITION BY t.stage_arn, t.session_id), 0) AS share,
  s.open_n, s.synth_n, s.anomaly_n, t.stage_arn
FROM summed t
JOIN stays s ON s.stage_arn = t.stage_arn AND s.session_id = t.session_id
ORDER BY scope, t.stage_arn, t.publishers_n
LIMIT $limit
