-- name = "error-codes"
-- group = "reliability"
-- title = "Errors by code and class"
-- question = "What fails, how often, and does it matter?"
-- caveats = [
--   "A lower bound: network errors of the client and bad token signatures leave no event.",
--   "Times are whole seconds: a start in the second of the error counts as one that followed.",
--   "A JOIN_ERROR of someone who is on the stage already is mid_stream.",
-- ]
-- note = "a lower bound: network errors of the client and bad token signatures leave no event"
-- uses = ["errors"]
-- shared = ["stage", "session", "from", "to", "replicas", "limit"]
-- params = [
--   { name = "recover", type = "duration", default = "30s", help = "A start within this time after an error means that it was overcome." },
-- ]
-- columns = [
--   { name = "event", type = "text", help = "JOIN_ERROR, PUBLISH_ERROR, SUBSCRIBE_ERROR, or a newer one." },
--   { name = "error_code", type = "text", help = "The service's code, verbatim; (none) where it gave none." },
--   { name = "class", type = "text", help = "mid_stream: it was up. start_recovered: a start followed in time. start_terminal: none did. untimed: an error without a time." },
--   { name = "events_n", type = "integer", unit = "n", help = "Errors." },
--   { name = "participants_n", type = "integer", unit = "n", help = "Participants that had them: a retry storm is one." },
--   { name = "sessions_n", type = "integer", unit = "n", help = "Sessions that had them." },
--   { name = "share_of_errors", type = "float", unit = "0..1", help = "Of all errors that were asked for." },
--   { name = "first_seen", type = "timestamp", help = "The first." },
--   { name = "last_seen", type = "timestamp", help = "The last." },
--   { name = "explanation", type = "text", help = "What the code means." },
--   { name = "suggested_action", type = "text", help = "What to do." },
-- ]
-- chart = { kind = "stacked-bar", x = "error_code", y = "events_n", series = "class" }

WITH catalogue (error_code, explanation, suggested_action) AS (
  VALUES
    ('INSUFFICIENT_CAPABILITIES', 'permission: the token does not allow this',
      'fix the capabilities, or exchange the token'),
    ('QUOTA_EXCEEDED', 'quota: too many publishers or subscribers on the stage',
      'compare the concurrency at that second; ask for an increase, or split the stage'),
    ('PUBLISHER_NOT_FOUND', 'race: subscribed to a publisher that does not exist',
      'compare the end of the publisher, 5 s either way: close to it the roster of the app is stale, else the id is wrong'),
    ('BITRATE_EXCEEDED', 'encoder limit: above the maximum bitrate',
      'lower the bitrate of the encoder; compare SDK versions and protocols'),
    ('RESOLUTION_EXCEEDED', 'encoder limit: above the maximum resolution',
      'lower the resolution of the encoder; compare SDK versions and protocols'),
    ('STREAM_DURATION_EXCEEDED', 'encoder limit: the stream is longer than allowed',
      'normally mid_stream; compare the duration of the publishing intervals with the limit'),
    ('INVALID_AUDIO_CODEC', 'encoder format: the audio codec is not accepted',
      'fix the preset of the encoder; expect RTMP, RTMPS or WHIP, not the SDK'),
    ('INVALID_VIDEO_CODEC', 'encoder format: the video codec is not accepted',
      'fix the preset of the encoder; expect RTMP, RTMPS or WHIP, not the SDK'),
    ('B_FRAME_PRESENT', 'encoder format: the stream has B-frames',
      'switch B-frames off in the encoder; expect RTMP, RTMPS or WHIP, not the SDK'),
    ('INVALID_INPUT', 'encoder format: the input stream is not accepted',
      'fix the preset of the encoder; expect RTMP, RTMPS or WHIP, not the SDK'),
    ('INVALID_PROTOCOL', 'credential: RTMP where only RTMPS is configured',
      'change the URL; plain RTMP attempts expose the stream key'),
    ('INVALID_STREAM_KEY', 'credential: wrong stream key',
      'check the key, and rotate it if it may have leaked'),
    ('REUSE_OF_STREAM_KEY', 'credential: the stream key is active in another session',
      'look for a second encoder left running; rotate the key'),
    ('INTERNAL_SERVER_EXCEPTION', 'service: IVS failed',
      'retry; if it goes on, open a support case with the participant and session ids'),
    ('(none)', 'unknown: the service gave no code',
      'look at what the participant did around it')
),
by_participant AS (
  SELECT event, error_code, class, session_no, participant_id,
    count(*) AS n, min(event_time) AS first_seen, max(event_time) AS last_seen
  FROM errors
  -- Someone who watches a replica is a real viewer: subscriptions stay unless replicas alone are asked for.
  WHERE $replicas = 'include'
    OR ($replicas = 'exclude' AND (event = 'SUBSCRIBE_ERROR' OR NOT is_replica))
    OR ($replicas = 'only' AND is_replica)
  GROUP BY event, error_code, class, session_no, participant_id
),
by_session AS (
  SELECT event, error_code, class, sum(n) AS n, count(*) AS participants_n,
    min(first_seen) AS first_seen, max(last_seen) AS last_seen
  FROM by_participant
  GROUP BY event, error_code, class, session_no
),
by_code AS (
  SELECT event, error_code, class, sum(n) AS events_n, sum(participants_n) AS participants_n,
    count(*) AS sessions_n, min(first_seen) AS first_seen, max(last_seen) AS last_seen
  FROM by_session
  GROUP BY event, error_code, class
)
SELECT event, by_code.error_code, class, events_n, participants_n, sessions_n,
  CAST(events_n AS DOUBLE) / sum(events_n) OVER () AS share_of_errors,
  first_seen, last_seen,
  coalesce(explanation, 'unknown: newer than this program') AS explanation,
  coalesce(suggested_action, 'look it up in the documentation of the service') AS suggested_action
FROM by_code
LEFT JOIN catalogue ON catalogue.error_code = by_code.error_code
ORDER BY events_n DESC, event, by_code.error_code, class
LIMIT $limit
