-- name = "attendance"
-- group = "engagement"
-- title = "Who attended, and for how much of it"
-- question = "How long was each person in each session, and does it count as having attended?"
-- caveats = [
--   "Devices of one person are united. An overlap of at most --param ghost is a reconnect, a longer one a second device.",
--   "A person without a user id is a participant.",
-- ]
-- uses = ["presence", "sessions"]
-- shared = ["stage", "session", "from", "to", "replicas", "open", "limit"]
-- params = [
--   { name = "min_share", type = "float", default = "0.85", help = "Who was there for this share of the occupied time has attended." },
--   { name = "min_time", type = "duration", help = "Who was there for so long has attended; takes the place of min_share." },
--   { name = "ghost", type = "duration", default = "60s", help = "Two participants of one person that overlap for no longer are one device that reconnected." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "identified", type = "boolean", help = "There is a user id. Others are never united across sessions." },
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "session", type = "text", help = "The session." },
--   { name = "first_in", type = "timestamp", help = "When the person came first, or --from." },
--   { name = "last_out", type = "timestamp", help = "When the person left last, or --to." },
--   { name = "present_s", type = "float", unit = "s", help = "Seconds there, overlapping stays united." },
--   { name = "away_s", type = "float", unit = "s", help = "Seconds between first_in and last_out in which the person was not there." },
--   { name = "share", type = "float", unit = "0..1", help = "present_s of the seconds with someone on the stage." },
--   { name = "entries_n", type = "integer", unit = "n", help = "Stays: each device and each return." },
--   { name = "devices_n", type = "integer", unit = "n", help = "Devices at once, at most." },
--   { name = "attended", type = "boolean", help = "By min_share, or min_time." },
--   { name = "provisional", type = "boolean", help = "The session had not ended, or a stay is open: counted to where the evidence ends." },
--   { name = "open_n", type = "integer", unit = "n", help = "Intervals that nothing ended." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Intervals without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Intervals with something odd." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "bar", x = "person", y = "share", series = "session" }

WITH here AS (
  SELECT * FROM presence
  WHERE NOT quarantined AND ($replicas = 'include' OR is_replica = ($replicas = 'only'))
    AND ($open = 'clip' OR is_open = ($open = 'only'))
),
-- What a stay begins and ends. Shortened by what a reconnect may overlap, those that still do are devices.
edges AS (
  SELECT stage_arn, session_id, identified, person,
    CASE edge
      WHEN 'in' THEN clip_start
      WHEN 'out' THEN clip_end
      ELSE clip_end - arrow_cast(CAST($ghost * 1e6 AS BIGINT), 'Duration(Microsecond)')
    END AS at,
    present_step, CASE WHEN duration_s > $ghost THEN device_step ELSE 0 END AS device_step,
    stage_name, is_open, synthetic_start, anomalies_n
  FROM (VALUES ('in', 1, 1), ('nearly_out', 0, -1), ('out', -1, 0)) AS edges (edge, present_step, device_step)
  CROSS JOIN here
),
-- One person after the other: each ends with nothing, so that the next begins at nothing. A partition for each would
-- take several times as long.
running AS (
  SELECT *, sum(present_step) OVER session AS present_n, sum(device_step) OVER session AS devices_n,
    lead(at) OVER session AS until_at
  FROM edges
  WINDOW session AS (
    PARTITION BY stage_arn, session_id ORDER BY identified, person, at, device_step, present_step ROWS UNBOUNDED PRECEDING
  )
),
summed AS (
  SELECT stage_arn, session_id, identified, person, max(stage_name) AS stage_name,
    min(at) FILTER (WHERE present_step = 1) AS first_in, max(at) FILTER (WHERE present_step = -1) AS last_out,
    sum(CASE WHEN present_n > 0 THEN CAST(until_at - at AS BIGINT) / 1e6 ELSE 0.0 END) AS present_s,
    greatest(max(devices_n), 1) AS devices_n,
    count(*) FILTER (WHERE present_step = 1) AS entries_n,
    count(*) FILTER (WHERE present_step = 1 AND is_open) AS open_n,
    count(*) FILTER (WHERE present_step = 1 AND synthetic_start) AS synth_n,
    count(*) FILTER (WHERE present_step = 1 AND anomalies_n > 0) AS anomaly_n
  FROM running
  GROUP BY stage_arn, session_id, identified, person
),
followed AS (
  SELECT stage_arn, session_id, clip_start, clip_end,
    max(clip_end) OVER (
      PARTITION BY stage_arn, session_id ORDER BY clip_start, clip_end, participant_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS until_time
  FROM here
),
occupied AS (
  SELECT stage_arn, session_id,
    sum(greatest(CAST(clip_end - greatest(clip_start, until_time) AS BIGINT) / 1e6, 0.0)) AS occupied_s
  FROM followed
  GROUP BY stage_arn, session_id
),
shared AS (
  SELECT p.*, s.end_time IS NULL AS live, p.present_s / nullif(o.occupied_s, 0) AS share
  FROM summed p
  JOIN occupied o ON o.stage_arn = p.stage_arn AND o.session_id = p.session_id
  JOIN sessions s ON s.stage_arn = p.stage_arn AND s.session_id = p.session_id
)
SELECT person, identified, coalesce(stage_name, stage_arn) AS stage, session_id AS session, first_in, last_out,
  present_s, CAST(last_out - first_in AS BIGINT) / 1e6 - present_s AS away_s, share, entries_n, devices_n,
  CASE WHEN $min_time IS NOT NULL THEN present_s >= $min_time ELSE share >= $min_share END AS attended,
  live OR open_n > 0 AS provisional,
  open_n, synth_n, anomaly_n, stage_arn
FROM shared
ORDER BY stage_arn, session_id, present_s DESC, person
LIMIT $limit
