-- name = "waste"
-- group = "usage"
-- title = "Hours that nobody had anything of"
-- question = "How many participant hours went by alone, without a publisher, without an audience, or without watching?"
-- caveats = [
--   "Each moment of a participant counts once, under the first of these that holds: solo, no_publisher, unwatched_publish, idle_viewer, post_publish_tail; else it is used.",
--   "Replicas are no participants here, but they are publishers that someone may watch. A publisher whose only audience is on another stage is unwatched here.",
--   "post_publish_tail is the time of someone who had published, after they did for the last time.",
--   "est_cost takes the first tier of the prices of --param rates=FILE (see cost-estimate); NULL without it.",
-- ]
-- uses = ["presence", "publishing", "subscriptions", "changes"]
-- shared = ["stage", "session", "from", "to", "replicas", "open", "limit"]
-- params = [
--   { name = "rates", type = "rates", help = "A file of your prices, CSV or TOML." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "kind", type = "text", help = "solo: alone on the stage. no_publisher: nobody publishes. unwatched_publish: publishes, and nobody watches. idle_viewer: watches nobody, though someone publishes. post_publish_tail: had published, and stays on. used: none of these." },
--   { name = "hours", type = "float", unit = "h", help = "Participant hours." },
--   { name = "share", type = "float", unit = "0..1", help = "Of the participant hours of the stage." },
--   { name = "sessions_n", type = "integer", unit = "n", help = "Sessions that have any." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants that have any." },
--   { name = "est_cost", type = "float", help = "An estimate; NULL where a price is missing." },
--   { name = "currency", type = "text", help = "Of est_cost." },
--   { name = "open_n", type = "integer", unit = "n", help = "Stays on the stage that nothing ended." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Stays on the stage without a JOINED." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Stays on the stage with something odd." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "stacked-bar", x = "stage", y = "hours", series = "kind" }

WITH stays AS (
  SELECT * FROM presence
  WHERE NOT quarantined AND duration_s > 0 AND ($replicas = 'include' OR is_replica = ($replicas = 'only'))
    AND ($open = 'clip' OR is_open = ($open = 'only'))
),
published AS (
  SELECT * FROM publishing
  WHERE NOT quarantined AND duration_s > 0 AND ($open = 'clip' OR is_open = ($open = 'only'))
),
watched AS (
  SELECT * FROM subscriptions
  WHERE NOT quarantined AND duration_s > 0 AND ($open = 'clip' OR is_open = ($open = 'only'))
),
running AS (
  SELECT stage_arn, session_id, at,
    lead(at) OVER session AS until_at, sum(present_n) OVER session AS ccu,
    sum(publishing_n + replicas_publishing_n) OVER session AS publishers
  FROM changes
  WINDOW session AS (PARTITION BY stage_arn, session_id ORDER BY at ROWS UNBOUNDED PRECEDING)
),
states AS (
  SELECT stage_arn, session_id, at, until_at, state
  FROM (VALUES ('solo'), ('no_publisher')) AS of_stage (state)
  CROSS JOIN running
  WHERE until_at IS NOT NULL AND CASE state WHEN 'solo' THEN ccu = 1 ELSE ccu > 0 AND publishers = 0 END
),
linked AS (
  SELECT *, lag(until_at) OVER (PARTITION BY stage_arn, session_id, state ORDER BY at) AS before_until FROM states
),
numbered AS (
  SELECT *, sum(CASE WHEN before_until IS NULL OR before_until < at THEN 1 ELSE 0 END) OVER (
      PARTITION BY stage_arn, session_id, state ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS island
  FROM linked
),
islands AS (
  SELECT stage_arn, session_id, state, min(at) AS from_at, max(until_at) AS to_at
  FROM numbered
  GROUP BY stage_arn, session_id, state, island
),
people AS (
  SELECT stage_arn, session_id, participant_id, min(clip_start) AS first_in, max(clip_end) AS last_out
  FROM stays
  GROUP BY stage_arn, session_id, participant_id
),
-- Each stretch of a participant, and of the stage that it is on.
stretches AS (
  SELECT stage_arn, session_id, participant_id, 'present' AS state, clip_start AS from_at, clip_end AS to_at FROM stays
  UNION ALL
  SELECT stage_arn, session_id, participant_id, 'publishing', clip_start, clip_end FROM published
  UNION ALL
  SELECT stage_arn, session_id, CASE state WHEN 'watching' THEN participant_id ELSE remote_participant_id END, state,
    clip_start, clip_end
  FROM (VALUES ('watching'), ('watched')) AS sides (state)
  CROSS JOIN watched
  UNION ALL
  SELECT i.stage_arn, i.session_id, p.participant_id, i.state, i.from_at, i.to_at
  FROM islands i
  JOIN people p ON p.stage_arn = i.stage_arn AND p.session_id = i.session_id
    AND p.first_in < i.to_at AND p.last_out > i.from_at
),
edges AS (
  SELECT stage_arn, session_id, participant_id, state, CASE WHEN step = 1 THEN from_at ELSE to_at END AS at, step
  FROM (VALUES (1), (-1)) AS ends (step)
  CROSS JOIN stretches
),
moments AS (
  SELECT stage_arn, session_id, participant_id, at,
    sum(CASE WHEN state = 'present' THEN step ELSE 0 END) AS present_n,
    sum(CASE WHEN state = 'publishing' THEN step ELSE 0 END) AS publishing_n,
    sum(CASE WHEN state = 'watching' THEN step ELSE 0 END) AS watching_n,
    sum(CASE WHEN state = 'watched' THEN step ELSE 0 END) AS watched_n,
    sum(CASE WHEN state = 'solo' THEN step ELSE 0 END) AS solo_n,
    sum(CASE WHEN state = 'no_publisher' THEN step ELSE 0 END) AS no_publisher_n
  FROM edges
  GROUP BY stage_arn, session_id, participant_id, at
),
-- One participant after the other: each ends with nothing, so that the next begins at nothing.
levels AS (
  SELECT stage_arn, session_id, participant_id, at,
    CAST(lead(at) OVER session - at AS BIGINT) / 3.6e9 AS hours,
    sum(present_n) OVER session AS present_n, sum(publishing_n) OVER session AS publishing_n,
    sum(watching_n) OVER session AS watching_n, sum(watched_n) OVER session AS watched_n, sum(solo_n) OVER session AS solo_n,
    sum(no_publisher_n) OVER session AS no_publisher_n
  FROM moments
  WINDOW session AS (PARTITION BY stage_arn, session_id ORDER BY participant_id, at ROWS UNBOUNDED PRECEDING)
),
last_media AS (
  SELECT stage_arn, session_id, participant_id, max(clip_end) AS published_until
  FROM published
  GROUP BY stage_arn, session_id, participant_id
),
judged AS (
  SELECT l.stage_arn, l.session_id, l.participant_id, l.hours, bucket_start(l.at, '1d', NULL) AS day,
    CASE WHEN publishing_n > 0 THEN 'publisher' ELSE 'viewer' END AS role,
    CASE
      WHEN solo_n > 0 THEN 'solo'
      WHEN no_publisher_n > 0 THEN 'no_publisher'
      WHEN publishing_n > 0 AND watched_n = 0 THEN 'unwatched_publish'
      WHEN publishing_n = 0 AND watching_n = 0 THEN 'idle_viewer'
      WHEN at >= published_until THEN 'post_publish_tail'
      ELSE 'used'
    END AS kind
  FROM levels l
  LEFT JOIN last_media m
    ON m.stage_arn = l.stage_arn AND m.session_id = l.session_id AND m.participant_id = l.participant_id
  WHERE present_n > 0 AND hours > 0
),
pieces AS (
  SELECT stage_arn, session_id, participant_id, kind, role, day, sum(hours) AS hours
  FROM judged
  GROUP BY stage_arn, session_id, participant_id, kind, role, day
),
prices AS (
  SELECT rate['role'] AS role, rate['currency'] AS currency, rate['unit_price'] AS unit_price,
    rate['valid_from'] AS valid_from,
    lead(rate['valid_from']) OVER (PARTITION BY rate['line'], rate['role'] ORDER BY rate['valid_from']) AS valid_to
  FROM (SELECT unnest($rates) AS rate)
  WHERE rate['tier'] = 0
),
priced AS (
  SELECT d.stage_arn, d.session_id, d.participant_id, d.kind, d.role, d.day, d.hours, sum(p.unit_price) AS unit_price,
    max(p.currency) AS currency
  -- Few prices and millions of pieces: what stands first is what the join holds in memory.
  FROM prices p
  RIGHT JOIN pieces d ON (p.role = d.role OR p.role = 'participant') AND p.valid_from <= d.day
    AND (p.valid_to IS NULL OR d.day < p.valid_to)
  GROUP BY d.stage_arn, d.session_id, d.participant_id, d.kind, d.role, d.day, d.hours
),
counted AS (
  SELECT stage_arn, kind, sum(hours) AS hours, count(DISTINCT session_id) AS sessions_n,
    count(DISTINCT session_id || ' ' || participant_id) AS participants_n,
    CASE WHEN bool_and(unit_price IS NOT NULL) THEN sum(hours * unit_price) END AS est_cost,
    max(currency) AS currency
  FROM priced
  GROUP BY stage_arn, kind
),
stages_of AS (
  SELECT stage_arn, max(stage_name) AS stage_name, count(*) FILTER (WHERE is_open) AS open_n,
    count(*) FILTER (WHERE synthetic_start) AS synth_n, count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n
  FROM stays
  GROUP BY stage_arn
)
SELECT coalesce(s.stage_name, c.stage_arn) AS stage, c.kind, c.hours,
  c.hours / nullif(sum(c.hours) OVER (PARTITION BY c.stage_arn), 0) AS share, c.sessions_n, c.participants_n,
  c.est_cost, CASE WHEN c.est_cost IS NOT NULL THEN c.currency END AS currency,
  s.open_n, s.synth_n, s.anomaly_n, c.stage_arn
FROM counted c
JOIN stages_of s ON s.stage_arn = c.stage_arn
ORDER BY stage, c.stage_arn, CASE c.kind WHEN 'solo' THEN 0 WHEN 'no_publisher' THEN 1 WHEN 'unwatched_publish' THEN 2
  WHEN 'idle_viewer' THEN 3 WHEN 'post_publish_tail' THEN 4 ELSE 5 END
LIMIT $limit
