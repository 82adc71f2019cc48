-- name = "occupancy"
-- group = "engagement"
-- title = "When a stage was in use"
-- question = "From when to when were there enough people on each stage at once?"
-- caveats = [
--   "Across sessions: gaps of at most --param gap do not end it.",
-- ]
-- uses = ["selected_sessions", "changes", "presence", "publishing"]
-- shared = ["stage", "session", "from", "to", "replicas", "open", "limit"]
-- params = [
--   { name = "min", type = "integer", default = "2", help = "So many participants make a stage occupied." },
--   { name = "gap", type = "duration", default = "60s", help = "A gap of at most this does not end it." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "island", type = "integer", help = "Counted from 1 for each stage." },
--   { name = "start", type = "timestamp", help = "When it began." },
--   { name = "end", type = "timestamp", help = "When it ended." },
--   { name = "dur_s", type = "float", unit = "s", help = "From start to end." },
--   { name = "sessions", type = "text-list", help = "The sessions that it touches." },
--   { name = "persons_n", type = "integer", unit = "n", help = "Persons that were there." },
--   { name = "peak_ccu", type = "integer", unit = "n", help = "Participants at once, at most." },
--   { name = "publishers_n", type = "integer", unit = "n", help = "Participants that published; replicas are not among them." },
--   { name = "open_n", type = "integer", unit = "n", help = "Intervals that nothing ended." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Intervals without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Intervals with something odd." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "gantt", x = "start", y = "dur_s", series = "stage" }

WITH by_stage AS (
  SELECT stage_no, at, sum(present_n) AS present_n
  FROM changes
  GROUP BY stage_no, at
),
running AS (
  SELECT stage_no, at, sum(present_n) OVER own AS ccu,
    lead(at) OVER own AS until_at
  FROM by_stage
  WINDOW own AS (PARTITION BY stage_no ORDER BY at ROWS UNBOUNDED PRECEDING)
),
full_times AS (
  SELECT *, lag(until_at) OVER (PARTITION BY stage_no ORDER BY at) AS before_until
  FROM running
  WHERE ccu >= $min AND until_at IS NOT NULL
),
numbered AS (
  SELECT *,
    sum(CASE WHEN before_until IS NULL OR at - before_until > arrow_cast(CAST($gap * 1e6 AS BIGINT), 'Duration(Microsecond)') THEN 1 ELSE 0 END)
      OVER (PARTITION BY stage_no ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS island
  FROM full_times
),
islands AS (
  SELECT stage_no, island, min(at) AS start_at, max(until_at) AS end_at,
    max(ccu) AS peak_ccu
  FROM numbered
  GROUP BY stage_no, island
),
people AS (
  SELECT n.stage_no, n.island, array_agg(DISTINCT i.session_id ORDER BY i.session_id) AS sessions,
    count(DISTINCT i.person) AS persons_n, count(*) FILTER (WHERE i.is_open) AS open_n,
    count(*) FILTER (WHERE i.synthetic_start) AS synth_n, count(*) FILTER (WHERE i.anomalies_n > 0) AS anomaly_n
  FROM islands n
  JOIN presence i ON i.stage_no = n.stage_no AND i.clip_start < n.end_at AND i.clip_end > n.start_at
  WHERE $replicas = 'include' OR i.is_replica = ($replicas = 'only')
  GROUP BY n.stage_no, n.island
),
media AS (
  SELECT n.stage_no, n.island, count(DISTINCT i.session_id || ' ' || i.participant_id) AS publishers_n
  FROM islands n
  JOIN publishing i ON i.stage_no = n.stage_no AND i.clip_start < n.end_at AND i.clip_end > n.start_at
  WHERE NOT i.is_replica
  GROUP BY n.stage_no, n.island
),
named AS (
  SELECT stage_no, max(stage_arn) AS stage_arn, max(stage_name) AS stage_name
  FROM selected_sessions
  GROUP BY stage_no
)
SELECT coalesce(s.stage_name, s.stage_arn) AS stage, n.island, n.start_at AS "start", n.end_at AS "end",
  CAST(n.end_at - n.start_at AS BIGINT) / 1e6 AS dur_s, p.sessions, p.persons_n, n.peak_ccu,
  coalesce(m.publishers_n, 0) AS publishers_n, p.open_n, p.synth_n, p.anomaly_n, s.stage_arn
FROM islands n
JOIN named s ON s.stage_no = n.stage_no
JOIN people p ON p.stage_no = n.stage_no AND p.island = n.island
LEFT JOIN media m ON m.stage_no = n.stage_no AND m.island = n.island
ORDER BY n.start_at, s.stage_arn
LIMIT $limit
