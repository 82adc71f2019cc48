-- name = "retention"
-- group = "engagement"
-- title = "Who comes back in later weeks"
-- question = "Of the people who first came in one week, how many came again in each later week?"
-- caveats = [
--   "Persons with a user id alone. The first week is that of the store: the oldest cohort holds everyone who came before it too (left_censored).",
--   "Weeks begin on Monday, in UTC. Weeks that are not over as far as is known are NULL, not 0. There is no --from: the first visit decides.",
-- ]
-- uses = ["sessions", "intervals"]
-- shared = ["stage", "limit"]
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
-- Weeks since Monday, 1970-01-05.
weeks AS (
  SELECT i.user_id, unnest(generate_series(
      (CAST(i.start_time AS BIGINT) - 345600000000) / 604800000000,
      greatest(CAST(i.end_time AS BIGINT) - 345600000001, CAST(i.start_time AS BIGINT) - 345600000000) / 604800000000
    )) AS week
  FROM intervals i
  JOIN selected s USING (account_id, region, date, stage_arn, session_id)
  WHERE i.kind = 'PRESENCE' AND NOT i.replica AND i.user_id IS NOT NULL
    AND ($role = 'any' OR i.publisher = ($role = 'publisher'))
),
active AS (
  SELECT user_id, week, min(week) OVER (PARTITION BY user_id) AS cohort
  FROM (SELECT user_id, week FROM weeks GROUP BY user_id, week)
),
cells AS (
  SELECT cohort, week - cohort AS week_k, count(*) AS active_n FROM active GROUP BY cohort, week - cohort
),
cohorts AS (
  SELECT c.cohort, max(CASE WHEN c.week_k = 0 THEN c.active_n END) AS size
  FROM cells c
  GROUP BY c.cohort
),
ends AS (
  SELECT min(cohort) AS first_cohort, max(week) AS last_week FROM active
),
grid AS (
  SELECT cohort, size, unnest(generate_series(0, e.last_week - cohort)) AS week_k, e.first_cohort
  FROM cohorts
  CROSS JOIN ends e
),
filled AS (
  SELECT g.cohort, g.size, g.week_k, g.cohort = g.first_cohort AS left_censored,
    coalesce(345600000000 + (g.cohort + g.week_k + 1) * 604800000000 <= CAST(h.known_until AS BIGINT), false) AS complete,
    coalesce(c.active_n, 0) AS seen_n
  FROM grid g
  CROSS JOIN horizon h
  LEFT JOIN cells c ON c.cohort = g.cohort AND c.week_k = g.week_k
)
SELECT arrow_cast(345600000000 + cohort * 604800000000, 'Timestamp(Microsecond, Some("UTC"))') AS cohort_week,
  size, week_k,
  CASE WHEN complete THEN seen_n END AS active_n,
  CASE WHEN complete THEN seen_n * 1.0 / nullif(size, 0) END AS rate,
  CASE WHEN complete THEN CASE WHEN size > 0 THEN round((seen_n + 1.9208 - 1.96 * sqrt(seen_n * 1.0 * (size - seen_n) / size + 0.9604)) / (size + 3.8416), 6) END END AS ci_lo,
  CASE WHEN complete THEN CASE WHEN size > 0 THEN round((seen_n + 1.9208 + 1.96 * sqrt(seen_n * 1.0 * (size - seen_n) / size + 0.9604)) / (size + 3.8416), 6) END END AS ci_hi,
  size < 30 AS low_n,
  complete, left_censored
FROM filled
ORDER BY cohort, week_k
LIMIT $limit
