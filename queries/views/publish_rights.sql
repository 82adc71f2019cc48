-- name = "publish_rights"
-- group = "view"
-- title = "Promotions and demotions, one by one"
-- question = "Who was given or denied the right to publish, and what came of it?"
-- caveats = [
--   "Exchanges whose capabilities are not told are left out: what they changed is unknown.",
-- ]
-- uses = ["selected_sessions", "token_exchanges", "intervals"]
-- kept = true
-- shared = ["stage", "session", "from", "to"]
-- params = [
--   { name = "grace", type = "duration", default = "5s", help = "Who may no longer publish must have stopped after so long." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "session_no", type = "integer", unit = "n", help = "Its number among those asked for, as in selected_sessions." },
--   { name = "number", type = "integer", unit = "n", help = "Its place among all, by time." },
--   { name = "participant_id", type = "text", help = "The participant." },
--   { name = "person", type = "text", help = "The user id of the new token, else of the old one; the participant where there is none." },
--   { name = "kind", type = "text", help = "promoted: PUBLISH was added. demoted: it was taken away." },
--   { name = "event_time", type = "timestamp", help = "When." },
--   { name = "to_live_s", type = "float", unit = "s", help = "Seconds from a promotion to the next start of publishing, before the participant leaves or exchanges again; NULL where there was none." },
--   { name = "to_stop_s", type = "float", unit = "s", help = "Seconds from a demotion to the end of publishing; NULL where it did not publish." },
--   { name = "is_open", type = "boolean", help = "The participant is still there, and has not exchanged again." },
--   { name = "outcome", type = "text", help = "used, unused or pending (promoted); stopped, violation or idle (demoted)." },
-- ]

WITH chained AS (
  SELECT *,
    -- One participant after the other: a partition for each would take many times as long.
    CASE WHEN lead(participant_id) OVER session = participant_id THEN lead(event_time) OVER session END AS next_at
  FROM token_exchanges
  WINDOW session AS (PARTITION BY session_no ORDER BY participant_id, event_time, ttl_after_s, occurrence)
),
exchanged AS (
  SELECT *, row_number() OVER (ORDER BY event_time, session_no, participant_id, ttl_after_s, occurrence) AS number,
    CASE WHEN array_has(capabilities_added, 'PUBLISH') THEN 'promoted' ELSE 'demoted' END AS kind
  FROM chained
  WHERE array_has(capabilities_added, 'PUBLISH') OR array_has(capabilities_removed, 'PUBLISH')
),
spans AS (
  SELECT s.session_no, i.participant_id, i.kind, i.start_time, i.end_time, i.end_reason
  FROM intervals i
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE i.kind IN ('PRESENCE', 'PUBLISH')
),
-- The stay and the publishing around each exchange, in one pass.
around AS (
  SELECT e.number, e.session_no, e.participant_id, e.person, e.kind, e.event_time, e.next_at,
    max(i.end_time) FILTER (WHERE i.kind = 'PRESENCE' AND i.start_time <= e.event_time AND i.end_time >= e.event_time)
      AS left_at,
    bool_or(i.end_reason = 'OPEN')
      FILTER (WHERE i.kind = 'PRESENCE' AND i.start_time <= e.event_time AND i.end_time >= e.event_time) AS stays,
    min(i.start_time) FILTER (WHERE i.kind = 'PUBLISH' AND i.start_time >= e.event_time
      AND (e.next_at IS NULL OR i.start_time <= e.next_at)) AS live_at,
    max(i.end_time) FILTER (WHERE i.kind = 'PUBLISH' AND i.start_time <= e.event_time AND i.end_time >= e.event_time)
      AS stop_at
  FROM exchanged e
  LEFT JOIN spans i
    ON i.session_no = e.session_no AND i.participant_id = e.participant_id
  GROUP BY e.number, e.session_no, e.participant_id, e.person, e.kind, e.event_time, e.next_at
),
measured AS (
  SELECT *, coalesce(stays, false) AND next_at IS NULL AS is_open,
    -- Who left before did not go live by this exchange.
    CASE WHEN kind = 'promoted' AND (left_at IS NULL OR live_at <= left_at)
      THEN CAST(live_at - event_time AS BIGINT) / 1e6 END AS to_live_s,
    CASE WHEN kind = 'demoted' THEN CAST(stop_at - event_time AS BIGINT) / 1e6 END AS to_stop_s
  FROM around
)
SELECT s.account_id, s.region, s.date, s.stage_arn, s.stage_name, s.session_id, m.session_no, m.number, m.participant_id,
  m.person, m.kind, m.event_time, m.to_live_s, m.to_stop_s, m.is_open,
  CASE
    WHEN kind = 'promoted' AND to_live_s IS NOT NULL THEN 'used'
    WHEN kind = 'promoted' AND is_open THEN 'pending'
    WHEN kind = 'promoted' THEN 'unused'
    WHEN to_stop_s IS NULL THEN 'idle'
    WHEN to_stop_s <= $grace THEN 'stopped'
    ELSE 'violation'
  END AS outcome
FROM measured m
JOIN selected_sessions s USING (session_no)
