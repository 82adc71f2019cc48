-- name = "identity"
-- group = "tokens"
-- title = "Persons who may be more than one"
-- question = "Which user ids were in two places at once, at many providers in a day, changed in the middle of a session, or stayed beyond their token?"
-- caveats = [
--   "Persons with a user id alone, replicas left out. A signal is no proof: one person may have two devices, and a phone two providers.",
--   "ghost: two participants of one person on a stage for no longer than --param ghost, as a reconnect leaves them. shared: for longer.",
--   "When a token expires is known only after an exchange: who never exchanged one is not in past_expiry.",
--   "isp and os are those last known of a participant, where its details were read.",
-- ]
-- uses = ["presence", "participants", "token_exchanges"]
-- shared = ["stage", "session", "from", "to", "tz", "limit"]
-- params = [
--   { name = "ghost", type = "duration", default = "60s", help = "Two participants of one person that overlap for no longer are one device that reconnected." },
--   { name = "min_values", type = "integer", default = "2", help = "So many providers, or systems, of one person in one day are a signal." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "person", type = "text", help = "The user id." },
--   { name = "signal", type = "text", help = "shared, ghost, stages_at_once, many_isps, many_systems, user_changed or past_expiry." },
--   { name = "times_n", type = "integer", unit = "n", help = "How often: overlaps, days, exchanges or stays." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants that are concerned." },
--   { name = "overlap_s", type = "float", unit = "s", help = "Seconds in two places at once; NULL for other signals." },
--   { name = "isps_n", type = "integer", unit = "n", help = "Providers in one day, at most; NULL for other signals." },
--   { name = "systems_n", type = "integer", unit = "n", help = "Operating systems in one day, at most; NULL for other signals." },
--   { name = "stages_n", type = "integer", unit = "n", help = "Stages that are concerned." },
--   { name = "connected_past_expiry_s", type = "float", unit = "s", help = "Seconds on the stage after the last token had expired; NULL for other signals." },
--   { name = "evidence", type = "text", help = "One of them: where and when, and what." },
-- ]
-- chart = { kind = "bar", x = "person", y = "times_n", series = "signal" }

WITH here AS (
  SELECT * FROM presence WHERE identified AND NOT is_replica AND NOT quarantined AND duration_s > 0
),
-- Once by stage, and once over all stages, where a person on one stage counts once.
by_stage AS (
  SELECT person, stage_arn, clip_start, clip_end,
    max(clip_end) OVER (
      PARTITION BY person, stage_arn ORDER BY clip_start, clip_end, participant_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS until_time
  FROM here
),
edges AS (
  SELECT 'shared' AS signal, person, stage_arn AS place, clip_start AS at, 1 AS n FROM here
  UNION ALL
  SELECT 'shared' AS signal, person, stage_arn AS place, clip_end AS at, -1 AS n FROM here
  UNION ALL
  SELECT 'stages_at_once' AS signal, person, '' AS place, greatest(clip_start, until_time) AS at, 1 AS n
  FROM by_stage
  WHERE until_time IS NULL OR clip_end > until_time
  UNION ALL
  SELECT 'stages_at_once' AS signal, person, '' AS place, clip_end AS at, -1 AS n
  FROM by_stage
  WHERE until_time IS NULL OR clip_end > until_time
),
moments AS (
  SELECT signal, person, place, at, sum(n) AS n FROM edges GROUP BY signal, person, place, at
),
depths AS (
  SELECT signal, person, place, at,
    sum(n) OVER (PARTITION BY signal, person, place ORDER BY at) AS depth,
    lead(at) OVER (PARTITION BY signal, person, place ORDER BY at) AS until_at
  FROM moments
),
marked AS (
  SELECT *, lag(until_at) OVER (PARTITION BY signal, person, place ORDER BY at) AS before_until
  FROM depths
  WHERE depth >= 2
),
numbered AS (
  SELECT *, sum(CASE WHEN before_until IS NULL OR before_until < at THEN 1 ELSE 0 END) OVER (
      PARTITION BY signal, person, place ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS island
  FROM marked
),
overlaps AS (
  SELECT signal, person, place, island, min(at) AS from_at, max(until_at) AS to_at,
    CAST(max(until_at) - min(at) AS BIGINT) / 1e6 AS overlap_s
  FROM numbered
  GROUP BY signal, person, place, island
),
involved AS (
  SELECT CASE WHEN o.signal = 'shared' AND o.overlap_s <= $ghost THEN 'ghost' ELSE o.signal END AS signal, o.person,
    o.place, o.island, o.from_at, o.overlap_s, i.stage_arn, i.session_id, i.participant_id
  FROM overlaps o
  JOIN here i ON i.person = o.person AND i.clip_start < o.to_at AND i.clip_end > o.from_at
    AND (o.place = '' OR o.place = i.stage_arn)
),
islands AS (
  SELECT signal, person, place, island, max(overlap_s) AS overlap_s
  FROM involved
  GROUP BY signal, person, place, island
),
island_sums AS (
  SELECT signal, person, count(*) AS times_n, sum(overlap_s) AS overlap_s FROM islands GROUP BY signal, person
),
overlapping AS (
  SELECT i.signal, i.person, max(s.times_n) AS times_n,
    count(DISTINCT i.stage_arn || ' ' || i.session_id || ' ' || i.participant_id) AS participants_n,
    max(s.overlap_s) AS overlap_s, count(DISTINCT i.stage_arn) AS stages_n,
    first_value(concat_ws(' ', CAST(i.from_at AS VARCHAR), i.stage_arn, i.session_id, i.participant_id)
      ORDER BY i.overlap_s DESC, i.from_at, i.stage_arn, i.session_id, i.participant_id) AS evidence
  FROM involved i
  JOIN island_sums s ON s.signal = i.signal AND s.person = i.person
  GROUP BY i.signal, i.person
),
days AS (
  SELECT i.person, bucket_start(i.clip_start, '1d', $tz) AS day, i.stage_arn, i.session_id, i.participant_id,
    p.isp_name, p.os_name
  FROM here i
  JOIN participants p
    ON p.stage_arn = i.stage_arn AND p.session_id = i.session_id AND p.participant_id = i.participant_id
),
each_field AS (
  SELECT 'many_isps' AS signal, person, day, stage_arn, session_id, participant_id, isp_name AS value FROM days
  UNION ALL
  SELECT 'many_systems' AS signal, person, day, stage_arn, session_id, participant_id, os_name AS value FROM days
),
by_day AS (
  SELECT signal, person, day, count(DISTINCT value) AS values_n,
    array_to_string(array_agg(DISTINCT value ORDER BY value), ', ') AS told
  FROM each_field
  WHERE value IS NOT NULL
  GROUP BY signal, person, day
),
varied AS (
  SELECT d.signal, d.person, count(DISTINCT d.day) AS times_n,
    count(DISTINCT e.stage_arn || ' ' || e.session_id || ' ' || e.participant_id) AS participants_n,
    max(d.values_n) AS values_n, count(DISTINCT e.stage_arn) AS stages_n,
    first_value(CAST(d.day AS VARCHAR) || ' ' || d.told ORDER BY d.values_n DESC, d.day) AS evidence
  FROM by_day d
  JOIN each_field e ON e.signal = d.signal AND e.person = d.person AND e.day = d.day AND e.value IS NOT NULL
  WHERE d.values_n >= $min_values
  GROUP BY d.signal, d.person
),
exchanged AS (
  SELECT user_after AS person, count(*) AS times_n,
    count(DISTINCT stage_arn || ' ' || session_id || ' ' || participant_id) AS participants_n,
    count(DISTINCT stage_arn) AS stages_n,
    first_value(concat_ws(' ', CAST(event_time AS VARCHAR), stage_arn, session_id, participant_id, user_before || ' -> ' || user_after)
      ORDER BY event_time, stage_arn, session_id, participant_id) AS evidence
  FROM token_exchanges
  WHERE user_changed
  GROUP BY user_after
),
last_tokens AS (
  SELECT stage_arn, session_id, participant_id, max(event_time) AS exchanged_at,
    last_value(expires_after ORDER BY event_time, ttl_after_s, occurrence) AS expires_at,
    last_value(coalesce(user_after, user_before) ORDER BY event_time, ttl_after_s, occurrence) AS user_id
  FROM token_exchanges
  GROUP BY stage_arn, session_id, participant_id
),
overstayed AS (
  SELECT t.user_id AS person, i.stage_arn, i.session_id, i.participant_id, t.expires_at,
    CAST(i.clip_end - greatest(i.clip_start, t.expires_at) AS BIGINT) / 1e6 AS past_s
  FROM last_tokens t
  JOIN presence i
    ON i.stage_arn = t.stage_arn AND i.session_id = t.session_id AND i.participant_id = t.participant_id
    AND i.clip_end > t.expires_at AND i.clip_end > t.exchanged_at
  WHERE t.user_id IS NOT NULL AND NOT i.is_replica AND NOT i.quarantined
),
expired AS (
  SELECT person, count(*) AS times_n,
    count(DISTINCT stage_arn || ' ' || session_id || ' ' || participant_id) AS participants_n,
    count(DISTINCT stage_arn) AS stages_n, sum(past_s) AS past_s,
    first_value(concat_ws(' ', CAST(expires_at AS VARCHAR), stage_arn, session_id, participant_id)
      ORDER BY past_s DESC, expires_at, stage_arn, session_id, participant_id) AS evidence
  FROM overstayed
  GROUP BY person
)
SELECT person, signal, times_n, participants_n, overlap_s, CAST(NULL AS BIGINT) AS isps_n,
  CAST(NULL AS BIGINT) AS systems_n, stages_n, CAST(NULL AS DOUBLE) AS connected_past_expiry_s, evidence
FROM overlapping
UNION ALL
SELECT person, signal, times_n, participants_n, NULL, CASE WHEN signal = 'many_isps' THEN values_n END,
  CASE WHEN signal = 'many_systems' THEN values_n END, stages_n, NULL, evidence
FROM varied
UNION ALL
SELECT person, 'user_changed', times_n, participants_n, NULL, NULL, NULL, stages_n, NULL, evidence FROM exchanged
UNION ALL
SELECT person, 'past_expiry', times_n, participants_n, NULL, NULL, NULL, stages_n, past_s, evidence FROM expired
ORDER BY CASE signal WHEN 'shared' THEN 0 WHEN 'stages_at_once' THEN 1 WHEN 'user_changed' THEN 2
  WHEN 'past_expiry' THEN 3 WHEN 'many_isps' THEN 4 WHEN 'many_systems' THEN 5 ELSE 6 END,
  overlap_s DESC NULLS LAST, times_n DESC, person
LIMIT $limit
