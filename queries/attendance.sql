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
followed AS (
  SELECT *,
    max(clip_end) OVER (
      PARTITION BY stage_arn, session_id, identified, person ORDER BY clip_start, clip_end, participant_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS own_until,
    max(clip_end) OVER (
      PARTITION BY stage_arn, session_id ORDER BY clip_start, clip_end, participant_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS all_until
  FROM here
),
summed AS (
  SELECT stage_arn, session_id, identified, person, max(stage_name) AS stage_name,
    min(clip_start) AS first_in, max(clip_end) AS last_out,
    sum(greatest(CAST(clip_end - greatest(clip_start, own_until) AS BIGINT) / 1e6, 0.0)) AS present_s,
    count(*) AS entries_n,
    count(*) FILTER (WHERE is_open) AS open_n,
    count(*) FILTER (WHERE synthetic_start) AS synth_n,
    count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n
  FROM followed
  GROUP BY stage_arn, session_id, identified, person
),
occupied AS (
  SELECT stage_arn, session_id,
    sum(greatest(CAST(clip_end - greatest(clip_start, all_until) AS BIGINT) / 1e6, 0.0)) AS occupied_s
  FROM followed
  GROUP BY stage_arn, session_id
),
-- Stays shortened by what a reconnect may overlap: those that still do are devices.
edges AS (
  SELECT stage_arn, session_id, identified, person, clip_start AS at, 1 AS n
  FROM here
  WHERE duration_s > $ghost
  UNION ALL
  SELECT stage_arn, session_id, identified, person, clip_end - arrow_cast(CAST($ghost * 1e6 AS BIGINT), 'Duration(Microsecond)') AS at, -1 AS n
  FROM here
  WHERE duration_s > $ghost
),
moments AS (
  SELECT stage_arn, session_id, identified, person, at, sum(n) AS n
  FROM edges
  GROUP BY stage_arn, session_id, identified, person, at
),
running AS (
  SELECT stage_arn, session_id, identified, person,
    sum(n) OVER (PARTITION BY stage_arn, session_id, identified, person ORDER BY at) AS depth
  FROM moments
),
devices AS (
  SELECT stage_arn, session_id, identified, person, max(depth) AS devices_n
  FROM running
  GROUP BY stage_arn, session_id, identified, person
),
shared AS (
  SELECT p.*, coalesce(d.devices_n, 1) AS devices_n, s.end_time IS NULL AS live,
    p.present_s / nullif(o.occupied_s, 0) AS share
  FROM summed p
  JOIN occupied o ON o.stage_arn = p.stage_arn AND o.session_id = p.session_id
  JOIN sessions s ON s.stage_arn = p.stage_arn AND s.session_id = p.session_id
  LEFT JOIN devices d
    ON d.stage_arn = p.stage_arn AND d.session_id = p.session_id AND d.identified = p.identified
    AND d.person = p.person
)
SELECT person, identified, coalesce(stage_name, stage_arn) AS stage, session_id AS session, first_in, last_out,
  present_s, CAST(last_out - first_in AS BIGINT) / 1e6 - present_s AS away_s, share, entries_n, devices_n,
  CASE WHEN $min_time IS NOT NULL THEN present_s >= $min_time ELSE share >= $min_share END AS attended,
  live OR open_n > 0 AS provisional,
  open_n, synth_n, anomaly_n, stage_arn
FROM shared
ORDER BY stage_arn, session_id, present_s DESC, person
LIMIT $limit
