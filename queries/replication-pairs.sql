-- name = "replication-pairs"
-- group = "replication"
-- title = "Stages that replicated to each other at once"
-- question = "Which stages were in a battle (\"VS mode\") with each other, how often and for how long?"
-- caveats = [
--   "A match is a stretch in which each of the two stages was replicated to the other, whoever the participants were.",
--   "--stage and --session mean the source: of a pair, both stages have to fit.",
-- ]
-- uses = ["replication"]
-- shared = ["stage", "session", "from", "to", "open", "limit"]
-- columns = [
--   { name = "stage_a", type = "text", help = "The name of the one stage; its ARN where it has none." },
--   { name = "stage_b", type = "text", help = "The name of the other." },
--   { name = "matches_n", type = "integer", unit = "n", help = "Stretches in which each was replicated to the other." },
--   { name = "overlap_s", type = "float", unit = "s", help = "Their length together." },
--   { name = "longest_s", type = "float", unit = "s", help = "The longest of them." },
--   { name = "first_start", type = "timestamp", help = "The start of the first." },
--   { name = "last_end", type = "timestamp", help = "The end of the last." },
--   { name = "open_n", type = "integer", unit = "n", help = "Replications between the two, matched or not, that had not ended when the evidence ends." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Of these replications, without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Of these, with something odd." },
--   { name = "stage_a_arn", type = "text", help = "The one stage." },
--   { name = "stage_b_arn", type = "text", help = "The other." },
-- ]
-- chart = { kind = "bar", x = "stage_a", y = "overlap_s", series = "stage_b" }

WITH spans AS (
  SELECT least(source_stage_arn, dest_stage_arn) AS a, greatest(source_stage_arn, dest_stage_arn) AS b,
    CASE WHEN source_stage_arn < dest_stage_arn THEN source_stage ELSE dest_stage END AS a_name,
    CASE WHEN source_stage_arn < dest_stage_arn THEN dest_stage ELSE source_stage END AS b_name,
    source_stage_arn < dest_stage_arn AS from_a, "start", "end", "open", synthetic_start, anomalies_n
  FROM replication
  WHERE "end" > "start"
    AND ($open = 'clip' OR ($open = 'only' AND "open") OR ($open = 'exclude' AND NOT "open"))
),
names AS (
  SELECT a, b, last_value(a_name ORDER BY "start") AS a_name, last_value(b_name ORDER BY "start") AS b_name,
    count(*) FILTER (WHERE "open") AS open_n, count(*) FILTER (WHERE synthetic_start) AS synth_n,
    count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n
  FROM spans
  GROUP BY a, b
),
changes AS (
  SELECT a, b, "start" AS at, CASE WHEN from_a THEN 1 ELSE 0 END AS ab, CASE WHEN from_a THEN 0 ELSE 1 END AS ba
  FROM spans
  UNION ALL
  SELECT a, b, "end", CASE WHEN from_a THEN -1 ELSE 0 END, CASE WHEN from_a THEN 0 ELSE -1 END
  FROM spans
),
moments AS (
  SELECT a, b, at, sum(ab) AS ab, sum(ba) AS ba
  FROM changes
  GROUP BY a, b, at
),
levels AS (
  SELECT a, b, at, lead(at) OVER (PARTITION BY a, b ORDER BY at) AS until,
    sum(ab) OVER (PARTITION BY a, b ORDER BY at) > 0 AND sum(ba) OVER (PARTITION BY a, b ORDER BY at) > 0 AS mutual
  FROM moments
),
edges AS (
  SELECT *, mutual AND NOT coalesce(lag(mutual) OVER (PARTITION BY a, b ORDER BY at), false) AS begins
  FROM levels
),
numbered AS (
  SELECT *, sum(CASE WHEN begins THEN 1 ELSE 0 END) OVER (PARTITION BY a, b ORDER BY at) AS match_n
  FROM edges
),
matches AS (
  SELECT a, b, match_n, min(at) AS began, max(until) AS ended
  FROM numbered
  WHERE mutual
  GROUP BY a, b, match_n
)
SELECT n.a_name AS stage_a, n.b_name AS stage_b,
  count(*) AS matches_n,
  sum(CAST(m.ended - m.began AS BIGINT)) / 1e6 AS overlap_s,
  max(CAST(m.ended - m.began AS BIGINT)) / 1e6 AS longest_s,
  min(m.began) AS first_start,
  max(m.ended) AS last_end,
  n.open_n, n.synth_n, n.anomaly_n,
  m.a AS stage_a_arn,
  m.b AS stage_b_arn
FROM matches m
JOIN names n ON n.a = m.a AND n.b = m.b
GROUP BY n.a_name, n.b_name, n.open_n, n.synth_n, n.anomaly_n, m.a, m.b
ORDER BY overlap_s DESC, stage_a_arn, stage_b_arn
LIMIT $limit
