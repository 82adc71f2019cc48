-- name = "audience"
-- group = "engagement"
-- title = "Publishers and their audience"
-- question = "For how long was each publisher watched, by how many, and who was left out?"
-- caveats = [
--   "A replica has a line of its own on each stage; the total_ columns add all lines of one participant id.",
--   "subscriber_min is summed over subscribers; reach_n counts each once.",
-- ]
-- uses = ["selected_sessions", "publishing", "subscriptions"]
-- shared = ["stage", "session", "from", "to", "open", "limit"]
-- params = [
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "publisher", type = "text", help = "The participant that publishes." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "session", type = "text", help = "The session." },
--   { name = "is_replica", type = "boolean", help = "It is a replica of one on another stage." },
--   { name = "publish_s", type = "float", unit = "s", help = "Seconds of publishing." },
--   { name = "watched_s", type = "float", unit = "s", help = "Of these, with one subscriber or more." },
--   { name = "unwatched_s", type = "float", unit = "s", help = "Of these, with none." },
--   { name = "subscriber_min", type = "float", unit = "min", help = "Minutes of watching while it published, summed over subscribers." },
--   { name = "peak_audience", type = "integer", unit = "n", help = "Subscribers at once, at most, while it published." },
--   { name = "ghost_sub_s", type = "float", unit = "s", help = "Seconds of subscriptions while it did not publish: a matter of data quality." },
--   { name = "reach_n", type = "integer", unit = "n", help = "Participants that watched." },
--   { name = "one_way_n", type = "integer", unit = "n", help = "Of these, publishers that it never watched although it watched others." },
--   { name = "total_subscriber_min", type = "float", unit = "min", help = "Of all lines of this participant id: the original and its replicas." },
--   { name = "total_reach_n", type = "integer", unit = "n", help = "Of all lines, summed." },
--   { name = "open_n", type = "integer", unit = "n", help = "Intervals that nothing ended." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Intervals without a start event." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Intervals with something odd." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "bar", x = "publisher", y = "subscriber_min", series = "is_replica" }

