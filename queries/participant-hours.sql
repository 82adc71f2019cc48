-- name = "participant-hours"
-- group = "usage"
-- title = "Participant hours by role"
-- question = "How many hours did participants spend on the stages, as publishers and as viewers?"
-- caveats = [
--   "Hours are summed over participants: a person with two devices counts twice, as in a bill. They are cut at the edges of buckets.",
--   "publisher means while publishing, viewer all other time; replicas are a line of their own.",
--   "participants_n can't be added up over roles and buckets, peak_ccu not at all.",
-- ]
-- uses = ["presence", "publishing", "subscriptions", "levels"]
-- shared = ["stage", "session", "from", "to", "replicas", "open", "tz", "limit"]
-- params = [
--   { name = "bucket", type = "bucket", default = "1d", help = "The length of a bucket of time." },
--   { name = "by", type = "text", default = "stage", choices = ["stage", "session", "all"], help = "What is counted together." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "bucket", type = "timestamp", help = "The start of the bucket." },
--   { name = "scope", type = "text", help = "The stage's name, the session, or all." },
--   { name = "role", type = "text", help = "publisher, viewer or replica." },
--   { name = "participant_h", type = "float", unit = "h", help = "Hours on the stage in that role." },
--   { name = "publish_h", type = "float", unit = "h", help = "Hours of publishing." },
--   { name = "subscribe_h", type = "float", unit = "h", help = "Hours of watching, summed over subscriptions; those of a participant that publishes meanwhile are the publisher's." },
--   { name = "replica_h", type = "float", unit = "h", help = "Hours of replicas." },
--   { name = "open_h", type = "float", unit = "h", help = "Of participant_h, in stays that nothing ended: cut where the evidence ends." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants in that role." },
--   { name = "publishers_ever_n", type = "integer", unit = "n", help = "Of these, that published at any time of their session." },
--   { name = "peak_ccu", type = "integer", unit = "n", help = "Participants at once in the bucket, at most, whatever their role; without replicas." },
--   { name = "open_n", type = "integer", unit = "n", help = "Stays that nothing ended." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Stays without a JOINED." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Stays with something odd." },
--   { name = "stage_arn", type = "text", help = "The stage; NULL for all." },
-- ]
-- chart = { kind = "stacked-area", x = "bucket", y = "participant_h", series = "role" }

WITH stays AS (
  SELECT * FROM presence
  WHERE NOT quarantined AND ($open = 'clip' OR is_open = ($open = 'only'))
),
published AS (
  SELECT * FROM publishing
  WHERE NOT quarantined AND ($open = 'clip' OR is_open = ($open = 'only'))
),
watched AS (
  SELECT * FROM subscriptions
  WHERE NOT quarantined AND ($open = 'clip' OR is_open = ($open = 'only'))
),
-- Each stay once as a viewer's; what it shares with publishing is moved to the publisher below.
spans AS (
  SELECT stage_arn, stage_name, session_id, participant_id, CASE WHEN is_replica THEN 'replica' ELSE 'viewer' END AS role,
    'present' AS measure, clip_start, clip_end, 1 AS sign, is_open, synthetic_start, anomalies_n, publisher
  FROM stays
  UNION ALL
  SELECT i.stage_arn, i.stage_name, i.session_id, i.participant_id, r.role, 'present' AS measure,
    greatest(i.clip_start, p.clip_start) AS clip_start, least(i.clip_end, p.clip_end) AS clip_end, r.sign,
    i.is_open, false AS synthetic_start, 0 AS anomalies_n, true AS publisher
  FROM stays i
  JOIN published p
    ON p.stage_arn = i.stage_arn AND p.session_id = i.session_id AND p.participant_id = i.participant_id
    AND p.clip_start < i.clip_end AND p.clip_end > i.clip_start
  CROSS JOIN (VALUES ('publisher', 1), ('viewer', -1)) AS r (role, sign)
  WHERE NOT i.is_replica
  UNION ALL
  SELECT stage_arn, stage_name, session_id, participant_id,
    CASE WHEN is_replica THEN 'replica' ELSE 'publisher' END AS role, 'publish' AS measure, clip_start, clip_end,
    1 AS sign, is_open, false AS synthetic_start, 0 AS anomalies_n, publisher
  FROM published
  UNION ALL
  SELECT stage_arn, stage_name, session_id, participant_id, 'viewer' AS role, 'subscribe' AS measure,
    clip_start, clip_end, 1 AS sign, is_open, false AS synthetic_start, 0 AS anomalies_n, publisher
  FROM watched
  UNION ALL
  SELECT i.stage_arn, i.stage_name, i.session_id, i.participant_id, r.role, 'subscribe' AS measure,
    greatest(i.clip_start, p.clip_start) AS clip_start, least(i.clip_end, p.clip_end) AS clip_end, r.sign,
    i.is_open, false AS synthetic_start, 0 AS anomalies_n, true AS publisher
  FROM watched i
  JOIN published p
    ON p.stage_arn = i.stage_arn AND p.session_id = i.session_id AND p.participant_id = i.participant_id
    AND p.clip_start < i.clip_end AND p.clip_end > i.clip_start
  CROSS JOIN (VALUES ('publisher', 1), ('viewer', -1)) AS r (role, sign)
  WHERE NOT p.is_replica
),
numbered AS (
  SELECT *,
    CASE $by WHEN 'stage' THEN stage_arn WHEN 'session' THEN stage_arn || ' ' || session_id ELSE 'all' END AS scope_key,
    unnest(buckets(clip_start, clip_end, $bucket, $tz)) AS span
  FROM spans
  WHERE clip_end > clip_start
),
pieces AS (
  SELECT *,
    span['start'] AS bucket,
    CAST(least(clip_end, span['end']) - greatest(clip_start, span['start']) AS BIGINT) * sign / 3.6e9 AS hours
  FROM numbered
),
by_participant AS (
  SELECT bucket, scope_key, role, stage_arn, session_id, participant_id,
    max(stage_name) AS stage_name,
    coalesce(sum(hours) FILTER (WHERE measure = 'present'), 0.0) AS participant_h,
    coalesce(sum(hours) FILTER (WHERE measure = 'publish'), 0.0) AS publish_h,
    coalesce(sum(hours) FILTER (WHERE measure = 'subscribe'), 0.0) AS subscribe_h,
    coalesce(sum(hours) FILTER (WHERE measure = 'present' AND is_open), 0.0) AS open_h,
    bool_or(publisher) AS publisher,
    count(*) FILTER (WHERE measure = 'present' AND sign = 1 AND role <> 'publisher' AND is_open) AS open_n,
    count(*) FILTER (WHERE measure = 'present' AND synthetic_start) AS synth_n,
    count(*) FILTER (WHERE measure = 'present' AND anomalies_n > 0) AS anomaly_n
  FROM pieces
  GROUP BY bucket, scope_key, role, stage_arn, session_id, participant_id
),
summed AS (
  SELECT bucket, scope_key, role,
    CASE $by WHEN 'stage' THEN max(coalesce(stage_name, stage_arn)) WHEN 'session' THEN max(session_id) ELSE 'all' END AS scope,
    CASE WHEN $by <> 'all' THEN max(stage_arn) END AS stage_arn,
    sum(participant_h) AS participant_h, sum(publish_h) AS publish_h, sum(subscribe_h) AS subscribe_h,
    sum(open_h) AS open_h,
    -- Less than a microsecond is what the subtraction leaves.
    count(*) FILTER (WHERE participant_h > 2e-10) AS participants_n,
    count(*) FILTER (WHERE participant_h > 2e-10 AND publisher) AS publishers_ever_n,
    sum(open_n) AS open_n, sum(synth_n) AS synth_n, sum(anomaly_n) AS anomaly_n
  FROM by_participant
  GROUP BY bucket, scope_key, role
)
SELECT s.bucket, s.scope, s.role, s.participant_h, s.publish_h, s.subscribe_h,
  CASE WHEN s.role = 'replica' THEN s.participant_h ELSE 0.0 END AS replica_h,
  s.open_h, s.participants_n, s.publishers_ever_n, coalesce(l.peak_ccu, 0) AS peak_ccu,
  s.open_n, s.synth_n, s.anomaly_n, s.stage_arn
FROM summed s
LEFT JOIN levels l ON l.scope_key = s.scope_key AND l.bucket = s.bucket
WHERE s.participants_n > 0 OR s.publish_h > 0 OR s.subscribe_h > 2e-10
ORDER BY s.bucket, s.scope, s.scope_key, s.role
LIMIT $limit
