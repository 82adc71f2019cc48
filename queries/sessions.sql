-- name = "sessions"
-- group = "engagement"
-- title = "Sessions at a glance"
-- question = "Which sessions were there, how long, how many people, how much media, and did they work?"
-- caveats = [
--   "start, end, duration_s and label are of the whole session; all else is of what lies between --from and --to.",
--   "participant_min is the sum over participants: a person with two devices counts twice.",
--   "Replicas are counted apart (replicas_in_n), except where --replicas says otherwise.",
-- ]
-- uses = ["selected_sessions", "presence", "publishing", "subscriptions", "changes", "errors", "participants", "replication", "health"]
-- shared = ["stage", "session", "from", "to", "replicas", "open", "limit"]
-- params = [
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
--   { name = "recover", type = "duration", default = "30s", help = "A start within this time after an error means that it was overcome." },
--   { name = "churn", type = "float", default = "0.2", help = "A session is churny above this share of persons with two reconnects or more." },
--   { name = "stitch", type = "duration", default = "60s", help = "A gap of at most this between two stays makes them one visit." },
-- ]
-- columns = [
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "session", type = "text", help = "The session." },
--   { name = "start", type = "timestamp", help = "When it began." },
--   { name = "end", type = "timestamp", help = "When it ended; NULL while it is live." },
--   { name = "live", type = "boolean", help = "It had no end yet." },
--   { name = "duration_s", type = "float", unit = "s", help = "From start to end, or to the time as of which it is known." },
--   { name = "occupied_s", type = "float", unit = "s", help = "Seconds with someone on the stage." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants that were there." },
--   { name = "persons_n", type = "integer", unit = "n", help = "Persons that were there." },
--   { name = "identified_n", type = "integer", unit = "n", help = "Of these, with a user id." },
--   { name = "joins_n", type = "integer", unit = "n", help = "JOINED events in the period." },
--   { name = "publishers_n", type = "integer", unit = "n", help = "Participants that published." },
--   { name = "peak_ccu", type = "integer", unit = "n", help = "Participants at once, at most." },
--   { name = "peak_publishers", type = "integer", unit = "n", help = "Publishers at once, at most." },
--   { name = "peak_at", type = "timestamp", help = "The first moment with peak_ccu." },
--   { name = "avg_ccu", type = "float", unit = "n", help = "Participants on average, over the time of the session." },
--   { name = "participant_min", type = "float", unit = "min", help = "Minutes on the stage, summed over participants." },
--   { name = "publish_min", type = "float", unit = "min", help = "Minutes of publishing, summed." },
--   { name = "subscribe_min", type = "float", unit = "min", help = "Minutes of watching, summed over subscriptions." },
--   { name = "errors_n", type = "integer", unit = "n", help = "Errors." },
--   { name = "replicas_in_n", type = "integer", unit = "n", help = "Participants that are replicas of some on other stages." },
--   { name = "replicas_out_n", type = "integer", unit = "n", help = "Replications to other stages." },
--   { name = "label", type = "text", help = "How it went: failed, partial, dropped, churny or ok." },
--   { name = "open_n", type = "integer", unit = "n", help = "Intervals that nothing ended." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Intervals without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Intervals with something odd." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "bar", x = "session", y = "participant_min", series = "label" }

WITH here AS (
  SELECT stage_arn, session_id, participant_id, person, identified, clip_start, clip_end, start_time, duration_s,
    starts_n, is_open, synthetic_start, anomalies_n,
    max(clip_end) OVER (
      PARTITION BY stage_arn, session_id ORDER BY clip_start, clip_end, participant_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS until_time
  FROM presence
  WHERE NOT quarantined AND ($replicas = 'include' OR is_replica = ($replicas = 'only'))
    AND ($open = 'clip' OR is_open = ($open = 'only'))
),
there AS (
  SELECT stage_arn, session_id,
    sum(greatest(CAST(clip_end - greatest(clip_start, until_time) AS BIGINT) / 1e6, 0.0)) AS occupied_s,
    count(DISTINCT participant_id) AS participants_n,
    count(DISTINCT person) AS persons_n,
    count(DISTINCT CASE WHEN identified THEN person END) AS identified_n,
    sum(starts_n) FILTER (WHERE $from IS NULL OR start_time >= $from) AS joins_n,
    sum(duration_s) AS present_s,
    count(*) FILTER (WHERE is_open) AS open_n,
    count(*) FILTER (WHERE synthetic_start) AS synth_n,
    count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n
  FROM here
  GROUP BY stage_arn, session_id
),
published AS (
  SELECT stage_arn, session_id, count(DISTINCT participant_id) AS publishers_n, sum(duration_s) AS publish_s
  FROM publishing
  WHERE NOT quarantined AND ($replicas = 'include' OR is_replica = ($replicas = 'only'))
    AND ($open = 'clip' OR is_open = ($open = 'only'))
  GROUP BY stage_arn, session_id
),
watched AS (
  SELECT stage_arn, session_id, sum(duration_s) AS subscribe_s
  FROM subscriptions
  WHERE NOT quarantined AND ($open = 'clip' OR is_open = ($open = 'only'))
  GROUP BY stage_arn, session_id
),
running AS (
  SELECT stage_arn, session_id, at,
    sum(present_n) OVER own AS ccu, sum(publishing_n) OVER own AS publishers
  FROM changes
  WINDOW own AS (PARTITION BY stage_arn, session_id ORDER BY at ROWS UNBOUNDED PRECEDING)
),
peaks AS (
  SELECT stage_arn, session_id, max(ccu) AS peak_ccu, max(publishers) AS peak_publishers,
    first_value(at ORDER BY ccu DESC, at) AS peak_at
  FROM running
  GROUP BY stage_arn, session_id
),
failures AS (
  SELECT stage_arn, session_id, count(*) AS errors_n FROM errors GROUP BY stage_arn, session_id
),
copies AS (
  SELECT p.stage_arn, p.session_id, count(DISTINCT p.participant_id) AS replicas_in_n
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE p.replication_type = 'REPLICA'
  GROUP BY p.stage_arn, p.session_id
),
copied AS (
  SELECT source_stage_arn AS stage_arn, source_session AS session_id, count(*) AS replicas_out_n
  FROM replication
  GROUP BY source_stage_arn, source_session
)
SELECT coalesce(h.stage_name, h.stage_arn) AS stage, h.session_id AS session, h.start_time AS "start",
  h.end_time AS "end", h.live, h.duration_s,
  coalesce(t.occupied_s, 0.0) AS occupied_s,
  coalesce(t.participants_n, 0) AS participants_n,
  coalesce(t.persons_n, 0) AS persons_n,
  coalesce(t.identified_n, 0) AS identified_n,
  coalesce(t.joins_n, 0) AS joins_n,
  coalesce(p.publishers_n, 0) AS publishers_n,
  coalesce(k.peak_ccu, 0) AS peak_ccu,
  coalesce(k.peak_publishers, 0) AS peak_publishers,
  CASE WHEN k.peak_ccu > 0 THEN k.peak_at END AS peak_at,
  t.present_s / nullif(greatest(CAST(least(h.start_time + arrow_cast(CAST(h.duration_s * 1e6 AS BIGINT), 'Duration(Microsecond)'), $to) - greatest(h.start_time, $from) AS BIGINT) / 1e6, 0.0), 0) AS avg_ccu,
  coalesce(t.present_s, 0.0) / 60 AS participant_min,
  coalesce(p.publish_s, 0.0) / 60 AS publish_min,
  coalesce(w.subscribe_s, 0.0) / 60 AS subscribe_min,
  coalesce(f.errors_n, 0) AS errors_n,
  coalesce(c.replicas_in_n, 0) AS replicas_in_n,
  coalesce(o.replicas_out_n, 0) AS replicas_out_n,
  h.label,
  coalesce(t.open_n, 0) AS open_n,
  coalesce(t.synth_n, 0) AS synth_n,
  coalesce(t.anomaly_n, 0) AS anomaly_n,
  h.stage_arn
FROM health h
LEFT JOIN there t ON t.stage_arn = h.stage_arn AND t.session_id = h.session_id
LEFT JOIN published p ON p.stage_arn = h.stage_arn AND p.session_id = h.session_id
LEFT JOIN watched w ON w.stage_arn = h.stage_arn AND w.session_id = h.session_id
LEFT JOIN peaks k ON k.stage_arn = h.stage_arn AND k.session_id = h.session_id
LEFT JOIN failures f ON f.stage_arn = h.stage_arn AND f.session_id = h.session_id
LEFT JOIN copies c ON c.stage_arn = h.stage_arn AND c.session_id = h.session_id
LEFT JOIN copied o ON o.stage_arn = h.stage_arn AND o.session_id = h.session_id
ORDER BY h.start_time DESC, h.stage_arn, h.session_id
LIMIT $limit
