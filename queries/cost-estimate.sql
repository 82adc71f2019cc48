-- name = "cost-estimate"
-- group = "usage"
-- title = "What it may cost, by your prices"
-- question = "At the prices of a file of yours, what did the participant hours of each month cost, and where will this month end?"
-- caveats = [
--   "No prices come with the program: give --param rates=FILE, CSV or TOML. The columns are line (your name for it), role (publisher, viewer, replica, or participant for publisher and viewer together), tier (hours of the month from which on the price holds), valid_from (a date), currency and unit_price (of an hour).",
--   "publisher means while publishing, viewer all other time. What is rounded is the time of one stay in one role, month and period of a price.",
--   "Tiers are filled in the order of the hours of the month. Hours before the first valid_from have no price: their cost is NULL, not 0.",
--   "mtd_projection is of the month that as_of lies in: its hours at the pace so far, at the prices that held so far. A lake that lags behind makes it too low.",
--   "Months are those of UTC unless --tz is given.",
-- ]
-- note = "an estimate, not an invoice: resolution, audio tier and region of delivery are not in this data"
-- uses = ["presence", "publishing"]
-- shared = ["stage", "session", "from", "to", "tz", "open", "limit"]
-- params = [
--   { name = "rates", type = "rates", required = true, help = "A file of your prices, CSV or TOML." },
--   { name = "round", type = "text", default = "none", choices = ["none", "1s", "1min-up"], help = "How each stay is rounded before the sum." },
--   { name = "as_of", type = "timestamp", default = "now", help = "The time up to which the month is known, for the projection." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "month", type = "timestamp", help = "The start of the month." },
--   { name = "line", type = "text", help = "The line of your file." },
--   { name = "role", type = "text", help = "Whose hours: publisher, viewer, replica or participant." },
--   { name = "tier", type = "float", unit = "h", help = "The hours of the month from which on the price holds; NULL without a price." },
--   { name = "valid_from", type = "timestamp", help = "From when on the price holds; NULL without a price." },
--   { name = "quantity_h", type = "float", unit = "h", help = "Hours as measured." },
--   { name = "rounded_h", type = "float", unit = "h", help = "Hours after rounding: what is priced." },
--   { name = "unit_price", type = "float", help = "Of an hour; NULL where there is none." },
--   { name = "cost", type = "float", help = "rounded_h by unit_price; NULL without a price." },
--   { name = "currency", type = "text", help = "Of the prices." },
--   { name = "share", type = "float", unit = "0..1", help = "Of the cost of the month." },
--   { name = "mtd_projection", type = "float", help = "The cost at the end of the month, at this pace; NULL for other months." },
--   { name = "open_h", type = "float", unit = "h", help = "Of quantity_h, in stays that nothing ended: cut where the evidence ends." },
--   { name = "open_n", type = "integer", unit = "n", help = "Stays of the line that nothing ended, whatever their tier." },
--   { name = "synth_n", type = "integer", unit = "n", help = "Stays of the line without a JOINED." },
--   { name = "anomaly_n", type = "integer", unit = "n", help = "Stays of the line with something odd." },
-- ]
-- chart = { kind = "stacked-bar", x = "month", y = "cost", series = "line" }

