-- name = "replication-edges"
-- group = "replication"
-- title = "Replications by source and destination"
-- question = "Which stages are replicated to which, how often, and for how long?"
-- caveats = [
--   "Percentiles are exact below 10,000 replications of an edge, else approximate; p95_s needs 20 of them.",
--   "Replications of one edge may overlap: hours are summed, not united.",
-- ]
-- uses = ["replication"]
-- shared = ["stage", "session", "from", "to", "open", "limit"]
-- columns = [
--   { name = "source_stage", type = "text", help = "The name of the stage that participants publish on; its ARN where it has none." },
--   { name = "dest_stage", type = "text", help = "The name of the stage they are replicated to; its ARN where it has none." },
--   { name = "replications_n", type = "integer", unit = "n", help = "Replications." },
--   { name = "persons_n", type = "integer", unit = "n", help = "Persons that were replicated." },
--   { name = "duration_s", type = "float", unit = "s", help = "Seconds of replication, summed." },
--   { name = "media_s", type = "float", unit = "s", help = "Of these, with media." },
--   { name = "dead_air_s", type = "float", unit = "s", help = "Of these, without." },
--   { name = "p50_s", type = "float", unit = "s", help = "The median duration." },
--   { name = "p95_s", type = "float", unit = "s", help = "The duration that 95 % do not exceed; NULL below 20 replications." },
--   { name = "percentiles", type = "text", help = "exact or approximate." },
--   { name = "reconnect_gaps_n", type = "integer", unit = "n", help = "Gaps between two stretches of media." },
--   { name = "longest_gap_s", type = "float", unit = "s", help = "The longest of these gaps." },
--   { name = "restarts_n", type = "integer", unit = "n", help = "Further starts while one was going on." },
--   { name = "capped_n", type = "integer", unit = "n", help = "Cut because the destination session ended first." },
--   { name = "replica_row_missing_n", type = "integer", unit = "n", help = "Not listed as a replica by the destination session." },
--   { name = "open_n", type = "integer", unit = "n", help = "Not ended when the evidence ends." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "With something odd." },
--   { name = "first_start", type = "timestamp", help = "The first start." },
--   { name = "last_end", type = "timestamp", help = "The last end." },
--   { name = "source_stage_arn", type = "text", help = "The stage that participants publish on." },
--   { name = "dest_stage_arn", type = "text", help = "The stage they are replicated to." },
-- ]
-- chart = { kind = "sankey", x = "source_stage", y = "duration_s", series = "dest_stage" }

SELECT
  -- A stage may have been renamed meanwhile: the edge is between ARNs, and shows the latest name.
  last_value(source_stage ORDER BY "start") AS source_stage,
  last_value(dest_stage ORDER BY "start") AS dest_stage,
  count(*) AS replications_n,
  count(DISTINCT person) AS persons_n,
  sum(duration_s) AS duration_s,
  sum(media_s) AS media_s,
  sum(dead_air_s) AS dead_air_s,
  CASE WHEN count(*) < 10000 THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_s)
    ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_s) END AS p50_s,
  CASE WHEN count(*) < 20 THEN NULL
    WHEN count(*) < 10000 THEN percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_s)
    ELSE approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_s) END AS p95_s,
  CASE WHEN count(*) < 10000 THEN 'exact' ELSE 'approximate' END AS percentiles,
  sum(reconnect_gaps_n) AS reconnect_gaps_n,
  max(longest_gap_s) AS longest_gap_s,
  sum(restarts_n) AS restarts_n,
  count(*) FILTER (WHERE capped) AS capped_n,
  count(*) FILTER (WHERE NOT replica_row_found) AS replica_row_missing_n,
  count(*) FILTER (WHERE "open") AS open_n,
  count(*) FILTER (WHERE synthetic_start) AS synth_n,
  count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n,
  min("start") AS first_start,
  max("end") AS last_end,
  source_stage_arn,
  dest_stage_arn
FROM replication
WHERE $open = 'clip' OR ($open = 'only' AND "open") OR ($open = 'exclude' AND NOT "open")
GROUP BY source_stage_arn, dest_stage_arn
ORDER BY duration_s DESC, source_stage_arn, dest_stage_arn
LIMIT $limit
