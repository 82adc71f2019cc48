-- name = "durations"
-- group = "engagement"
-- title = "How long stays, publishings and visits last"
-- question = "How are the durations of stays, publishings and visits distributed?"
-- caveats = [
--   "Of what has ended: what is open, or longer than the period shows, is counted beside it. Leaving out the open ones makes medians too short.",
--   "Intervals that began in the period, at their whole length.",
-- ]
-- uses = ["presence", "publishing", "visits"]
-- shared = ["stage", "session", "from", "to", "replicas", "limit"]
-- params = [
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
--   { name = "stitch", type = "duration", default = "60s", help = "A gap of at most this between two stays makes them one visit." },
-- ]
-- columns = [
--   { name = "kind", type = "text", help = "join, publish or visit." },
--   { name = "bucket_from_s", type = "float", unit = "s", help = "From so many seconds." },
--   { name = "bucket_to_s", type = "float", unit = "s", help = "To less than so many; NULL for the last." },
--   { name = "n", type = "integer", unit = "n", help = "Ended intervals of that length; those without any length are left out." },
--   { name = "share", type = "float", unit = "0..1", help = "Of the ended intervals of the kind." },
--   { name = "total_h", type = "float", unit = "h", help = "Hours, summed." },
--   { name = "p50_s", type = "float", unit = "s", help = "The median of the kind." },
--   { name = "percentiles", type = "text", help = "exact (below 10,000 rows), else approximate." },
--   { name = "open_n", type = "integer", unit = "n", help = "Of the kind, not ended." },
--   { name = "zero_n", type = "integer", unit = "n", help = "Of the kind, without any length." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Intervals without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Intervals with something odd." },
-- ]
-- chart = { kind = "histogram", x = "bucket_from_s", y = "n", series = "kind" }

WITH lengths AS (
  SELECT 'join' AS kind, start_time, end_time, is_open, synthetic_start, anomalies_n > 0 AS odd
  FROM presence
  WHERE $replicas = 'include' OR is_replica = ($replicas = 'only')
  UNION ALL
  SELECT 'publish' AS kind, start_time, end_time, is_open, synthetic_start, anomalies_n > 0 AS odd
  FROM publishing
  WHERE $replicas = 'include' OR is_replica = ($replicas = 'only')
  UNION ALL
  SELECT 'visit' AS kind, start_time, end_time, is_open, synth_n > 0 AS synthetic_start, anomaly_n > 0 AS odd
  FROM visits
  WHERE $replicas = 'include' OR is_replica = ($replicas = 'only')
),
begun AS (
  SELECT kind, is_open, synthetic_start, odd, CAST(end_time - start_time AS BIGINT) / 1e6 AS length_s
  FROM lengths
  WHERE $from IS NULL OR start_time >= $from
),
marked AS (
  SELECT *, CASE WHEN NOT is_open AND length_s > 0 THEN length_s END AS ended_s FROM begun
),
kinds AS (
  SELECT kind, count(ended_s) AS kind_n,
    round(CASE WHEN count(ended_s) < 10000
      THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY ended_s)
      ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY ended_s) END, 3) AS p50_s,
    count(*) FILTER (WHERE is_open) AS open_n,
    count(*) FILTER (WHERE NOT is_open AND length_s = 0) AS zero_n,
    count(*) FILTER (WHERE synthetic_start) AS synth_n,
    count(*) FILTER (WHERE odd) AS anomaly_n,
    -- One for each of the classes below.
    make_array(
      count(*) FILTER (WHERE ended_s >= 0 AND ended_s < 10),
      count(*) FILTER (WHERE ended_s >= 10 AND ended_s < 60),
      count(*) FILTER (WHERE ended_s >= 60 AND ended_s < 300),
      count(*) FILTER (WHERE ended_s >= 300 AND ended_s < 900),
      count(*) FILTER (WHERE ended_s >= 900 AND ended_s < 1800),
      count(*) FILTER (WHERE ended_s >= 1800 AND ended_s < 3600),
      count(*) FILTER (WHERE ended_s >= 3600)
    ) AS class_n,
    make_array(
      sum(ended_s) FILTER (WHERE ended_s >= 0 AND ended_s < 10),
      sum(ended_s) FILTER (WHERE ended_s >= 10 AND ended_s < 60),
      sum(ended_s) FILTER (WHERE ended_s >= 60 AND ended_s < 300),
      sum(ended_s) FILTER (WHERE ended_s >= 300 AND ended_s < 900),
      sum(ended_s) FILTER (WHERE ended_s >= 900 AND ended_s < 1800),
      sum(ended_s) FILTER (WHERE ended_s >= 1800 AND ended_s < 3600),
      sum(ended_s) FILTER (WHERE ended_s >= 3600)
    ) AS class_s
  FROM marked
  GROUP BY kind
),
classes (number, bucket_from_s, bucket_to_s) AS (
  VALUES (1, 0.0, 10.0), (2, 10.0, 60.0), (3, 60.0, 300.0), (4, 300.0, 900.0), (5, 900.0, 1800.0),
    (6, 1800.0, 3600.0), (7, 3600.0, NULL)
)
SELECT k.kind, c.bucket_from_s, c.bucket_to_s, k.class_n[c.number] AS n,
  k.class_n[c.number] * 1.0 / nullif(k.kind_n, 0) AS share,
  coalesce(k.class_s[c.number], 0.0) / 3600 AS total_h,
  k.p50_s,
  CASE WHEN k.kind_n < 10000 THEN 'exact' ELSE 'approximate' END AS percentiles,
  k.open_n, k.zero_n, k.synth_n, k.anomaly_n
FROM kinds k
CROSS JOIN classes c
ORDER BY k.kind, c.bucket_from_s
LIMIT $limit
