-- name = "promotions"
-- group = "tokens"
-- title = "Promotions and demotions"
-- question = "Who was given or denied the right to publish, and what came of it?"
-- caveats = [
--   "Exchanges whose capabilities are not told are left out: what they changed is unknown.",
--   "Times are whole seconds: what happened in the second of the exchange is 0 s away.",
-- ]
-- uses = ["selected_sessions", "token_exchanges", "intervals"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "grace", type = "duration", default = "5s", help = "Who may no longer publish must have stopped after so long." },
-- ]
-- columns = [
--   { name = "stage", type = "text", help = "The name of the stage; its ARN where it has none." },
--   { name = "session", type = "text", help = "The session." },
--   { name = "participant", type = "text", help = "The participant." },
--   { name = "person", type = "text", help = "The user id of the new token, else of the old one; the participant where there is none." },
--   { name = "kind", type = "text", help = "promoted: PUBLISH was added. demoted: it was taken away." },
--   { name = "at", type = "timestamp", help = "When." },
--   { name = "to_live_s", type = "float", unit = "s", help = "Seconds from a promotion to the next start of publishing, before the participant leaves or exchanges again; NULL where there was none." },
--   { name = "to_stop_s", type = "float", unit = "s", help = "Seconds from a demotion to the end of publishing; NULL where it did not publish." },
--   { name = "outcome", type = "text", help = "used, unused or pending (promoted); stopped, violation or idle (demoted)." },
--   { name = "promoted_n", type = "integer", unit = "n", help = "Of all rows: promotions that are not pending; what unused_rate is of." },
--   { name = "unused_rate", type = "float", unit = "0..1", help = "Of all rows: promotions that were not used." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "to_live_p50_s", type = "float", unit = "s", help = "Of all rows: the median of to_live_s." },
--   { name = "to_live_p95_s", type = "float", unit = "s", help = "Of all rows: the 95th percentile; NULL below 20." },
--   { name = "stage_arn", type = "text", help = "The stage." },
-- ]
-- chart = { kind = "dot", x = "at", y = "to_live_s", series = "kind" }

WITH chained AS (
  SELECT *,
    -- One participant after the other: a partition for each would take many times as long.
    CASE WHEN lead(participant_id) OVER session = participant_id THEN lead(event_time) OVER session END AS next_at
  FROM token_exchanges
  WINDOW session AS (PARTITION BY stage_arn, session_id ORDER BY participant_id, event_time, ttl_after_s, occurrence)
),
exchanged AS (
  SELECT *, row_number() OVER (ORDER BY event_time, stage_arn, session_id, participant_id, ttl_after_s, occurrence)
      AS number,
    CASE WHEN array_has(capabilities_added, 'PUBLISH') THEN 'promoted' ELSE 'demoted' END AS kind
  FROM chained
  WHERE array_has(capabilities_added, 'PUBLISH') OR array_has(capabilities_removed, 'PUBLISH')
),
spans AS (
  SELECT i.stage_arn, i.session_id, i.participant_id, i.kind, i.start_time, i.end_time, i.end_reason
  FROM intervals i
  JOIN selected_sessions s USING (account_id, region, date, stage_arn, session_id)
  WHERE i.kind IN ('PRESENCE', 'PUBLISH')
),
-- The stay and the publishing around each exchange, in one pass.
around AS (
  SELECT e.number, e.stage_arn, e.stage_name, e.session_id, e.participant_id, e.person, e.kind, e.event_time, e.next_at,
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
    ON i.stage_arn = e.stage_arn AND i.session_id = e.session_id AND i.participant_id = e.participant_id
  GROUP BY e.number, e.stage_arn, e.stage_name, e.session_id, e.participant_id, e.person, e.kind, e.event_time, e.next_at
),
measured AS (
  SELECT *, coalesce(stays, false) AND next_at IS NULL AS is_open,
    -- Who left before did not go live by this exchange.
    CASE WHEN kind = 'promoted' AND (left_at IS NULL OR live_at <= left_at)
      THEN CAST(live_at - event_time AS BIGINT) / 1e6 END AS to_live_s,
    CASE WHEN kind = 'demoted' THEN CAST(stop_at - event_time AS BIGINT) / 1e6 END AS to_stop_s
  FROM around
),
judged AS (
  SELECT *,
    CASE
      WHEN kind = 'promoted' AND to_live_s IS NOT NULL THEN 'used'
      WHEN kind = 'promoted' AND is_open THEN 'pending'
      WHEN kind = 'promoted' THEN 'unused'
      WHEN to_stop_s IS NULL THEN 'idle'
      WHEN to_stop_s <= $grace THEN 'stopped'
      ELSE 'violation'
    END AS outcome
  FROM measured
),
totals AS (
  SELECT count(*) FILTER (WHERE outcome IN ('used', 'unused')) AS promoted_n,
    count(*) FILTER (WHERE outcome = 'unused') AS unused_n,
    count(to_live_s) AS live_n,
    round(CASE WHEN count(to_live_s) < 10000
      THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY to_live_s)
      ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY to_live_s) END, 3) AS p50_s,
    round(CASE WHEN count(to_live_s) < 10000
      THEN percentile_cont(0.95) WITHIN GROUP (ORDER BY to_live_s)
      ELSE approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY to_live_s) END, 3) AS p95_s
  FROM judged
)
SELECT coalesce(j.stage_name, j.stage_arn) AS stage, j.session_id AS session, j.participant_id AS participant, j.person,
  j.kind, j.event_time AS at, j.to_live_s, j.to_stop_s, j.outcome, t.promoted_n,
  t.unused_n * 1.0 / nullif(t.promoted_n, 0) AS unused_rate,
  CASE WHEN t.promoted_n > 0 THEN round((t.unused_n + 1.9208 - 1.96 * sqrt(t.unused_n * 1.0 * (t.promoted_n - t.unused_n) / t.promoted_n + 0.9604)) / (t.promoted_n + 3.8416), 6) END AS ci_lo,
  CASE WHEN t.promoted_n > 0 THEN round((t.unused_n + 1.9208 + 1.96 * sqrt(t.unused_n * 1.0 * (t.promoted_n - t.unused_n) / t.promoted_n + 0.9604)) / (t.promoted_n + 3.8416), 6) END AS ci_hi,
  t.p50_s AS to_live_p50_s,
  CASE WHEN t.live_n >= 20 THEN t.p95_s END AS to_live_p95_s,
  j.stage_arn
FROM totals t
CROSS JOIN judged j
ORDER BY j.number
LIMIT $limit
