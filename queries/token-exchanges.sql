-- name = "token-exchanges"
-- group = "tokens"
-- title = "Token exchanges"
-- question = "Who swapped a token while being connected, and what did it change?"
-- caveats = [
--   "What the service does not tell is unknown, not empty: the difference is NULL.",
--   "Exchanges happen with self-signed tokens alone.",
-- ]
-- uses = ["token_exchanges"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "show_values", type = "boolean", default = "false", help = "Show the values of attributes too, not their keys alone." },
-- ]
-- columns = [
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "session", type = "text", help = "The session." },
--   { name = "participant", type = "text", help = "The participant." },
--   { name = "person", type = "text", help = "The user id of the new token, else of the old one; the participant where there is none." },
--   { name = "event_time", type = "timestamp", help = "When." },
--   { name = "capabilities_added", type = "text-list", help = "What the new token alone allows." },
--   { name = "capabilities_removed", type = "text-list", help = "What the old one alone allowed." },
--   { name = "user_changed", type = "boolean", help = "The user ids differ." },
--   { name = "attributes_changed_keys", type = "text-list", help = "Keys whose values differ, or which only one of the two has." },
--   { name = "ttl_before_s", type = "float", unit = "s", help = "Seconds that the old token had left; negative where it had expired." },
--   { name = "ttl_after_s", type = "float", unit = "s", help = "Seconds that the new one has." },
--   { name = "used_expired", type = "boolean", help = "The old token had expired." },
--   { name = "attributes_before", type = "text-map", help = "Of the old token, with show_values." },
--   { name = "attributes_after", type = "text-map", help = "Of the new one, with show_values." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "dot", x = "event_time", y = "ttl_after_s", series = "stage" }

WITH numbered AS (
  SELECT *,
    row_number() OVER (ORDER BY event_time, stage_arn, session_id, participant_id, ttl_after_s, occurrence) AS number
  FROM token_exchanges
),
keys AS (
  SELECT number, attributes_before, attributes_after,
    unnest(array_distinct(array_concat(map_keys(attributes_before), map_keys(attributes_after)))) AS key
  FROM numbered
  WHERE attributes_before IS NOT NULL AND attributes_after IS NOT NULL
),
changed AS (
  SELECT number, array_agg(key ORDER BY key) AS keys
  FROM keys
  WHERE map_extract(attributes_before, key) IS DISTINCT FROM map_extract(attributes_after, key)
  GROUP BY number
)
SELECT coalesce(e.stage_name, e.stage_arn) AS stage, e.session_id AS session, e.participant_id AS participant,
  e.person, e.event_time, e.capabilities_added, e.capabilities_removed, e.user_changed,
  CASE WHEN e.attributes_before IS NOT NULL AND e.attributes_after IS NOT NULL
    THEN coalesce(c.keys, array_remove_all(make_array(''), '')) END AS attributes_changed_keys,
  e.ttl_before_s, e.ttl_after_s, e.used_expired,
  CASE WHEN $show_values THEN e.attributes_before END AS attributes_before,
  CASE WHEN $show_values THEN e.attributes_after END AS attributes_after,
  e.stage_arn
FROM numbered e
LEFT JOIN changed c ON c.number = e.number
ORDER BY e.number
LIMIT $limit
