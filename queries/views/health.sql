-- name = "health"
-- group = "view"
-- title = "Sessions and how they went"
-- question = "Did a session work, and if not, in which way did it fail?"
-- caveats = [
--   "The worst label wins: failed, partial, dropped, churny, ok; live stands beside it.",
--   "A lower bound: network errors of the client and bad token signatures leave no event.",
--   "Replicas are left out, except as publishers that someone watches.",
-- ]
-- uses = ["sessions", "selected_sessions", "attempts", "intervals", "error_events"]
-- shared = ["stage", "session", "from", "to"]
-- params = [
--   { name = "churn", type = "float", default = "0.2", help = "A session is churny above this share of persons with two reconnects or more." },
--   { name = "stitch", type = "duration", default = "60s", help = "A gap of at most this between two stays makes them one visit." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "start_time", type = "timestamp", help = "When the session began." },
--   { name = "end_time", type = "timestamp", help = "When it ended; NULL while it is live." },
--   { name = "live", type = "boolean", help = "It had no end yet." },
--   { name = "settled", type = "boolean", help = "All that the service had is in the lake." },
--   { name = "duration_s", type = "float", unit = "s", help = "From start to end, or to the time as of which it is known." },
--   { name = "persons_n", type = "integer", unit = "n", help = "Persons that were there." },
--   { name = "never_n", type = "integer", unit = "n", help = "Persons that never succeeded at something they tried." },
--   { name = "dropped_n", type = "integer", unit = "n", help = "Publishings cut off within 10 s of an error." },
--   { name = "reconnecting_n", type = "integer", unit = "n", help = "Persons with two reconnects or more." },
--   { name = "label", type = "text", help = "failed: publishing was tried and never worked, or nobody got in. partial: someone never succeeded. dropped: a publishing was cut off. churny: many reconnect. Else ok." },
--   { name = "reasons", type = "text-list", help = "All of these that hold; NULL where none does." },
--   { name = "top_error", type = "text", help = "The commonest error code; (none) where the service gave none, NULL without errors." },
--   { name = "errors_n", type = "integer", unit = "n", help = "Errors." },
-- ]

