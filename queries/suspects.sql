-- name = "suspects"
-- group = "reliability"
-- title = "Who fails more than others"
-- question = "Which SDK, system, browser, provider or protocol goes with failure?"
-- caveats = [
--   "Fields are those last known of a participant, where its details were read: (unknown) holds the others.",
--   "looks_n slices were tested: of 20, one stands out by chance.",
--   "A lower bound: network errors of the client and bad token signatures leave no event.",
--   "Participants that first tried in the period. Replicas are left out, except as publishers that someone watches.",
-- ]
-- note = "a lower bound: network errors of the client and bad token signatures leave no event"
-- uses = ["selected_sessions", "attempts", "participants"]
-- shared = ["stage", "session", "from", "to", "limit"]
-- params = [
--   { name = "min_n", type = "integer", default = "30", help = "Slices of fewer participants are not shown." },
-- ]
-- columns = [
--   { name = "action", type = "text", help = "publish or subscribe." },
--   { name = "dimension", type = "text", help = "sdk, os, browser, isp or protocol." },
--   { name = "value", type = "text", help = "Its value." },
--   { name = "n", type = "integer", unit = "n", help = "Participants that tried." },
--   { name = "k", type = "integer", unit = "n", help = "Of these, without any success." },
--   { name = "rate", type = "float", unit = "0..1", help = "Of those that tried." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "rest_n", type = "integer", unit = "n", help = "All others that tried." },
--   { name = "rest_rate", type = "float", unit = "0..1", help = "Those without any success, of all others." },
--   { name = "rest_ci_lo", type = "float", unit = "0..1", help = "The lower end of its 95 % interval (Wilson)." },
--   { name = "rest_ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "lift", type = "float", help = "rate by rest_rate; NULL where the others never fail." },
--   { name = "excess_failures_n", type = "float", unit = "n", help = "Failures beyond what the others' rate would have given." },
--   { name = "looks_n", type = "integer", unit = "n", help = "Slices that were tested." },
-- ]
-- chart = { kind = "dot", x = "value", y = "rate", series = "dimension" }

WITH tried AS (
  SELECT session_no, participant_id, action,
    min(first_attempt) AS first_attempt, sum(starts_n) AS starts_n, sum(attempts_n) AS attempts_n
  FROM attempts
  WHERE action = 'subscribe' OR (action = 'publish' AND NOT is_replica)
  GROUP BY session_no, participant_id, action
),
people AS (
  SELECT s.session_no, p.participant_id, p.sdk_version, p.os_name, p.isp_name, p.protocol,
    p.browser_name || ' ' || coalesce(split_part(p.browser_version, '.', 1), '') AS browser
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
),
-- Many share all of their traits.
described AS (
  SELECT t.action, t.starts_n = 0 AS failed, p.sdk_version, p.os_name, p.isp_name, p.protocol, p.browser, count(*) AS n
  FROM tried t
  LEFT JOIN people p USING (session_no, participant_id)
  WHERE t.attempts_n > 0
    AND ($from IS NULL OR t.first_attempt >= $from)
    AND ($to IS NULL OR t.first_attempt < $to)
  GROUP BY t.action, t.starts_n = 0, p.sdk_version, p.os_name, p.isp_name, p.protocol, p.browser
),
slices AS (
  SELECT d.action, d.failed, d.n, m.dimension,
    coalesce(CASE m.dimension WHEN 'sdk' THEN d.sdk_version WHEN 'os' THEN d.os_name WHEN 'browser' THEN d.browser
      WHEN 'isp' THEN d.isp_name ELSE d.protocol END, '(unknown)') AS value
  FROM (VALUES ('sdk'), ('os'), ('browser'), ('isp'), ('protocol')) AS m (dimension)
  CROSS JOIN described d
),
counted AS (
  SELECT action, dimension, value, sum(n) AS n, sum(CASE WHEN failed THEN n ELSE 0 END) AS k
  FROM slices
  GROUP BY action, dimension, value
),
compared AS (
  SELECT *,
    sum(n) OVER (PARTITION BY action, dimension) - n AS rest_n,
    sum(k) OVER (PARTITION BY action, dimension) - k AS rest_k
  FROM counted
),
rated AS (
  SELECT *,
    k * 1.0 / nullif(n, 0) AS rate,
    rest_k * 1.0 / nullif(rest_n, 0) AS rest_rate,
    CASE WHEN n > 0 THEN round((k + 1.9208 - 1.96 * sqrt(k * 1.0 * (n - k) / n + 0.9604)) / (n + 3.8416), 6) END AS ci_lo,
    CASE WHEN n > 0 THEN round((k + 1.9208 + 1.96 * sqrt(k * 1.0 * (n - k) / n + 0.9604)) / (n + 3.8416), 6) END AS ci_hi
  FROM compared
  WHERE n >= $min_n
)
SELECT action, dimension, value, n, k, rate, ci_lo, ci_hi, rest_n, rest_rate,
  CASE WHEN rest_n > 0 THEN round((rest_k + 1.9208 - 1.96 * sqrt(rest_k * 1.0 * (rest_n - rest_k) / rest_n + 0.9604)) / (rest_n + 3.8416), 6) END AS rest_ci_lo,
  CASE WHEN rest_n > 0 THEN round((rest_k + 1.9208 + 1.96 * sqrt(rest_k * 1.0 * (rest_n - rest_k) / rest_n + 0.9604)) / (rest_n + 3.8416), 6) END AS rest_ci_hi,
  rate / nullif(rest_rate, 0) AS lift,
  k - n * rest_rate AS excess_failures_n,
  count(*) OVER () AS looks_n
FROM rated
ORDER BY ci_lo - coalesce(rest_rate, 1) DESC, action, dimension, value
LIMIT $limit
