-- name = "person_errors"
-- group = "view"
-- title = "Errors, and whose they are"
-- question = "Which person, at which provider, met each error?"
-- caveats = [
--   "A lower bound: network errors of the client and bad token signatures leave no event.",
--   "An error names no user: the person is who the last TOKEN_EXCHANGED before it made the participant, else whom the first after it replaced, else that of its last stay before it, else of the listing.",
--   "isp is the one last known of a participant, where its details were read.",
-- ]
-- uses = ["selected_sessions", "errors", "events", "intervals", "participants"]
-- shared = ["stage", "session", "from", "to"]
-- params = [
--   { name = "recover", type = "duration", default = "30s", help = "A start within this time after an error means that it was overcome." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "participant_id", type = "text", help = "The participant whose attempt failed." },
--   { name = "person", type = "text", help = "The user id as of the error; the participant where there is none." },
--   { name = "isp", type = "text", help = "The internet service provider; (unknown) where it is." },
--   { name = "event_time", type = "timestamp", help = "When; NULL where the service gave no time." },
--   { name = "event", type = "text", help = "JOIN_ERROR, PUBLISH_ERROR, SUBSCRIBE_ERROR, or a newer one." },
--   { name = "error_code", type = "text", help = "The service's code, verbatim; (none) where it gave none." },
--   { name = "class", type = "text", help = "mid_stream, start_recovered, start_terminal or untimed, as in errors." },
--   { name = "is_replica", type = "boolean", help = "The participant is a replica; for SUBSCRIBE_ERROR, the remote is." },
-- ]

WITH moments AS (
  -- What is equal is one row, with its number.
  SELECT account_id, region, stage_arn, stage_name, session_id, participant_id, event_time, event, error_code, class,
    is_replica, count(*) AS n
  FROM errors
  GROUP BY account_id, region, stage_arn, stage_name, session_id, participant_id, event_time, event, error_code, class,
    is_replica
),
exchanges AS (
  SELECT e.stage_arn, e.session_id, e.participant_id, e.event_time, e.new_token['expiration_time'] AS expires_after,
    e.previous_token['user_id'] AS user_before, e.new_token['user_id'] AS user_after
  FROM events e
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE e.name = 'TOKEN_EXCHANGED'
),
present AS (
  SELECT i.stage_arn, i.session_id, i.participant_id, i.user_id, i.start_time
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind = 'PRESENCE' AND i.user_id IS NOT NULL
),
listed AS (
  SELECT p.stage_arn, p.session_id, p.participant_id, p.user_id, p.isp_name
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
),
stays AS (
  SELECT m.account_id, m.region, m.stage_arn, m.stage_name, m.session_id, m.participant_id, m.event_time, m.event,
    m.error_code, m.class, m.is_replica, m.n, last_value(i.user_id ORDER BY i.start_time) AS stay_user
  FROM moments m
  LEFT JOIN present i
    ON i.stage_arn = m.stage_arn AND i.session_id = m.session_id AND i.participant_id = m.participant_id
    AND i.start_time <= m.event_time
  GROUP BY m.account_id, m.region, m.stage_arn, m.stage_name, m.session_id, m.participant_id, m.event_time, m.event,
    m.error_code, m.class, m.is_replica, m.n
),
known AS (
  SELECT m.account_id, m.region, m.stage_arn, m.stage_name, m.session_id, m.participant_id, m.event_time, m.event,
    m.error_code, m.class, m.is_replica, m.n,
    coalesce(
      last_value(x.user_after ORDER BY x.event_time, x.expires_after) FILTER (WHERE x.event_time <= m.event_time),
      first_value(x.user_before ORDER BY x.event_time, x.expires_after) FILTER (WHERE x.event_time > m.event_time),
      m.stay_user
    ) AS user_id
  FROM stays m
  LEFT JOIN exchanges x
    ON x.stage_arn = m.stage_arn AND x.session_id = m.session_id AND x.participant_id = m.participant_id
  GROUP BY m.account_id, m.region, m.stage_arn, m.stage_name, m.session_id, m.participant_id, m.event_time, m.event,
    m.error_code, m.class, m.is_replica, m.n, m.stay_user
)
SELECT k.account_id, k.region, k.stage_arn, k.stage_name, k.session_id, k.participant_id,
  coalesce(k.user_id, p.user_id, k.participant_id) AS person,
  coalesce(p.isp_name, '(unknown)') AS isp,
  k.event_time, k.event, k.error_code, k.class, k.is_replica
FROM (SELECT *, unnest(generate_series(1, n)) AS number FROM known) k
LEFT JOIN listed p
  ON p.stage_arn = k.stage_arn AND p.session_id = k.session_id AND p.participant_id = k.participant_id
