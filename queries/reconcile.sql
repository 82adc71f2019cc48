-- name = "reconcile"
-- group = "data quality"
-- title = "Does what the service says in one place agree with what it says in another?"
-- question = "Do the listings, the events and the intervals made of them tell the same story?"
-- caveats = [
--   "Listings may disagree with events for a while even at the service: a few percent need not be a fault of the lake.",
--   "Sessions that touch the period, whole; participants whose events were fetched. Replicas are left out, but for replica_row and replica_source.",
-- ]
-- uses = ["selected_sessions", "sessions", "participants", "intervals", "events", "replication"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "max_bad", type = "float", default = "0.05", help = "A larger share than this is bad." },
-- ]
-- check = { column = "ok" }
-- columns = [
--   { name = "check", type = "text", help = "What is compared." },
--   { name = "ok_n", type = "integer", unit = "n", help = "Where the two agree." },
--   { name = "bad_n", type = "integer", unit = "n", help = "Where they do not." },
--   { name = "bad_rate", type = "float", unit = "0..1", help = "Of both." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30: too few to compare." },
--   { name = "sample", type = "text", help = "One that does not: stage session participant." },
--   { name = "ok", type = "boolean", help = "False above max_bad." },
--   { name = "help", type = "text", help = "What agrees with what." },
-- ]
-- chart = { kind = "bar", x = "check", y = "bad_rate" }

WITH whole AS (
  SELECT s.session_no, s.date, s.stage_arn, s.session_id, f.start_time, f.end_time, f.participants_n, f.events_n
  FROM selected_sessions s
  JOIN sessions f USING (date, stage_arn, session_id)
  WHERE f.collection = 'COMPLETE' AND f.pruned_at IS NULL
),
people AS (
  SELECT s.session_no, s.stage_arn, s.session_id, p.participant_id, p.published, p.first_join_time, p.state, p.replication_type,
    p.events_n, p.events_status, p.source_stage_arn, p.source_session_id
  FROM participants p
  JOIN whole s USING (date, stage_arn, session_id)
),
spans AS (
  SELECT s.session_no, i.participant_id,
    coalesce(sum(i.starts_n) FILTER (WHERE i.kind = 'PUBLISH'), 0) AS publish_starts_n,
    count(*) FILTER (WHERE i.kind = 'REPLICATION') AS replications_n,
    bool_or(i.kind = 'PRESENCE' AND i.end_reason = 'OPEN') AS never_left,
    bool_or(array_has(i.anomalies, 'event_outside_session')) AS outside
  FROM intervals i
  JOIN whole s USING (date, stage_arn, session_id)
  GROUP BY s.session_no, i.participant_id
),
told AS (
  SELECT s.session_no, e.participant_id, count(*) AS events_n,
    min(e.event_time) FILTER (WHERE e.name = 'JOINED') AS joined_at
  FROM events e
  JOIN whole s USING (date, stage_arn, session_id)
  GROUP BY s.session_no, e.participant_id
),
compared AS (
  SELECT p.*, coalesce(i.publish_starts_n, 0) AS publish_starts_n, coalesce(i.replications_n, 0) AS replications_n,
    coalesce(i.never_left, false) AS never_left, coalesce(i.outside, false) AS outside,
    t.joined_at, coalesce(t.events_n, 0) AS told_n
  FROM people p
  LEFT JOIN spans i ON i.session_no = p.session_no AND i.participant_id = p.participant_id
  LEFT JOIN told t ON t.session_no = p.session_no AND t.participant_id = p.participant_id
  WHERE p.events_status = 'FETCHED'
),
-- Replicas whose source is whole here, and the replications that they should come from.
sourced AS (
  SELECT p.stage_arn, p.session_id, p.participant_id, count(r.participant) > 0 AS found
  FROM people p
  JOIN whole s ON s.stage_arn = p.source_stage_arn AND s.session_id = p.source_session_id
  LEFT JOIN replication r
    ON r.source_stage_arn = p.source_stage_arn AND r.source_session = p.source_session_id
    AND r.participant = p.participant_id AND r.dest_stage_arn = p.stage_arn
  WHERE p.replication_type = 'REPLICA' AND p.source_stage_arn <> p.stage_arn
  GROUP BY p.stage_arn, p.session_id, p.participant_id
),
session_counts AS (
  SELECT s.session_no, s.stage_arn, s.session_id, s.participants_n, s.events_n, count(p.participant_id) AS people_n
  FROM whole s
  LEFT JOIN people p ON p.session_no = s.session_no
  GROUP BY s.session_no, s.stage_arn, s.session_id, s.participants_n, s.events_n
),
session_events AS (
  SELECT s.session_no, count(*) AS told_n
  FROM events e
  JOIN whole s USING (date, stage_arn, session_id)
  GROUP BY s.session_no
),
-- What each participant is asked; NULL where it is not asked.
answered AS (
  SELECT *,
    CASE WHEN is_own THEN published = (publish_starts_n > 0) END AS published_agrees,
    CASE WHEN is_own THEN joined_at BETWEEN first_join_time - INTERVAL '1 second' AND first_join_time + INTERVAL '1 second' END
      AS first_join_agrees,
    CASE WHEN is_own THEN (state = 'CONNECTED') = never_left END AS connected_agrees,
    CASE WHEN is_own THEN (replication_type = 'SOURCE') = (replications_n > 0) END AS source_agrees,
    NOT outside AS bounds_agree,
    events_n = told_n AS events_agree
  FROM (SELECT *, coalesce(replication_type, '') <> 'REPLICA' AS is_own FROM compared) AS each_one
),
-- In one pass over them. Who disagrees in nothing is no sample.
asked AS (
  SELECT
    CASE WHEN NOT (coalesce(published_agrees, true) AND coalesce(first_join_agrees, true) AND coalesce(connected_agrees, true)
      AND coalesce(source_agrees, true) AND bounds_agree AND events_agree)
      THEN concat_ws(' ', stage_arn, session_id, participant_id) END AS sample,
    unnest(make_array('published', 'first_join_time', 'connected', 'replication_source', 'session_bounds',
      'participant_events')) AS name,
    unnest(make_array(published_agrees, first_join_agrees, connected_agrees, source_agrees, bounds_agree, events_agree))
      AS agrees
  FROM answered
),
checks AS (
  SELECT name, agrees, sample FROM asked WHERE agrees IS NOT NULL
  UNION ALL
  SELECT 'replica_row' AS name, replica_row_found AS agrees,
    concat_ws(' ', source_stage_arn, source_session, participant) AS sample
  FROM replication
  WHERE replica_row_found IS NOT NULL
  UNION ALL
  SELECT 'replica_source' AS name, found AS agrees, concat_ws(' ', stage_arn, session_id, participant_id) AS sample
  FROM sourced
  UNION ALL
  SELECT 'session_participants' AS name, participants_n = people_n AS agrees, concat_ws(' ', stage_arn, session_id) AS sample
  FROM session_counts
  WHERE participants_n IS NOT NULL
  UNION ALL
  SELECT 'session_events' AS name, c.events_n = coalesce(t.told_n, 0) AS agrees,
    concat_ws(' ', c.stage_arn, c.session_id) AS sample
  FROM session_counts c
  LEFT JOIN session_events t ON t.session_no = c.session_no
  WHERE c.events_n IS NOT NULL
),
meanings (name, help) AS (
  VALUES
    ('published', 'the listing says published, and there is a PUBLISH_STARTED'),
    ('first_join_time', 'the listing''s first join, and the first JOINED, give or take 1 s'),
    ('connected', 'the listing says CONNECTED, and a stay is open'),
    ('replication_source', 'the listing says SOURCE, and there is a replication'),
    ('replica_row', 'a replication, and a REPLICA in the destination session'),
    ('replica_source', 'a REPLICA, and a replication of the session that it names'),
    ('session_bounds', 'no interval reaches 300 s beyond its session'),
    ('participant_events', 'the number of events of a participant as fetched, and as stored'),
    ('session_participants', 'the number of participants of a session as fetched, and as stored'),
    ('session_events', 'the number of events of a session as fetched, and as stored')
),
counted AS (
  SELECT name, count(*) AS n, count(*) FILTER (WHERE agrees) AS ok_n, count(*) FILTER (WHERE NOT agrees) AS bad_n,
    min(CASE WHEN NOT agrees THEN sample END) AS sample
  FROM checks
  GROUP BY name
)
SELECT c.name AS "check", c.ok_n, c.bad_n,
  c.bad_n * 1.0 / nullif(c.n, 0) AS bad_rate,
  CASE WHEN c.n > 0 THEN round((c.bad_n + 1.9208 - 1.96 * sqrt(c.bad_n * 1.0 * (c.n - c.bad_n) / c.n + 0.9604)) / (c.n + 3.8416), 6) END AS ci_lo,
  CASE WHEN c.n > 0 THEN round((c.bad_n + 1.9208 + 1.96 * sqrt(c.bad_n * 1.0 * (c.n - c.bad_n) / c.n + 0.9604)) / (c.n + 3.8416), 6) END AS ci_hi,
  c.n < 30 AS low_n,
  c.sample,
  coalesce(c.bad_n * 1.0 / nullif(c.n, 0) <= $max_bad, true) AS ok,
  m.help
FROM counted c
LEFT JOIN meanings m ON m.name = c.name
ORDER BY ok, "check"
LIMIT $limit