WITH prices AS (
  SELECT rate['line'] AS line, rate['role'] AS role, rate['tier'] AS tier, rate['valid_from'] AS valid_from,
    rate['currency'] AS currency, rate['unit_price'] AS unit_price
  FROM (SELECT unnest($rates) AS rate)
),
tiers AS (
  SELECT *, lead(tier) OVER (PARTITION BY line, role, valid_from ORDER BY tier) AS tier_to FROM prices
),
begins AS (
  SELECT line, role, currency, valid_from FROM prices GROUP BY line, role, currency, valid_from
),
-- The time before the first price of a line is a period too, without one.
periods AS (
  SELECT line, role, currency, valid_from,
    lead(valid_from) OVER (PARTITION BY line, role ORDER BY valid_from) AS valid_to
  FROM begins
  UNION ALL
  SELECT line, role, currency, CAST(NULL AS TIMESTAMP(6) WITH TIME ZONE) AS valid_from, min(valid_from) AS valid_to
  FROM begins
  GROUP BY line, role, currency
),
stays AS (
  SELECT * FROM presence
  WHERE NOT quarantined AND duration_s > 0 AND ($open = 'clip' OR is_open = ($open = 'only'))
),
published AS (
  SELECT * FROM publishing
  WHERE NOT quarantined AND duration_s > 0 AND NOT is_replica AND ($open = 'clip' OR is_open = ($open = 'only'))
),
-- Each stay once as a viewer's and once as a participant's; what it shares with publishing is moved to the publisher.
spans AS (
  SELECT i.stage_arn, i.session_id, i.participant_id, i.start_time, r.role, i.clip_start, i.clip_end, 1 AS sign, i.is_open,
    i.synthetic_start, i.anomalies_n > 0 AS odd
  FROM stays i
  JOIN (VALUES ('viewer', false), ('participant', false), ('replica', true)) AS r (role, is_replica)
    ON r.is_replica = i.is_replica
  UNION ALL
  SELECT i.stage_arn, i.session_id, i.participant_id, i.start_time, r.role,
    greatest(i.clip_start, p.clip_start) AS clip_start, least(i.clip_end, p.clip_end) AS clip_end, r.sign, i.is_open,
    i.synthetic_start, i.anomalies_n > 0 AS odd
  FROM stays i
  JOIN published p
    ON p.stage_arn = i.stage_arn AND p.session_id = i.session_id AND p.participant_id = i.participant_id
    AND p.clip_start < i.clip_end AND p.clip_end > i.clip_start
  CROSS JOIN (VALUES ('publisher', 1), ('viewer', -1)) AS r (role, sign)
  WHERE NOT i.is_replica
),
by_month AS (
  SELECT *, unnest(buckets(clip_start, clip_end, '1mo', $tz)) AS month FROM spans
),
pieces AS (
  SELECT m.*, p.line, p.currency, p.valid_from,
    CAST(least(m.clip_end, m.month['end'], p.valid_to) - greatest(m.clip_start, m.month['start'], p.valid_from) AS BIGINT)
      * m.sign AS us
  FROM by_month m
  JOIN periods p ON p.role = m.role
    AND (p.valid_from IS NULL OR p.valid_from < least(m.clip_end, m.month['end']))
    AND (p.valid_to IS NULL OR p.valid_to > greatest(m.clip_start, m.month['start']))
),
by_stay AS (
  SELECT month['start'] AS month, month['end'] AS month_end, line, role, currency, valid_from,
    sum(us) AS us, bool_or(is_open) AS is_open, bool_or(synthetic_start) AS is_synthetic, bool_or(odd) AS odd
  FROM pieces
  GROUP BY month['start'], month['end'], line, role, currency, valid_from, stage_arn, session_id, participant_id, start_time
),
rounded AS (
  SELECT *, us / 3.6e9 AS quantity_h,
    CASE $round WHEN '1s' THEN (us + 500000) / 1000000 / 3600.0
      WHEN '1min-up' THEN (us + 59999999) / 60000000 / 60.0 ELSE us / 3.6e9 END AS rounded_h
  FROM by_stay
  WHERE us > 0
),
summed AS (
  SELECT month, month_end, line, role, currency, valid_from, sum(quantity_h) AS quantity_h, sum(rounded_h) AS rounded_h,
    coalesce(sum(quantity_h) FILTER (WHERE is_open), 0.0) AS open_h, count(*) FILTER (WHERE is_open) AS open_n,
    count(*) FILTER (WHERE is_synthetic) AS synth_n, count(*) FILTER (WHERE odd) AS anomaly_n
  FROM rounded
  GROUP BY month, month_end, line, role, currency, valid_from
),
-- Up to which hour of the month each period fills the tiers, and how much longer the month is than what is known of it.
filled AS (
  SELECT *,
    sum(rounded_h) OVER (
      PARTITION BY month, line, role ORDER BY valid_from NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS until_h,
    CASE WHEN month <= $as_of AND $as_of < month_end
      THEN CAST(month_end - month AS BIGINT) * 1.0
        / nullif(greatest(CAST(least($as_of, $to) - greatest(month, $from) AS BIGINT), 0), 0) END AS pace
  FROM summed
),
priced AS (
  SELECT f.*, t.tier, t.unit_price,
    CASE WHEN f.valid_from IS NULL THEN f.rounded_h
      ELSE greatest(least(f.until_h, t.tier_to) - greatest(f.until_h - f.rounded_h, t.tier), 0.0) END AS tier_h,
    CASE WHEN f.pace IS NOT NULL
      THEN greatest(least(f.until_h * f.pace, t.tier_to) - greatest((f.until_h - f.rounded_h) * f.pace, t.tier), 0.0)
        * t.unit_price END AS projection
  FROM filled f
  LEFT JOIN tiers t ON t.line = f.line AND t.role = f.role AND t.valid_from = f.valid_from
)
SELECT month, line, role, tier, valid_from,
  quantity_h * tier_h / rounded_h AS quantity_h, tier_h AS rounded_h, unit_price, tier_h * unit_price AS cost, currency,
  tier_h * unit_price / nullif(sum(tier_h * unit_price) OVER (PARTITION BY month), 0) AS share,
  projection AS mtd_projection, open_h * tier_h / rounded_h AS open_h, open_n, synth_n, anomaly_n
FROM priced
WHERE rounded_h > 0 AND (tier_h > 0 OR projection > 0)
ORDER BY month, line, role, valid_from NULLS FIRST, tier
LIMIT $limit
