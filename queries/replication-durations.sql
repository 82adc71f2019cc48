-- name = "replication-durations"
-- group = "replication"
-- title = "Replications and how long they lasted"
-- question = "How long was each participant replicated to another stage, and how much of it was dead air?"
-- caveats = [
--   "A replication outlives a lost connection by the reconnect window: gaps in it are dead air, not its end.",
--   "Of replications that this program was not asked for, the window is taken to be unknown, 0 to 300 s, and so is who stopped them.",
--   "An end with the reason LEFT may be up to the reconnect window too early.",
--   "Requests without effect have no row here: see replication-requests.",
--   "--stage and --session mean the source.",
--   "Times are whole seconds.",
-- ]
-- uses = ["replication"]
-- shared = ["stage", "session", "from", "to", "open", "limit"]
-- by = { edge = "replication-edges" }
-- columns = [
--   { name = "source_stage", type = "text", help = "The name of the stage that the participant publishes on; its ARN where it has none." },
--   { name = "source_session", type = "text", help = "The session there." },
--   { name = "participant", type = "text", help = "The participant, the same on both sides." },
--   { name = "person", type = "text", help = "The user id as of the start; the participant where there is none." },
--   { name = "dest_stage", type = "text", help = "The name of the stage it is replicated to; its ARN where it has none." },
--   { name = "dest_session", type = "text", help = "The session there, as the start named it." },
--   { name = "start", type = "timestamp", help = "When it began." },
--   { name = "end", type = "timestamp", help = "When it ended." },
--   { name = "duration_s", type = "float", unit = "s", help = "From start to end." },
--   { name = "media_s", type = "float", unit = "s", help = "Of these, the seconds in which the source was publishing." },
--   { name = "dead_air_s", type = "float", unit = "s", help = "The others." },
--   { name = "reconnect_gaps_n", type = "integer", unit = "n", help = "Gaps between two stretches of media." },
--   { name = "longest_gap_s", type = "float", unit = "s", help = "The longest of these gaps; 0 where there is none." },
--   { name = "end_reason", type = "text", help = "EXPLICIT, LEFT, SESSION_END or OPEN." },
--   { name = "replica_row_found", type = "boolean", help = "The destination session lists the participant as a replica; NULL where that session is not, or not whole, in the lake." },
--   { name = "open", type = "boolean", help = "It had not ended when the evidence ends." },
--   { name = "capped", type = "boolean", help = "The destination session ended first: end is that of the session." },
--   { name = "restarts_n", type = "integer", unit = "n", help = "Further starts while it was going on." },
--   { name = "clipped", type = "boolean", help = "It was cut by --from or --to." },
--   { name = "synthetic_start", type = "boolean", help = "It began without a start event." },
--   { name = "anomalies_n", type = "integer", unit = "n", help = "Odd things about it." },
--   { name = "source_stage_arn", type = "text", help = "The stage that the participant publishes on." },
--   { name = "dest_stage_arn", type = "text", help = "The stage it is replicated to." },
--   { name = "requested_at", type = "timestamp", help = "When this program was asked to start it; NULL where the journal has no such request." },
--   { name = "request_to_start_s", type = "float", unit = "s", help = "From then to the start event." },
--   { name = "reconnect_window_s", type = "integer", unit = "s", help = "The reconnect window that was asked for; NULL where the journal has no such request." },
--   { name = "stopped_by", type = "text", help = "STOP: a stop by this program. PUBLISHER_LEFT: the publisher stopped. WINDOW: it did not come back in time. NULL: not known." },
-- ]
-- chart = { kind = "gantt", x = "start", y = "duration_s", series = "dest_stage" }

SELECT source_stage, source_session, participant, person, dest_stage, dest_session, "start", "end",
  duration_s, media_s, dead_air_s, reconnect_gaps_n, longest_gap_s, end_reason, replica_row_found, "open",
  capped, restarts_n, clipped, synthetic_start, anomalies_n, source_stage_arn, dest_stage_arn,
  requested_at, request_to_start_s, reconnect_window_s, stopped_by
FROM replication
WHERE $open = 'clip' OR ($open = 'only' AND "open") OR ($open = 'exclude' AND NOT "open")
ORDER BY "start", source_stage_arn, source_session, participant, dest_stage_arn
LIMIT $limit
