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
-- uses = ["selected_sessions", "presence", "participants", "token_exchanges"]
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
edges AS (
  SELECT person, stage_arn, CASE WHEN step = 1 THEN clip_start ELSE clip_end END AS at, step
  FROM (VALUES (1), (-1)) AS ends (step)
  CROSS JOIN here
),
-- How many participants each is on a stage, one stage after the other: each ends with nothing, so that the next begins at
-- nothing. A partition for each would take several times as long. Of one moment what ends comes first, and lasts no time.
on_stages AS (
  SELECT person, stage_arn, at, step, sum(step) OVER own AS depth, lead(at) OVER own AS until_at
  FROM edges
  WINDOW own AS (ORDER BY person, stage_arn, at, step ROWS UNBOUNDED PRECEDING)
),
-- Where there are several on one stage, and where a person comes to a stage or leaves it.
moments AS (
  SELECT signal, person, CASE signal WHEN 'shared' THEN stage_arn ELSE '' END AS place, at, until_at, depth, step
  FROM (VALUES ('shared'), ('stages_at_once')) AS signals (signal)
  CROSS JOIN on_stages
  WHERE CASE signal WHEN 'shared' THEN depth >= 2 ELSE depth = 0 OR (depth = 1 AND step = 1) END
),
-- And on how many stages at once, likewise. What is shared comes along, so that the stays are read once.
depths AS (
  SELECT signal, person, place, at, CASE signal WHEN 'shared' THEN depth ELSE sum(step) OVER own END AS depth,
    CASE signal WHEN 'shared' THEN until_at ELSE lead(at) OVER own END AS until_at
  FROM moments
  WINDOW own AS (PARTITION BY signal ORDER BY person, place, at, step ROWS UNBOUNDED PRECEDING)
),
marked AS (
  SELECT *, lag(until_at) OVER (PARTITION BY signal, person, place ORDER BY at) AS before_until
  FROM depths
  WHERE depth >= 2 AND until_at > at
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
-- By the days that both have, so that not each of a person's stays meets each overlap; a pair is taken on the
-- first of these.
overlap_days AS (
  SELECT *, unnest(buckets(from_at, to_at, '1d', 'UTC')) AS day FROM overlaps
),
stay_days AS (
  SELECT *, unnest(buckets(clip_start, clip_end, '1d', 'UTC')) AS day FROM here
),
involved AS (
  SELECT CASE WHEN o.signal = 'shared' AND o.overlap_s <= $ghost THEN 'ghost' ELSE o.signal END AS signal, o.person,
    o.place, o.island, o.from_at, o.overlap_s, i.stage_arn, i.session_id, i.participant_id
  FROM overlap_days o
  JOIN stay_days i ON i.person = o.person AND i.day['start'] = o.day['start']
    AND i.clip_start < o.to_at AND i.clip_end > o.from_at AND (o.place = '' OR o.place = i.stage_arn)
    AND greatest(i.clip_start, o.from_at) >= o.day['start']
),
counted AS (
  SELECT *, lag(from_at) OVER (PARTITION BY signal, person, place, island ORDER BY from_at) IS NULL AS is_first
  FROM involved
),
overlapping AS (
  SELECT signal, person, count(*) FILTER (WHERE is_first) AS times_n,
    count(DISTINCT stage_arn || ' ' || session_id || ' ' || participant_id) AS participants_n,
    sum(overlap_s) FILTER (WHERE is_first) AS overlap_s, count(DISTINCT stage_arn) AS stages_n,
    first_value(concat_ws(' ', CAST(from_at AS VARCHAR), stage_arn, session_id, participant_id)
      ORDER BY overlap_s DESC, from_at, stage_arn, session_id, participant_id) AS evidence
  FROM counted
  GROUP BY signal, person
),
listed AS (
  SELECT p.stage_arn, p.session_id, p.participant_id, p.isp_name, p.os_name
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE p.isp_name IS NOT NULL OR p.os_name IS NOT NULL
),
days AS (
  SELECT i.person, unnest(buckets(i.clip_start, i.clip_end, '1d', $tz)) AS day,
    i.stage_arn, i.session_id, i.participant_id, p.isp_name, p.os_name
  FROM here i
  JOIN listed p
    ON p.stage_arn = i.stage_arn AND p.session_id = i.session_id AND p.participant_id = i.participant_id
),
each_field AS (
  SELECT signal, person, day['start'] AS day, stage_arn, session_id, participant_id,
    CASE signal WHEN 'many_isps' THEN isp_name ELSE os_name END AS value
  FROM (VALUES ('many_isps'), ('many_systems')) AS fields (signal)
  CROSS JOIN days
),
day_values AS (
  SELECT DISTINCT signal, person, day, value FROM each_field WHERE value IS NOT NULL
),
by_day AS (
  SELECT signal, person, day, count(*) AS values_n, array_to_string(array_agg(value ORDER BY value), ', ') AS told
  FROM day_values
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
