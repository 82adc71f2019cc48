-- name = "funnel"
-- group = "engagement"
-- title = "How far participants get"
-- question = "Of those who tried to come, how many got in, tried media, got it, kept it and left cleanly?"
-- caveats = [
--   "Who ever tried to publish is a publisher, all others are viewers: what the token allowed is unknown.",
--   "A step counts in whatever order the events stand, and only where the steps before it were reached.",
--   "A participant belongs to the period in which it first tried. Who is still there, and has not sustained media or left, is not in the rates of these two steps.",
--   "isp, os, browser and sdk are those last known of a participant, where its details were read.",
-- ]
-- note = "rates of success are upper bounds: network errors of the client and bad token signatures leave no event"
-- uses = ["attempts", "selected_sessions", "participants", "dimensions", "intervals", "error_events"]
-- shared = ["stage", "session", "from", "to", "replicas", "limit"]
-- params = [
--   { name = "by", type = "choices", default = "none", choices = ["none", "stage", "session", "sdk", "os", "browser", "isp", "protocol"], help = "What to group by; several with commas between." },
--   { name = "sustain", type = "duration", default = "30s", help = "Media are sustained after so long, publishing and watching taken together." },
--   { name = "clean", type = "duration", default = "10s", help = "Who leaves within this time after an error does not leave cleanly." },
-- ]
-- columns = [
--   { name = "dimension", type = "text", help = "What --by asks for, in the order of its choices; all without it." },
--   { name = "role", type = "text", help = "publisher or viewer." },
--   { name = "step_no", type = "integer", help = "Counted from 1." },
--   { name = "step", type = "text", help = "tried, joined, media_tried, media_started, sustained or clean_exit." },
--   { name = "n", type = "integer", unit = "n", help = "Participants that reached it." },
--   { name = "of_prev_n", type = "integer", unit = "n", help = "Of so many that reached the step before; NULL for the first." },
--   { name = "of_prev", type = "float", unit = "0..1", help = "Of those that reached the step before." },
--   { name = "of_prev_ci_lo", type = "float", unit = "0..1", help = "The lower end of its 95 % interval (Wilson)." },
--   { name = "of_prev_ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "of_first_n", type = "integer", unit = "n", help = "Of so many that tried." },
--   { name = "of_first", type = "float", unit = "0..1", help = "Of those that tried." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of its 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30: too few to compare." },
--   { name = "median_s_to_step", type = "float", unit = "s", help = "Seconds from the first try to the step: the median of those that reached it." },
--   { name = "percentiles", type = "text", help = "exact (below 10,000 rows), else approximate." },
--   { name = "live_n", type = "integer", unit = "n", help = "Still there, and not at the step: in neither of its rates." },
-- ]
-- chart = { kind = "bar", x = "step", y = "of_first", series = "dimension" }

-- Who is listed has tried, whatever its events say.
WITH listed AS (
  SELECT s.session_no, p.participant_id, p.first_join_time,
    p.replication_type = 'REPLICA' AS is_replica
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
),
tries AS (
  SELECT session_no, participant_id,
    min(first_attempt) AS first_try,
    min(CASE WHEN action <> 'join' THEN first_attempt END) AS media_try,
    min(CASE WHEN action <> 'join' THEN first_start END) AS media_start,
    bool_or(action = 'publish' AND attempts_n > 0) AS publishes,
    bool_or(action <> 'subscribe' AND is_replica) AS is_replica
  FROM attempts
  GROUP BY session_no, participant_id
),
stays AS (
  SELECT s.session_no, i.participant_id, min(i.start_time) AS joined_at, max(i.end_time) AS left_at,
    last_value(i.end_reason ORDER BY i.end_time, i.start_time) AS end_reason,
    bool_or(i.end_reason = 'OPEN') AS is_open, bool_or(i.replica) AS is_replica
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind = 'PRESENCE'
  GROUP BY s.session_no, i.participant_id
),
media AS (
  SELECT session_no, participant_id, start_time, end_time
  FROM intervals
  JOIN selected_sessions USING (date, stage_arn, session_id)
  WHERE kind IN ('PUBLISH', 'SUBSCRIBE')
),
edges AS (
  SELECT session_no, participant_id, step,
    CASE WHEN step = 1 THEN start_time ELSE end_time END AS at
  FROM (VALUES (1), (-1)) AS ends (step)
  CROSS JOIN media
),
-- One participant after the other: each ends without media, so that the next begins without. A partition for each
-- would take many times as long.
levels AS (
  SELECT *, sum(step) OVER session AS media_n, lead(at) OVER session AS until_at,
    lag(participant_id) OVER session IS DISTINCT FROM participant_id AS is_first
  FROM edges
  WINDOW session AS (PARTITION BY session_no ORDER BY participant_id, at, step DESC ROWS UNBOUNDED PRECEDING)
),
lengths AS (
  SELECT *, CASE WHEN media_n > 0 THEN CAST(until_at - at AS BIGINT) ELSE 0 END AS length_us FROM levels
),
-- The time with media of all so far.
summed AS (
  SELECT *, sum(length_us) OVER (
      PARTITION BY session_no ORDER BY participant_id, at, step DESC ROWS UNBOUNDED PRECEDING
    ) AS media_us
  FROM lengths
),
-- And of all before this one.
followed AS (
  SELECT *, max(CASE WHEN is_first THEN media_us - length_us END) OVER (
      PARTITION BY session_no ORDER BY participant_id, at, step DESC ROWS UNBOUNDED PRECEDING
    ) AS before_us
  FROM summed
),
sustained AS (
  SELECT session_no, participant_id,
    min(until_at - arrow_cast(media_us - before_us - CAST($sustain * 1e6 AS BIGINT), 'Duration(Microsecond)')) AS sustained_at
  FROM followed
  WHERE length_us > 0 AND media_us - before_us >= CAST($sustain * 1e6 AS BIGINT)
  GROUP BY session_no, participant_id
),
troubled AS (
  SELECT DISTINCT t.session_no, t.participant_id
  FROM error_events e
  JOIN stays t USING (session_no, participant_id)
  WHERE e.event_time <= t.left_at
    AND t.left_at - e.event_time <= arrow_cast(CAST($clean * 1e6 AS BIGINT), 'Duration(Microsecond)')
),
everyone AS (
  SELECT session_no, participant_id FROM listed
  UNION
  SELECT session_no, participant_id FROM tries
  UNION
  SELECT session_no, participant_id FROM stays
),
people AS (
  SELECT e.session_no, e.participant_id,
    coalesce(t.publishes, false) AS publishes,
    coalesce(l.is_replica, false) OR coalesce(t.is_replica, false) OR coalesce(s.is_replica, false) AS is_replica,
    coalesce(least(t.first_try, s.joined_at, l.first_join_time), c.session_start) AS tried_at,
    s.joined_at, t.media_try, t.media_start, u.sustained_at,
    CASE WHEN s.end_reason = 'EXPLICIT' AND x.participant_id IS NULL THEN s.left_at END AS clean_at,
    coalesce(s.is_open, false) AS is_live
  FROM everyone e
  JOIN selected_sessions c ON c.session_no = e.session_no
  LEFT JOIN listed l ON l.session_no = e.session_no AND l.participant_id = e.participant_id
  LEFT JOIN tries t ON t.session_no = e.session_no AND t.participant_id = e.participant_id
  LEFT JOIN stays s ON s.session_no = e.session_no AND s.participant_id = e.participant_id
  LEFT JOIN sustained u ON u.session_no = e.session_no AND u.participant_id = e.participant_id
  LEFT JOIN troubled x ON x.session_no = e.session_no AND x.participant_id = e.participant_id
),
placed AS (
  SELECT m.*, CASE WHEN m.publishes THEN 'publisher' ELSE 'viewer' END AS role,
    CASE WHEN $by = 'none' THEN 'all' ELSE coalesce(d.dimension, '(unknown)') END AS dimension
  FROM people m
  LEFT JOIN (SELECT * FROM dimensions WHERE $by <> 'none') d USING (session_no, participant_id)
  WHERE ($replicas = 'include' OR m.is_replica = ($replicas = 'only'))
    AND ($from IS NULL OR m.tried_at >= $from)
    AND ($to IS NULL OR m.tried_at < $to)
),
steps AS (
  SELECT dimension, role, m.step_no, is_live, tried_at,
    CASE m.step_no WHEN 1 THEN tried_at WHEN 2 THEN joined_at WHEN 3 THEN media_try WHEN 4 THEN media_start
      WHEN 5 THEN sustained_at ELSE clean_at END AS reached_at,
    m.step_no < 2 OR (joined_at IS NOT NULL AND (m.step_no < 3 OR (media_try IS NOT NULL AND (m.step_no < 4
      OR (media_start IS NOT NULL AND (m.step_no < 5 OR (sustained_at IS NOT NULL AND (m.step_no < 6
      OR clean_at IS NOT NULL)))))))) AS reached,
    m.step_no < 3 OR (joined_at IS NOT NULL AND (m.step_no < 4 OR (media_try IS NOT NULL AND (m.step_no < 5
      OR (media_start IS NOT NULL AND (m.step_no < 6 OR sustained_at IS NOT NULL)))))) AS was_before
  FROM (VALUES (1), (2), (3), (4), (5), (6)) AS m (step_no)
  CROSS JOIN placed
),
judged AS (
  SELECT *, step_no >= 5 AND is_live AND NOT reached AS is_out,
    CASE WHEN reached THEN greatest(CAST(reached_at - tried_at AS BIGINT) / 1e6, 0.0) END AS to_step_s
  FROM steps
),
counted AS (
  SELECT dimension, role, step_no,
    count(*) FILTER (WHERE reached) AS n,
    count(*) FILTER (WHERE was_before AND NOT is_out) AS of_prev_n,
    count(*) FILTER (WHERE NOT is_out) AS of_first_n,
    count(*) FILTER (WHERE is_out) AS live_n,
    round(CASE WHEN count(*) FILTER (WHERE reached) < 10000
      THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY to_step_s)
      ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY to_step_s) END, 3) AS median_s
  FROM judged
  GROUP BY dimension, role, step_no
)
SELECT dimension, role, step_no,
  CASE step_no WHEN 1 THEN 'tried' WHEN 2 THEN 'joined' WHEN 3 THEN 'media_tried' WHEN 4 THEN 'media_started'
    WHEN 5 THEN 'sustained' ELSE 'clean_exit' END AS step,
  n,
  CASE WHEN step_no > 1 THEN of_prev_n END AS of_prev_n,
  CASE WHEN step_no > 1 THEN n * 1.0 / nullif(of_prev_n, 0) END AS of_prev,
  CASE WHEN step_no > 1 AND of_prev_n > 0 THEN round((n + 1.9208 - 1.96 * sqrt(n * 1.0 * (of_prev_n - n) / of_prev_n + 0.9604)) / (of_prev_n + 3.8416), 6) END AS of_prev_ci_lo,
  CASE WHEN step_no > 1 AND of_prev_n > 0 THEN round((n + 1.9208 + 1.96 * sqrt(n * 1.0 * (of_prev_n - n) / of_prev_n + 0.9604)) / (of_prev_n + 3.8416), 6) END AS of_prev_ci_hi,
  of_first_n,
  n * 1.0 / nullif(of_first_n, 0) AS of_first,
  CASE WHEN of_first_n > 0 THEN round((n + 1.9208 - 1.96 * sqrt(n * 1.0 * (of_first_n - n) / of_first_n + 0.9604)) / (of_first_n + 3.8416), 6) END AS ci_lo,
  CASE WHEN of_first_n > 0 THEN round((n + 1.9208 + 1.96 * sqrt(n * 1.0 * (of_first_n - n) / of_first_n + 0.9604)) / (of_first_n + 3.8416), 6) END AS ci_hi,
  of_first_n < 30 AS low_n,
  median_s AS median_s_to_step,
  CASE WHEN n < 10000 THEN 'exact' ELSE 'approximate' END AS percentiles,
  live_n
FROM counted
ORDER BY dimension, role, step_no
LIMIT $limit
