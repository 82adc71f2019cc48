-- name = "concurrency"
-- group = "engagement"
-- title = "How many at once"
-- question = "How many people were on the stages at the same time, at most, at least and on average?"
-- caveats = [
--   "Peaks can't be added up or averaged over stages, sessions or buckets: ask with another --by or --bucket.",
--   "People are participants here: a person with two devices is two.",
--   "A bucket that --from or --to cuts is judged by what is left of it.",
-- ]
-- uses = ["levels"]
-- shared = ["stage", "session", "from", "to", "replicas", "open", "tz", "limit"]
-- params = [
--   { name = "bucket", type = "bucket", default = "1h", help = "The length of a bucket of time." },
--   { name = "by", type = "text", default = "stage", choices = ["stage", "session", "all"], help = "What is counted together." },
--   { name = "quota", type = "integer", help = "How many participants are allowed at once, for headroom." },
--   { name = "max_open", type = "duration", default = "24h", help = "What is open for longer is quarantined: left out of durations." },
-- ]
-- columns = [
--   { name = "bucket", type = "timestamp", help = "The start of the bucket." },
--   { name = "scope", type = "text", help = "The stage's name, the session, or all." },
--   { name = "peak_ccu", type = "integer", unit = "n", help = "Participants at once, at most." },
--   { name = "peak_at", type = "timestamp", help = "The first moment with so many." },
--   { name = "min_ccu", type = "integer", unit = "n", help = "At least." },
--   { name = "avg_ccu", type = "float", unit = "n", help = "On average over time." },
--   { name = "peak_publishers", type = "integer", unit = "n", help = "Publishers at once, at most; without replicas." },
--   { name = "peak_replica_publishers", type = "integer", unit = "n", help = "Replicas publishing at once, at most." },
--   { name = "peak_subscriptions", type = "integer", unit = "n", help = "Subscriptions at once, at most." },
--   { name = "headroom", type = "integer", unit = "n", help = "What --param quota leaves at the peak; NULL without it." },
--   { name = "stage_arn", type = "text", help = "The stage; NULL for all." },
-- ]
-- chart = { kind = "line", x = "bucket", y = "peak_ccu", series = "scope" }

SELECT bucket, scope, peak_ccu, peak_at, min_ccu, avg_ccu, peak_publishers, peak_replica_publishers,
  peak_subscriptions, $quota - peak_ccu AS headroom, stage_arn
FROM levels
ORDER BY bucket, scope, scope_key
LIMIT $limit
