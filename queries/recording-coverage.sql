-- name = "recording-coverage"
-- group = "usage"
-- title = "What was recorded"
-- question = "Which publishers were recorded, and which were not although others of their stage were?"
-- caveats = [
--   "The state of a recording is the last known one. Replicas are judged on their own row.",
--   "The prefix in S3 is known where the details of a participant were read.",
-- ]
-- uses = ["publishing", "participants"]
-- shared = ["stage", "session", "from", "to", "open", "limit"]
-- params = [
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "state", type = "text", help = "The state of the recording; (none) where the service gave none." },
--   { name = "publishers_n", type = "integer", unit = "n", help = "Participants that published." },
--   { name = "publish_h", type = "float", unit = "h", help = "Hours of their publishing." },
--   { name = "at_risk_h", type = "float", unit = "h", help = "Of these, where the recording failed, or is off although others of the stage are recorded." },
--   { name = "s3_prefix_missing_n", type = "integer", unit = "n", help = "Recorded, details read, and no prefix in S3." },
--   { name = "open_n", type = "integer", unit = "n", help = "Intervals that nothing ended." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Intervals without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Intervals with something odd." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "stacked-bar", x = "stage", y = "publish_h", series = "state" }

WITH hours AS (
  SELECT date, stage_arn, session_id, participant_id, max(stage_name) AS stage_name,
    sum(duration_s) / 3600 AS publish_h, count(*) FILTER (WHERE is_open) AS open_n,
    count(*) FILTER (WHERE synthetic_start) AS synth_n, count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n
  FROM publishing
  WHERE NOT quarantined AND ($open = 'clip' OR is_open = ($open = 'only'))
  GROUP BY date, stage_arn, session_id, participant_id
),
stated AS (
  SELECT h.*, coalesce(p.recording_state, '(none)') AS state, p.details_status, p.recording_s3_prefix,
    bool_or(coalesce(p.recording_state, 'DISABLED') NOT IN ('DISABLED', 'FAILED'))
      OVER (PARTITION BY h.stage_arn) AS stage_records
  FROM hours h
  LEFT JOIN participants p USING (date, stage_arn, session_id, participant_id)
)
SELECT coalesce(max(stage_name), stage_arn) AS stage, state, count(*) AS publishers_n, sum(publish_h) AS publish_h,
  sum(CASE WHEN state = 'FAILED' OR (state IN ('DISABLED', '(none)') AND stage_records) THEN publish_h ELSE 0.0 END)
    AS at_risk_h,
  count(*) FILTER (WHERE state NOT IN ('DISABLED', 'FAILED', '(none)') AND details_status = 'FETCHED'
    AND recording_s3_prefix IS NULL) AS s3_prefix_missing_n,
  sum(open_n) AS open_n, sum(synth_n) AS synth_n, sum(anomaly_n) AS anomaly_n,
  stage_arn
FROM stated
GROUP BY stage_arn, state
ORDER BY stage, stage_arn, state
LIMIT $limit
