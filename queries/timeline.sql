-- name = "timeline"
-- group = "engagement"
-- title = "Everything that happened in a session"
-- question = "What did each participant of a session do, from when to when?"
-- caveats = [
--   "Times are whole seconds: what shares a tie_id happened in one second, in an order that nobody knows.",
-- ]
-- uses = ["selected_sessions", "intervals", "errors", "token_exchanges"]
-- shared = ["stage", "from", "to", "limit"]
-- params = [
--   { name = "session", type = "globs", required = true, help = "The session; must be given." },
--   { name = "participant", type = "globs", help = "Only these participants." },
--   { name = "recover", type = "duration", default = "30s", help = "A start within this time after an error means that it was overcome." },
-- ]
-- columns = [
--   { name = "participant", type = "text", help = "The participant." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "lane", type = "text", help = "join, publish, subscribe, replication, token or error." },
--   { name = "remote", type = "text", help = "The publisher that is watched, or the stage that it is replicated to." },
--   { name = "start", type = "timestamp", help = "When it began, or happened." },
--   { name = "end", type = "timestamp", help = "When it ended; NULL for what has no length by nature." },
--   { name = "dur_s", type = "float", unit = "s", help = "From start to end." },
--   { name = "end_reason", type = "text", help = "What ended it." },
--   { name = "detail", type = "text", help = "Code and class of an error; what an exchange added (+) and removed (-)." },
--   { name = "anomaly", type = "text", help = "What is odd about it." },
--   { name = "open", type = "boolean", help = "Nothing ended it: it is cut where the evidence ends." },
--   { name = "tie_id", type = "integer", help = "The same number for all that one participant began in one second; NULL where it is alone." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "session_id", type = "text", help = "The session." },
-- ]
-- chart = { kind = "gantt", x = "start", y = "dur_s", series = "lane" }

WITH items AS (
  SELECT i.stage_arn, i.session_id, i.participant_id, coalesce(i.user_id, i.participant_id) AS person,
    CASE i.kind WHEN 'PRESENCE' THEN 'join' WHEN 'PUBLISH' THEN 'publish' WHEN 'SUBSCRIBE' THEN 'subscribe'
      ELSE 'replication' END AS lane,
    coalesce(i.remote_participant_id, i.destination_stage_arn) AS remote,
    i.start_time, i.end_time, i.end_reason, CAST(NULL AS VARCHAR) AS detail,
    nullif(array_to_string(i.anomalies, ','), '') AS anomaly
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE ($to IS NULL OR i.start_time < $to) AND ($from IS NULL OR i.end_time > $from OR i.start_time >= $from)
  UNION ALL
  SELECT stage_arn, session_id, participant_id, participant_id AS person, 'error' AS lane,
    remote_participant_id AS remote, event_time AS start_time, CAST(NULL AS TIMESTAMP(6) WITH TIME ZONE) AS end_time,
    CAST(NULL AS VARCHAR) AS end_reason,
    event || ' ' || error_code || ' ' || class AS detail, CAST(NULL AS VARCHAR) AS anomaly
  FROM errors
  UNION ALL
  SELECT stage_arn, session_id, participant_id, person, 'token' AS lane, CAST(NULL AS VARCHAR) AS remote,
    event_time AS start_time, CAST(NULL AS TIMESTAMP(6) WITH TIME ZONE) AS end_time, CAST(NULL AS VARCHAR) AS end_reason,
    concat_ws(' ', '+' || nullif(array_to_string(capabilities_added, ' +'), ''),
      '-' || nullif(array_to_string(capabilities_removed, ' -'), ''),
      CASE WHEN user_changed THEN 'user ' || user_before || ' -> ' || user_after END) AS detail,
    CASE WHEN used_expired THEN 'used_expired' END AS anomaly
  FROM token_exchanges
),
-- An error names no user: the person is who the participant was at the time, as far as its stays tell.
named AS (
  SELECT *,
    coalesce(max(CASE WHEN lane NOT IN ('error', 'token') THEN person END)
      OVER (PARTITION BY stage_arn, session_id, participant_id), person) AS known_person,
    dense_rank() OVER (ORDER BY stage_arn, session_id, participant_id, start_time) AS moment,
    count(*) OVER (PARTITION BY stage_arn, session_id, participant_id, start_time) AS at_once_n
  FROM items
  WHERE $participant IS NULL OR participant_id ~ $participant
)
SELECT participant_id AS participant,
  CASE lane WHEN 'error' THEN known_person ELSE person END AS person,
  lane, remote, start_time AS "start", end_time AS "end",
  CAST(end_time - start_time AS BIGINT) / 1e6 AS dur_s,
  end_reason, detail, anomaly,
  coalesce(end_reason = 'OPEN', false) AS "open",
  CASE WHEN at_once_n > 1 THEN moment END AS tie_id,
  stage_arn, session_id
FROM named
ORDER BY start_time, stage_arn, session_id, participant_id, lane, remote, detail
LIMIT $limit
