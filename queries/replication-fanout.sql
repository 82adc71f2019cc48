-- name = "replication-fanout"
-- group = "replication"
-- title = "Replications at once"
-- question = "How many replications went on at the same time, and how close was that to the quota?"
-- caveats = [
--   "Times are whole seconds: one that ends in the second in which another starts does not overlap it.",
--   "The quota is the service's, 5 for each participant; the other scopes have none.",
--   "refused_n counts requests of this program alone: NULL where the journal is empty.",
--   "--stage and --session mean the source. Buckets without a replication are left out.",
-- ]
-- uses = ["replication", "replication_requests"]
-- shared = ["stage", "session", "from", "to", "open", "tz", "limit"]
-- by = { pair = "replication-pairs" }
-- params = [
--   { name = "bucket", type = "bucket", default = "1d", help = "The length of a bucket of time." },
-- ]
-- columns = [
--   { name = "bucket", type = "timestamp", help = "The start of the bucket." },
--   { name = "scope", type = "text", help = "account: all of an account and region. destination: into one stage. participant: of one publisher." },
--   { name = "who", type = "text", help = "The account and region, the name of the destination, or the participant." },
--   { name = "peak", type = "integer", unit = "n", help = "The most replications at once." },
--   { name = "avg", type = "float", unit = "n", help = "Their mean over the bucket." },
--   { name = "peak_at", type = "timestamp", help = "When the peak was first reached." },
--   { name = "quota", type = "integer", unit = "n", help = "The service's limit, where there is one." },
--   { name = "headroom", type = "integer", unit = "n", help = "Quota less peak." },
--   { name = "refused_n", type = "integer", unit = "n", help = "Starts by this program that the quota refused." },
--   { name = "open_n", type = "integer", unit = "n", help = "Replications that had not ended when the evidence ends." },
--   { name = "stage_arn", type = "text", help = "The stage of the participant, or the destination." },
-- ]
-- chart = { kind = "line", x = "bucket", y = "peak", series = "who" }

WITH spans AS (
  SELECT *, account_id || '/' || region AS account
  FROM replication
  WHERE "end" > "start"
    AND ($open = 'clip' OR ($open = 'only' AND "open") OR ($open = 'exclude' AND NOT "open"))
),
cut AS (
  SELECT *, unnest(buckets("start", "end", $bucket, $tz)) AS span FROM spans
),
pieces AS (
  SELECT *, span['start'] AS bucket, span['end'] AS bucket_end,
    greatest("start", span['start']) AS piece_from, least("end", span['end']) AS piece_to
  FROM cut
),
scoped AS (
  SELECT scope, bucket, bucket_end, piece_from, piece_to, "open",
    CASE scope WHEN 'account' THEN account WHEN 'destination' THEN dest_stage ELSE participant END AS who,
    CASE scope WHEN 'destination' THEN dest_stage_arn WHEN 'participant' THEN source_stage_arn END AS stage_arn,
    CASE scope WHEN 'account' THEN account WHEN 'destination' THEN dest_stage_arn
      ELSE source_stage_arn || ' ' || participant END AS key
  FROM (SELECT *, unnest(make_array('account', 'destination', 'participant')) AS scope FROM pieces) AS each_scope
),
totals AS (
  SELECT scope, key, bucket, max(who) AS who, max(stage_arn) AS stage_arn,
    sum(CAST(piece_to - piece_from AS BIGINT)) * 1.0 / max(CAST(bucket_end - bucket AS BIGINT)) AS mean,
    count(*) FILTER (WHERE "open") AS open_n
  FROM scoped
  GROUP BY scope, key, bucket
),
changes AS (
  SELECT scope, key, bucket, piece_from AS at, 1 AS delta FROM scoped
  UNION ALL
  SELECT scope, key, bucket, piece_to, -1 FROM scoped
),
moments AS (
  SELECT scope, key, bucket, at, sum(delta) AS delta
  FROM changes
  GROUP BY scope, key, bucket, at
),
levels AS (
  SELECT scope, key, bucket, at, sum(delta) OVER (PARTITION BY scope, key, bucket ORDER BY at ROWS UNBOUNDED PRECEDING) AS level
  FROM moments
),
peaks AS (
  SELECT scope, key, bucket, max(level) AS peak, first_value(at ORDER BY level DESC, at) AS peak_at
  FROM levels
  GROUP BY scope, key, bucket
),
refusals AS (
  SELECT bucket_start(q.requested_at, $bucket, $tz) AS bucket,
    q.account_id || '/' || q.region AS account,
    q.destination_stage_arn AS destination,
    q.source_stage_arn || ' ' || q.participant_id AS participant
  FROM replication_requests q
  WHERE q.action = 'START' AND q.outcome = 'ServiceQuotaExceededException'
    AND ($from IS NULL OR q.requested_at >= $from)
    AND ($to IS NULL OR q.requested_at < $to)
),
refused AS (
  SELECT scope, key, bucket, count(*) AS refused_n
  FROM (
    SELECT 'account' AS scope, account AS key, bucket FROM refusals
    UNION ALL
    SELECT 'destination', destination, bucket FROM refusals
    UNION ALL
    SELECT 'participant', participant, bucket FROM refusals
  ) AS each_scope
  GROUP BY scope, key, bucket
),
journal AS (
  SELECT count(*) > 0 AS is_kept FROM replication_requests
)
SELECT t.bucket, t.scope, t.who, p.peak, t.mean AS avg, p.peak_at,
  CASE t.scope WHEN 'participant' THEN 5 END AS quota,
  CASE t.scope WHEN 'participant' THEN 5 - p.peak END AS headroom,
  CASE WHEN j.is_kept THEN coalesce(f.refused_n, 0) END AS refused_n,
  t.open_n,
  t.stage_arn
FROM totals t
JOIN peaks p ON p.scope = t.scope AND p.key = t.key AND p.bucket = t.bucket
LEFT JOIN refused f ON f.scope = t.scope AND f.key = t.key AND f.bucket = t.bucket
CROSS JOIN journal j
ORDER BY t.bucket, t.scope, p.peak DESC, t.key
LIMIT $limit
