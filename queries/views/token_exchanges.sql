-- name = "token_exchanges"
-- group = "view"
-- title = "Token exchanges, and what each changed"
-- question = "Who swapped a token while being connected, and what did the new one allow?"
-- caveats = [
--   "What the service does not tell is unknown, not empty: the difference is NULL.",
--   "A token without attributes can't be told from one of which none are told.",
-- ]
-- uses = ["selected_sessions", "events"]
-- kept = true
-- shared = ["stage", "session", "from", "to"]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "stage_name", type = "text", help = "Its name when the session was collected." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "session_no", type = "integer", unit = "n", help = "Its number among those asked for, as in selected_sessions." },
--   { name = "participant_id", type = "text", help = "The participant." },
--   { name = "person", type = "text", help = "The user id of the new token, else of the old one; the participant where there is none." },
--   { name = "event_time", type = "timestamp", help = "When." },
--   { name = "capabilities_before", type = "text-list", help = "Of the old token." },
--   { name = "capabilities_after", type = "text-list", help = "Of the new one." },
--   { name = "capabilities_added", type = "text-list", help = "In the new one alone." },
--   { name = "capabilities_removed", type = "text-list", help = "In the old one alone." },
--   { name = "user_before", type = "text", help = "The user id of the old token." },
--   { name = "user_after", type = "text", help = "The user id of the new one." },
--   { name = "user_changed", type = "boolean", help = "They differ." },
--   { name = "attributes_before", type = "text-map", help = "Of the old token." },
--   { name = "attributes_after", type = "text-map", help = "Of the new one." },
--   { name = "expires_before", type = "timestamp", help = "When the old token expires." },
--   { name = "expires_after", type = "timestamp", help = "When the new one does." },
--   { name = "ttl_before_s", type = "float", unit = "s", help = "Seconds that the old token had left; negative where it had expired." },
--   { name = "ttl_after_s", type = "float", unit = "s", help = "Seconds that the new one has." },
--   { name = "used_expired", type = "boolean", help = "The old token had expired." },
--   { name = "occurrence", type = "integer", help = "0, 1, ... among otherwise equal exchanges." },
-- ]

WITH exchanges AS (
  SELECT s.account_id, s.region, e.date, e.stage_arn, s.stage_name, e.session_id, s.session_no,
    e.participant_id, e.event_time,
    e.occurrence,
    e.previous_token['capabilities'] AS capabilities_before,
    e.new_token['capabilities'] AS capabilities_after,
    e.previous_token['user_id'] AS user_before,
    e.new_token['user_id'] AS user_after,
    e.previous_token['attributes'] AS attributes_before,
    e.new_token['attributes'] AS attributes_after,
    e.previous_token['expiration_time'] AS expires_before,
    e.new_token['expiration_time'] AS expires_after
  FROM events e
  JOIN selected_sessions s USING (date, stage_arn, session_id)
  WHERE e.name = 'TOKEN_EXCHANGED'
    AND ($from IS NULL OR e.event_time >= $from)
    AND ($to IS NULL OR e.event_time < $to)
)
SELECT account_id, region, date, stage_arn, stage_name, session_id, session_no, participant_id,
  coalesce(user_after, user_before, participant_id) AS person,
  event_time, capabilities_before, capabilities_after,
  CASE WHEN capabilities_before IS NOT NULL AND capabilities_after IS NOT NULL
    THEN array_sort(array_except(capabilities_after, capabilities_before)) END AS capabilities_added,
  CASE WHEN capabilities_before IS NOT NULL AND capabilities_after IS NOT NULL
    THEN array_sort(array_except(capabilities_before, capabilities_after)) END AS capabilities_removed,
  user_before, user_after,
  user_before <> user_after AS user_changed,
  attributes_before, attributes_after, expires_before, expires_after,
  CAST(expires_before - event_time AS BIGINT) / 1e6 AS ttl_before_s,
  CAST(expires_after - event_time AS BIGINT) / 1e6 AS ttl_after_s,
  expires_before < event_time AS used_expired,
  occurrence
FROM exchanges
