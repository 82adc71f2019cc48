-- name = "dimensions"
-- group = "view"
-- title = "What tells participants apart"
-- question = "With which SDK, system, browser, provider and protocol was each participant there?"
-- caveats = [
--   "What GetParticipant tells is the last that was known of a participant; (unknown) where it told nothing.",
-- ]
-- uses = ["selected_sessions", "participants"]
-- shared = ["stage", "session", "from", "to"]
-- params = [
--   { name = "by", type = "choices", default = "none", choices = ["none", "stage", "session", "sdk", "os", "browser", "isp", "protocol"], help = "What to group by; several with commas between." },
-- ]
-- columns = [
--   { name = "account_id", type = "text", help = "The AWS account." },
--   { name = "region", type = "text", help = "The AWS region." },
--   { name = "date", type = "date", help = "The UTC date on which the session started." },
--   { name = "stage_arn", type = "text", help = "The stage." },
--   { name = "session_id", type = "text", help = "The session." },
--   { name = "session_no", type = "integer", unit = "n", help = "Its number among those asked for, as in selected_sessions." },
--   { name = "participant_id", type = "text", help = "The participant." },
--   { name = "sdk", type = "text", help = "The version of the SDK." },
--   { name = "os", type = "text", help = "The operating system." },
--   { name = "browser", type = "text", help = "The browser with its major version." },
--   { name = "isp", type = "text", help = "The internet service provider." },
--   { name = "protocol", type = "text", help = "The protocol of who publishes: WHIP, RTMP or RTMPS." },
--   { name = "dimension", type = "text", help = "What --by asks for, in the order of its choices; all without it." },
-- ]

WITH known AS (
  SELECT s.account_id, s.region, p.date, p.stage_arn, s.stage_name, p.session_id, s.session_no, p.participant_id,
    coalesce(p.sdk_version, '(unknown)') AS sdk,
    coalesce(p.os_name, '(unknown)') AS os,
    coalesce(p.browser_name || ' ' || coalesce(split_part(p.browser_version, '.', 1), ''), '(unknown)') AS browser,
    coalesce(p.isp_name, '(unknown)') AS isp,
    coalesce(p.protocol, '(unknown)') AS protocol
  FROM participants p
  JOIN selected_sessions s USING (date, stage_arn, session_id)
)
SELECT account_id, region, date, stage_arn, session_id, session_no, participant_id, sdk, os, browser, isp, protocol,
  -- The first text keeps the engine from a call without any.
  CASE $by WHEN 'none' THEN 'all' ELSE substr(concat_ws(', ', '',
    CASE WHEN ',' || $by || ',' LIKE '%,stage,%' THEN coalesce(stage_name, stage_arn) END,
    CASE WHEN ',' || $by || ',' LIKE '%,session,%' THEN session_id END,
    CASE WHEN ',' || $by || ',' LIKE '%,sdk,%' THEN sdk END,
    CASE WHEN ',' || $by || ',' LIKE '%,os,%' THEN os END,
    CASE WHEN ',' || $by || ',' LIKE '%,browser,%' THEN browser END,
    CASE WHEN ',' || $by || ',' LIKE '%,isp,%' THEN isp END,
    CASE WHEN ',' || $by || ',' LIKE '%,protocol,%' THEN protocol END
  ), 3) END AS dimension
FROM known