WITH picked AS (
  SELECT n.session_no, s.account_id, s.region, s.date, s.stage_arn, s.session_id, s.stage_name, s.start_time, s.end_time,
    s.as_of, s.collection
  FROM sessions s
  JOIN selected_sessions n USING (date, stage_arn, session_id)
  WHERE ($to IS NULL OR s.start_time < $to)
    AND ($from IS NULL OR s.end_time IS NULL OR s.end_time >= $from)
    AND s.collection IN ('COMPLETE', 'INCOMPLETE') AND s.pruned_at IS NULL
),
person_tries AS (
  SELECT session_no, person, action, sum(starts_n) AS starts_n, sum(failures_n) AS failures_n
  FROM attempts
  WHERE action = 'subscribe' OR NOT is_replica
  GROUP BY session_no, person, action
),
tries AS (
  SELECT session_no,
    sum(CASE WHEN action = 'publish' THEN starts_n + failures_n END) AS publish_attempts_n,
    sum(CASE WHEN action = 'publish' THEN starts_n END) AS publish_starts_n,
    sum(CASE WHEN action = 'join' THEN failures_n END) AS join_failures_n,
    count(DISTINCT CASE WHEN starts_n = 0 AND failures_n > 0 THEN person END) AS never_n
  FROM person_tries
  GROUP BY session_no
),
present AS (
  SELECT s.session_no, i.participant_id, coalesce(i.user_id, i.participant_id) AS person, i.start_time, i.end_time,
    i.starts_n
  FROM intervals i
  JOIN picked s USING (date, stage_arn, session_id)
  WHERE i.kind = 'PRESENCE' AND NOT i.replica
),
stays AS (
  SELECT session_no, person, start_time, starts_n,
    max(end_time) OVER (
      PARTITION BY session_no, person
      ORDER BY start_time, end_time, participant_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS until_time
  FROM present
),
reconnects AS (
  SELECT session_no, person,
    sum(greatest(starts_n - 1, 0)) + count(*) FILTER (WHERE start_time - until_time <= arrow_cast(CAST($stitch * 1e6 AS BIGINT), 'Duration(Microsecond)')) AS reconnects_n
  FROM stays
  GROUP BY session_no, person
),
people AS (
  SELECT session_no, count(*) AS persons_n, count(*) FILTER (WHERE reconnects_n >= 2) AS reconnecting_n
  FROM reconnects
  GROUP BY session_no
),
cut_off AS (
  SELECT s.session_no, i.participant_id, i.start_time
  FROM intervals i
  JOIN picked s USING (date, stage_arn, session_id)
  JOIN error_events e
    ON e.session_no = s.session_no AND e.participant_id = i.participant_id
    AND e.event_time > i.start_time AND e.event_time <= i.end_time
    AND e.event_time >= i.end_time - INTERVAL '10 seconds'
  WHERE i.kind = 'PUBLISH' AND NOT i.replica AND i.end_reason IN ('LEFT', 'SESSION_END') AND e.name = 'PUBLISH_ERROR'
  GROUP BY s.session_no, i.participant_id, i.start_time
),
drops AS (
  SELECT session_no, count(*) AS dropped_n FROM cut_off GROUP BY session_no
),
codes AS (
  SELECT s.session_no, coalesce(e.error_code, '(none)') AS error_code, count(*) AS n
  FROM error_events e
  JOIN picked s USING (session_no)
  GROUP BY s.session_no, coalesce(e.error_code, '(none)')
),
top_codes AS (
  SELECT session_no, first_value(error_code ORDER BY n DESC, error_code) AS top_error, sum(n) AS errors_n
  FROM codes
  GROUP BY session_no
),
judged AS (
  SELECT s.*, coalesce(p.persons_n, 0) AS persons_n, coalesce(t.never_n, 0) AS never_n,
    coalesce(d.dropped_n, 0) AS dropped_n, coalesce(p.reconnecting_n, 0) AS reconnecting_n,
    coalesce(c.errors_n, 0) AS errors_n, c.top_error,
    coalesce(t.publish_attempts_n > 0 AND t.publish_starts_n = 0, false)
      OR coalesce(t.join_failures_n > 0 AND p.persons_n IS NULL, false) AS failed,
    coalesce(t.never_n > 0, false) AS partial,
    coalesce(d.dropped_n > 0, false) AS dropped,
    coalesce(p.reconnecting_n * 1.0 / nullif(p.persons_n, 0) > $churn, false) AS churny
  FROM picked s
  LEFT JOIN tries t ON t.session_no = s.session_no
  LEFT JOIN people p ON p.session_no = s.session_no
  LEFT JOIN drops d ON d.session_no = s.session_no
  LEFT JOIN top_codes c ON c.session_no = s.session_no
)
SELECT account_id, region, date, stage_arn, stage_name, session_id, start_time, end_time,
  end_time IS NULL AS live,
  collection = 'COMPLETE' AS settled,
  CAST(coalesce(end_time, as_of) - start_time AS BIGINT) / 1e6 AS duration_s,
  persons_n, never_n, dropped_n, reconnecting_n,
  CASE WHEN failed THEN 'failed' WHEN partial THEN 'partial' WHEN dropped THEN 'dropped' WHEN churny THEN 'churny'
    ELSE 'ok' END AS label,
  string_to_array(nullif(concat_ws(',', CASE WHEN failed THEN 'failed' END, CASE WHEN partial THEN 'partial' END,
    CASE WHEN dropped THEN 'dropped' END, CASE WHEN churny THEN 'churny' END), ''), ',') AS reasons,
  top_error, errors_n
FROM judged
