-- name = "retention"
-- group = "engagement"
-- title = "Who comes back in later weeks"
-- question = "Of the people who first came in one week, how many came again in each later week?"
-- caveats = [
--   "Persons with a user id alone. The first week is that of the store: the oldest cohort holds everyone who came before it too (left_censored).",
--   "Weeks begin on Monday. Weeks that are not over as far as is known are NULL, not 0. There is no --from: the first visit decides.",
-- ]
-- uses = ["sessions", "intervals"]
-- shared = ["stage", "tz", "limit"]
-- params = [
--   { name = "role", type = "text", default = "any", choices = ["any", "publisher", "viewer"], help = "Whose stays count: in sessions in which they published, or in which they did not." },
-- ]
-- columns = [
--   { name = "cohort_week", type = "timestamp", help = "The Monday of the week of the first stay." },
--   { name = "size", type = "integer", unit = "n", help = "Persons who first came in it." },
--   { name = "week_k", type = "integer", help = "Weeks since then." },
--   { name = "active_n", type = "integer", unit = "n", help = "Of these, there in that week; NULL where it is not over." },
--   { name = "rate", type = "float", unit = "0..1", help = "Of the cohort." },
--   { name = "ci_lo", type = "float", unit = "0..1", help = "The lower end of the 95 % interval (Wilson)." },
--   { name = "ci_hi", type = "float", unit = "0..1", help = "Its upper end." },
--   { name = "low_n", type = "boolean", help = "Fewer than 30: too few to compare." },
--   { name = "complete", type = "boolean", help = "The week is over as far as is known." },
--   { name = "left_censored", type = "boolean", help = "The oldest cohort of the store." },
-- ]
-- chart = { kind = "heat-map", x = "week_k", y = "cohort_week", series = "rate" }

WITH selected AS (
  SELECT account_id, region, date, stage_arn, session_id, coalesce(as_of, end_time) AS known_until
  FROM sessions
  WHERE ($stage IS NULL OR stage_arn ~ $stage OR stage_name ~ $stage)
    AND collection IN ('COMPLETE', 'INCOMPLETE') AND pruned_at IS NULL
),
horizon AS (
  SELECT max(known_until) AS known_until FROM selected
),
weeks AS (
  SELECT i.user_id,
    unnest(buckets(i.start_time, greatest(i.end_time, i.start_time + INTERVAL '1 microsecond'), '1w', $tz)) AS week
  FROM intervals i
  JOIN selected s USING (date, stage_arn, session_id)
  WHERE i.kind = 'PRESENCE' AND NOT i.replica AND i.user_id IS NOT NULL
    AND ($role = 'any' OR i.publisher = ($role = 'publisher'))
),
active AS (
  SELECT user_id, week, min(week) OVER (PARTITION BY user_id) AS cohort
  FROM (SELECT user_id, week['start'] AS week FROM weeks GROUP BY user_id, week['start'])
),
cells AS (
  SELECT cohort, week, count(*) AS active_n FROM active GROUP BY cohort, week
),
cohorts AS (
  SELECT cohort, max(CASE WHEN week = cohort THEN active_n END) AS size FROM cells GROUP BY cohort
),
ends AS (
  SELECT min(cohort) AS first_cohort, max(week) AS last_week FROM active
),
spans AS (
  SELECT cohort, size, first_cohort,
    unnest(buckets(cohort, last_week + INTERVAL '1 microsecond', '1w', $tz)) AS week
  FROM cohorts
  CROSS JOIN ends
),
grid AS (
  -- A week in which the clocks change is an hour longer, or shorter.
  SELECT cohort, size, cohort = first_cohort AS left_censored, week['start'] AS week, week['end'] AS week_end,
    CAST(round(CAST(week['start'] - cohort AS BIGINT) / 6.048e11) AS BIGINT) AS week_k
  FROM spans
),
filled AS (
  SELECT g.cohort, g.size, g.week_k, g.left_censored, coalesce(g.week_end <= h.known_until, false) AS complete,
    coalesce(c.active_n, 0) AS seen_n
  FROM grid g
  CROSS JOIN horizon h
  LEFT JOIN cells c ON c.cohort = g.cohort AND c.week = g.week
)
SELECT cohort AS cohort_week, size, week_k,
  CASE WHEN complete THEN seen_n END AS active_n,
  CASE WHEN complete THEN seen_n * 1.0 / nullif(size, 0) END AS rate,
  CASE WHEN complete THEN CASE WHEN size > 0 THEN round((seen_n + 1.9208 - 1.96 * sqrt(seen_n * 1.0 * (size - seen_n) / size + 0.9604)) / (size + 3.8416), 6) END END AS ci_lo,
  CASE WHEN complete THEN CASE WHEN size > 0 THEN round((seen_n + 1.9208 + 1.96 * sqrt(seen_n * 1.0 * (size - seen_n) / size + 0.9604)) / (size + 3.8416), 6) END END AS ci_hi,
  size < 30 AS low_n,
  complete, left_censored
FROM filled
ORDER BY cohort, week_k
LIMIT $limit
