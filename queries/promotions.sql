-- name = "promotions"
-- group = "tokens"
-- title = "Promotions and demotions"
-- question = "Who was given or denied the right to publish, and what came of it?"
-- caveats = [
--   "Exchanges whose capabilities are not told are left out: what they changed is unknown.",
--   "Times are whole seconds: what happened in the second of the exchange is 0 s away.",
-- ]
-- uses = ["publish_rights"]
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

WITH totals AS (
  SELECT count(*) FILTER (WHERE outcome IN ('used', 'unused')) AS promoted_n,
    count(*) FILTER (WHERE outcome = 'unused') AS unused_n,
    count(to_live_s) AS live_n,
    round(CASE WHEN count(to_live_s) < 10000
      THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY to_live_s)
      ELSE approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY to_live_s) END, 3) AS p50_s,
    round(CASE WHEN count(to_live_s) < 10000
      THEN percentile_cont(0.95) WITHIN GROUP (ORDER BY to_live_s)
      ELSE approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY to_live_s) END, 3) AS p95_s
  FROM publish_rights
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
CROSS JOIN publish_rights j
ORDER BY j.number
LIMIT $limit
