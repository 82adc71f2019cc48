-- name = "replication-impact"
-- group = "replication"
-- title = "Who saw each replication"
-- question = "How soon was a replica there, how many watched it and for how long, and did subscribing to it fail more often?"
-- caveats = [
--   "Figures of the destination are NULL where its session is not in the lake; a start lag is NULL where nothing of the replica was seen there.",
--   "The native audience is that of the source session during the replication.",
--   "Rates are of participants that tried (95 % Wilson intervals), so retries count once; SUBSCRIBE_ERROR without a remote is left out.",
--   "Of replications that this program was not asked for, the time from request to start is not known.",
--   "Times are whole seconds: a lag of up to 1 s may be none.",
-- ]
-- uses = ["replication", "sessions", "intervals", "events"]
-- shared = ["stage", "session", "from", "to", "open", "limit"]
-- columns = [
--   { name = "source_stage", type = "text", help = "The name of the stage that the participant publishes on; its ARN where it has none." },
--   { name = "source_session", type = "text", help = "The session there." },
--   { name = "participant", type = "text", help = "The participant, the same on both sides." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "dest_stage", type = "text", help = "The name of the stage it is replicated to; its ARN where it has none." },
--   { name = "dest_session", type = "text", help = "The session there." },
--   { name = "start", type = "timestamp", help = "When it began." },
--   { name = "end", type = "timestamp", help = "When it ended." },
--   { name = "duration_s", type = "float", unit = "s", help = "From start to end." },
--   { name = "start_lag_s", type = "float", unit = "s", help = "From the start event to the first sign of the replica in the destination: its publishing, or somebody who watches it." },
--   { name = "replica_subscribers_n", type = "integer", unit = "n", help = "Participants who watched the replica." },
--   { name = "replica_subscriber_min", type = "float", unit = "min", help = "For how long, summed." },
--   { name = "native_subscribers_n", type = "integer", unit = "n", help = "Participants who watched the original meanwhile." },
--   { name = "native_subscriber_min", type = "float", unit = "min", help = "For how long, summed." },
--   { name = "audience_share", type = "float", unit = "0..1", help = "Minutes on the replica, of all minutes on both." },
--   { name = "replica_tried_n", type = "integer", unit = "n", help = "Participants who tried to subscribe to the replica." },
--   { name = "replica_failure_rate", type = "float", unit = "0..1", help = "Of these, with an error." },
--   { name = "replica_ci_lo", type = "float", unit = "0..1", help = "Its lower bound." },
--   { name = "replica_ci_hi", type = "float", unit = "0..1", help = "Its upper bound." },
--   { name = "native_tried_n", type = "integer", unit = "n", help = "Participants who tried to subscribe to the original." },
--   { name = "native_failure_rate", type = "float", unit = "0..1", help = "Of these, with an error." },
--   { name = "native_ci_lo", type = "float", unit = "0..1", help = "Its lower bound." },
--   { name = "native_ci_hi", type = "float", unit = "0..1", help = "Its upper bound." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30 tried on one of the two sides: the rates say little." },
--   { name = "open", type = "boolean", help = "It had not ended when the evidence ends." },
--   { name = "synthetic_start", type = "boolean", help = "It began without a start event." },
--   { name = "anomalies_n", type = "integer", unit = "n", help = "Odd things about it." },
--   { name = "requested_at", type = "timestamp", help = "When this program was asked to start it; NULL where the journal has no such request." },
--   { name = "request_to_start_s", type = "float", unit = "s", help = "From then to the start event." },
--   { name = "source_stage_arn", type = "text", help = "The stage that the participant publishes on." },
--   { name = "dest_stage_arn", type = "text", help = "The stage it is replicated to." },
-- ]
-- chart = { kind = "dot", x = "dest_stage", y = "replica_failure_rate" }

WITH replications AS (
  SELECT r.*, d.session_id IS NOT NULL AS dest_is_here,
    row_number() OVER (ORDER BY r."start", r.source_stage_arn, r.source_session, r.participant, r.dest_stage_arn) AS n
  FROM replication r
  LEFT JOIN sessions d
    ON d.stage_arn = r.dest_stage_arn AND d.session_id = r.dest_session
    AND d.collection IN ('COMPLETE', 'INCOMPLETE') AND d.pruned_at IS NULL
  WHERE $open = 'clip' OR ($open = 'only' AND r."open") OR ($open = 'exclude' AND NOT r."open")
),
-- The two rooms in which a publisher is seen.
rooms AS (
  SELECT n, side, participant, "start", "end",
    CASE side WHEN 'native' THEN source_stage_arn ELSE dest_stage_arn END AS stage_arn,
    CASE side WHEN 'native' THEN source_session ELSE dest_session END AS session_id
  FROM (
    SELECT n, participant, "start", "end", source_stage_arn, source_session, dest_stage_arn, dest_session,
      unnest(CASE WHEN dest_is_here THEN make_array('native', 'replica') ELSE make_array('native') END) AS side
    FROM replications
  ) AS both_sides
),
-- What is known of a publisher in a room: who watched, who failed to, and, without a viewer, that it published.
facts AS (
  SELECT r.n, r.side, i.participant_id AS viewer, false AS has_failed,
    greatest(CAST(least(i.end_time, r."end") - greatest(i.start_time, r."start") AS BIGINT), 0) AS watched_us,
    CAST(i.start_time - r."start" AS BIGINT) AS lag_us
  FROM rooms r
  JOIN intervals i
    ON i.stage_arn = r.stage_arn AND i.session_id = r.session_id AND i.remote_participant_id = r.participant
    AND i.start_time <= r."end" AND i.end_time >= r."start"
  WHERE i.kind = 'SUBSCRIBE'
  UNION ALL
  SELECT r.n, r.side, e.participant_id, true, 0, NULL
  FROM rooms r
  JOIN events e
    ON e.stage_arn = r.stage_arn AND e.session_id = r.session_id AND e.remote_participant_id = r.participant
    AND e.event_time >= r."start" AND e.event_time <= r."end"
  WHERE e.name = 'SUBSCRIBE_ERROR'
    AND ($from IS NULL OR e.event_time >= $from)
    AND ($to IS NULL OR e.event_time < $to)
  UNION ALL
  SELECT r.n, r.side, NULL, false, 0, CAST(i.start_time - r."start" AS BIGINT)
  FROM rooms r
  JOIN intervals i
    ON i.stage_arn = r.stage_arn AND i.session_id = r.session_id AND i.participant_id = r.participant
    AND i.start_time <= r."end" AND i.end_time >= r."start"
  WHERE i.kind = 'PUBLISH' AND r.side = 'replica'
),
people AS (
  SELECT n, side, viewer, bool_or(has_failed) AS has_failed, sum(watched_us) AS watched_us,
    -- What began in the second before is of the same moment.
    min(lag_us) FILTER (WHERE lag_us >= -1000000) AS lag_us
  FROM facts
  GROUP BY n, side, viewer
),
sides AS (
  SELECT n,
    greatest(min(lag_us) FILTER (WHERE side = 'replica'), 0) / 1e6 AS start_lag_s,
    count(*) FILTER (WHERE side = 'replica' AND watched_us > 0) AS replica_subscribers_n,
    count(*) FILTER (WHERE side = 'native' AND watched_us > 0) AS native_subscribers_n,
    coalesce(sum(watched_us) FILTER (WHERE side = 'replica'), 0) / 6e7 AS replica_min,
    coalesce(sum(watched_us) FILTER (WHERE side = 'native'), 0) / 6e7 AS native_min,
    count(viewer) FILTER (WHERE side = 'replica') AS replica_n,
    count(viewer) FILTER (WHERE side = 'native') AS native_n,
    avg(CASE WHEN has_failed THEN 1.0 ELSE 0.0 END) FILTER (WHERE side = 'replica' AND viewer IS NOT NULL) AS replica_rate,
    avg(CASE WHEN has_failed THEN 1.0 ELSE 0.0 END) FILTER (WHERE side = 'native' AND viewer IS NOT NULL) AS native_rate
  FROM people
  GROUP BY n
),
-- Wilson, with z = 1.96: centre and half width are NULL where nobody tried.
bounded AS (
  SELECT *,
    (replica_rate + 1.9208 / replica_n) / (1 + 3.8416 / replica_n) AS replica_mid,
    1.96 * sqrt((replica_rate * (1 - replica_rate) + 0.9604 / replica_n) / replica_n) / (1 + 3.8416 / replica_n)
      AS replica_half,
    (native_rate + 1.9208 / native_n) / (1 + 3.8416 / native_n) AS native_mid,
    1.96 * sqrt((native_rate * (1 - native_rate) + 0.9604 / native_n) / native_n) / (1 + 3.8416 / native_n)
      AS native_half
  FROM sides
)
SELECT r.source_stage, r.source_session, r.participant, r.person, r.dest_stage, r.dest_session,
  r."start", r."end", r.duration_s,
  s.start_lag_s,
  CASE WHEN r.dest_is_here THEN coalesce(s.replica_subscribers_n, 0) END AS replica_subscribers_n,
  CASE WHEN r.dest_is_here THEN coalesce(s.replica_min, 0.0) END AS replica_subscriber_min,
  coalesce(s.native_subscribers_n, 0) AS native_subscribers_n,
  coalesce(s.native_min, 0.0) AS native_subscriber_min,
  CASE WHEN r.dest_is_here THEN s.replica_min / nullif(s.replica_min + s.native_min, 0.0) END AS audience_share,
  CASE WHEN r.dest_is_here THEN coalesce(s.replica_n, 0) END AS replica_tried_n,
  s.replica_rate AS replica_failure_rate,
  greatest(s.replica_mid - s.replica_half, 0.0) AS replica_ci_lo, least(s.replica_mid + s.replica_half, 1.0) AS replica_ci_hi,
  coalesce(s.native_n, 0) AS native_tried_n,
  s.native_rate AS native_failure_rate,
  greatest(s.native_mid - s.native_half, 0.0) AS native_ci_lo, least(s.native_mid + s.native_half, 1.0) AS native_ci_hi,
  coalesce(s.replica_n, 0) < 30 OR coalesce(s.native_n, 0) < 30 AS low_n,
  r."open", r.synthetic_start, r.anomalies_n, r.requested_at, r.request_to_start_s, r.source_stage_arn, r.dest_stage_arn
FROM replications r
LEFT JOIN bounded s ON s.n = r.n
ORDER BY r."start", r.source_stage_arn, r.source_session, r.participant, r.dest_stage_arn
LIMIT $limit
