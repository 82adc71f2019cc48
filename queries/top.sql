-- name = "top"
-- group = "usage"
-- title = "Who and what takes the most time"
-- question = "Which stages, persons, providers or SDKs make up most of the hours, and of the errors?"
-- caveats = [
--   "Hours are summed over participants: a person with two devices counts twice, as in a bill.",
--   "isp, os, browser, sdk, protocol and attributes are those last known of a participant, where its details were read: (unknown) holds the others.",
--   "Sessions, persons and participants can't be added up over rows where one of them stands in several.",
-- ]
-- uses = ["selected_sessions", "presence", "person_errors", "participants"]
-- shared = ["stage", "session", "from", "to", "replicas", "open", "limit"]
-- params = [
--   { name = "what", type = "text", default = "stage", choices = ["stage", "person", "isp", "os", "browser", "sdk", "protocol", "attribute:*"], help = "What to rank; attribute:KEY ranks the values of one of your own attributes." },
--   { name = "recover", type = "duration", default = "30s", help = "A start within this time after an error means that it was overcome." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "value", type = "text", help = "What --param what asks for; (unknown) where it is not known." },
--   { name = "hours", type = "float", unit = "h", help = "Hours on the stages, summed over participants." },
--   { name = "share", type = "float", unit = "0..1", help = "Of all these hours." },
--   { name = "cumulative_share", type = "float", unit = "0..1", help = "Of this row and all above it." },
--   { name = "sessions_n", type = "integer", unit = "n", help = "Sessions." },
--   { name = "persons_n", type = "integer", unit = "n", help = "Persons." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants." },
--   { name = "errors_n", type = "integer", unit = "n", help = "Errors." },
--   { name = "open_n", type = "integer", unit = "n", help = "Stays that nothing ended." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Stays without a JOINED." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Stays with something odd." },
--   { name = "stage_arn", type = "text", help = "The stage; NULL where stages are not ranked." },
-- ]
-- chart = { kind = "bar", x = "value", y = "hours" }

WITH facts AS (
  SELECT stage_arn, stage_name, session_id, participant_id, person, duration_s, 0 AS errors_n,
    CASE WHEN is_open THEN 1 ELSE 0 END AS open_n, CASE WHEN synthetic_start THEN 1 ELSE 0 END AS synth_n,
    CASE WHEN anomalies_n > 0 THEN 1 ELSE 0 END AS anomaly_n
  FROM presence
  WHERE NOT quarantined AND ($replicas = 'include' OR is_replica = ($replicas = 'only'))
    AND ($open = 'clip' OR is_open = ($open = 'only'))
  UNION ALL
  SELECT stage_arn, stage_name, session_id, participant_id, person, 0.0 AS duration_s, 1 AS errors_n, 0 AS open_n,
    0 AS synth_n, 0 AS anomaly_n
  FROM person_errors
  -- Someone who watches a replica is a real viewer: subscriptions stay unless replicas alone are asked for.
  WHERE $replicas = 'include' OR ($replicas = 'exclude' AND (event = 'SUBSCRIBE_ERROR' OR NOT is_replica))
    OR ($replicas = 'only' AND is_replica)
),
listed AS (
  SELECT p.*
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
),
named AS (
  SELECT f.*, CASE WHEN $what = 'stage' THEN f.stage_arn END AS ranked_arn,
    coalesce(CASE
      WHEN $what = 'stage' THEN coalesce(f.stage_name, f.stage_arn)
      WHEN $what = 'person' THEN f.person
      WHEN $what = 'isp' THEN p.isp_name
      WHEN $what = 'os' THEN p.os_name
      WHEN $what = 'browser' THEN p.browser_name || ' ' || coalesce(split_part(p.browser_version, '.', 1), '')
      WHEN $what = 'sdk' THEN p.sdk_version
      WHEN $what = 'protocol' THEN p.protocol
      ELSE map_extract(p.attributes, substr($what, 11))[1]
    END, '(unknown)') AS value
  FROM facts f
  LEFT JOIN listed p
    ON p.stage_arn = f.stage_arn AND p.session_id = f.session_id AND p.participant_id = f.participant_id
),
summed AS (
  SELECT max(value) AS value, ranked_arn, sum(duration_s) / 3600 AS hours,
    count(DISTINCT stage_arn || ' ' || session_id) AS sessions_n,
    count(DISTINCT person) AS persons_n,
    count(DISTINCT stage_arn || ' ' || session_id || ' ' || participant_id) AS participants_n,
    sum(errors_n) AS errors_n, sum(open_n) AS open_n, sum(synth_n) AS synth_n, sum(anomaly_n) AS anomaly_n
  FROM named
  GROUP BY ranked_arn, CASE WHEN $what = 'stage' THEN NULL ELSE value END
)
SELECT value, hours, hours / nullif(sum(hours) OVER (), 0) AS share,
  sum(hours) OVER (
    ORDER BY hours DESC, errors_n DESC, value, ranked_arn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) / nullif(sum(hours) OVER (), 0) AS cumulative_share,
  sessions_n, persons_n, participants_n, errors_n, open_n, synth_n, anomaly_n, ranked_arn AS stage_arn
FROM summed
ORDER BY hours DESC, errors_n DESC, value, stage_arn
LIMIT $limit