WITH published AS (
  SELECT * FROM publishing
  WHERE NOT quarantined AND ($open = 'clip' OR is_open = ($open = 'only'))
),
watched AS (
  SELECT * FROM subscriptions
  WHERE NOT quarantined AND ($open = 'clip' OR is_open = ($open = 'only'))
),
edges AS (
  SELECT session_no, participant_id AS publisher,
    CASE WHEN step = 1 THEN clip_start ELSE clip_end END AS at, step AS publishing_n, 0 AS watching_n
  FROM (VALUES (1), (-1)) AS ends (step)
  CROSS JOIN published
  WHERE duration_s > 0
  UNION ALL
  SELECT session_no, remote_participant_id AS publisher,
    CASE WHEN step = 1 THEN clip_start ELSE clip_end END AS at, 0 AS publishing_n, step AS watching_n
  FROM (VALUES (1), (-1)) AS ends (step)
  CROSS JOIN watched
  WHERE duration_s > 0
),
moments AS (
  SELECT session_no, publisher, at, sum(publishing_n) AS publishing_n, sum(watching_n) AS watching_n
  FROM edges
  GROUP BY session_no, publisher, at
),
running AS (
  SELECT session_no, publisher, sum(publishing_n) OVER own > 0 AS up, sum(watching_n) OVER own AS audience,
    coalesce(CAST(lead(at) OVER own - at AS BIGINT) / 1e6, 0.0) AS length_s
  FROM moments
  WINDOW own AS (PARTITION BY session_no, publisher ORDER BY at ROWS UNBOUNDED PRECEDING)
),
swept AS (
  SELECT session_no, publisher,
    sum(CASE WHEN up THEN length_s ELSE 0.0 END) AS publish_s,
    sum(CASE WHEN up AND audience > 0 THEN length_s ELSE 0.0 END) AS watched_s,
    sum(CASE WHEN up THEN length_s * audience ELSE 0.0 END) / 60 AS subscriber_min,
    max(CASE WHEN up THEN audience ELSE 0 END) AS peak_audience,
    sum(CASE WHEN up THEN 0.0 ELSE length_s * audience END) AS ghost_sub_s
  FROM running
  GROUP BY session_no, publisher
),
publishers AS (
  SELECT session_no, participant_id AS publisher,
    first_value(person ORDER BY start_time) AS person, bool_or(is_replica) AS is_replica,
    count(*) FILTER (WHERE is_open) AS open_n,
    count(*) FILTER (WHERE synthetic_start) AS synth_n,
    count(*) FILTER (WHERE anomalies_n > 0) AS anomaly_n
  FROM published
  GROUP BY session_no, participant_id
),
-- Two people, and which of them watched the other.
pairs AS (
  SELECT session_no, least(participant_id, remote_participant_id) AS one,
    greatest(participant_id, remote_participant_id) AS other,
    bool_or(participant_id < remote_participant_id) AS one_watched,
    bool_or(participant_id >= remote_participant_id) AS other_watched
  FROM watched
  GROUP BY session_no, least(participant_id, remote_participant_id),
    greatest(participant_id, remote_participant_id)
),
links AS (
  SELECT session_no, CASE WHEN step = 1 THEN one ELSE other END AS subscriber,
    CASE WHEN step = 1 THEN other ELSE one END AS publisher,
    CASE WHEN step = 1 THEN other_watched ELSE one_watched OR one = other END AS is_returned
  FROM (VALUES (1), (-1)) AS ends (step)
  CROSS JOIN pairs
  WHERE CASE WHEN step = 1 THEN one_watched ELSE other_watched END
),
watchers AS (
  SELECT session_no, subscriber FROM links GROUP BY session_no, subscriber
),
reached AS (
  SELECT a.session_no, a.publisher, count(*) AS reach_n,
    count(*) FILTER (WHERE q.publisher IS NOT NULL AND w.subscriber IS NOT NULL AND NOT a.is_returned) AS one_way_n
  FROM links a
  LEFT JOIN publishers q
    ON q.session_no = a.session_no AND q.publisher = a.subscriber
  LEFT JOIN watchers w
    ON w.session_no = a.session_no AND w.subscriber = a.publisher
  GROUP BY a.session_no, a.publisher
),
joined AS (
  SELECT n.account_id, n.region, n.stage_arn, n.stage_name, n.session_id, p.*,
    coalesce(s.publish_s, 0.0) AS publish_s, coalesce(s.watched_s, 0.0) AS watched_s,
    coalesce(s.subscriber_min, 0.0) AS subscriber_min, coalesce(s.peak_audience, 0) AS peak_audience,
    coalesce(s.ghost_sub_s, 0.0) AS ghost_sub_s, coalesce(r.reach_n, 0) AS reach_n,
    coalesce(r.one_way_n, 0) AS one_way_n
  FROM publishers p
  JOIN selected_sessions n USING (session_no)
  LEFT JOIN swept s ON s.session_no = p.session_no AND s.publisher = p.publisher
  LEFT JOIN reached r ON r.session_no = p.session_no AND r.publisher = p.publisher
)
SELECT publisher, person, coalesce(stage_name, stage_arn) AS stage, session_id AS session, is_replica, publish_s,
  watched_s, publish_s - watched_s AS unwatched_s, subscriber_min, peak_audience, ghost_sub_s, reach_n, one_way_n,
  sum(subscriber_min) OVER (PARTITION BY account_id, region, publisher) AS total_subscriber_min,
  sum(reach_n) OVER (PARTITION BY account_id, region, publisher) AS total_reach_n,
  open_n, synth_n, anomaly_n, stage_arn
FROM joined
ORDER BY subscriber_min DESC, publisher, stage_arn, session_id
LIMIT $limit
