use aws_smithy_types::DateTime;

use super::*;

#[test]
fn times_are_cut_to_microseconds() {
    let cut = time(DateTime::from_secs_and_nanos(1_700_000_000, 123_456_999)).unwrap();
    assert_eq!(cut.to_rfc3339(), "2023-11-14T22:13:20.123456+00:00");
    let before_1970 = time(DateTime::from_secs_and_nanos(-1, 999_999_999)).unwrap();
    assert_eq!(before_1970.timestamp_micros(), -1);
}

#[test]
fn a_time_beyond_any_calendar_is_none() {
    assert_eq!(time(DateTime::from_secs(i64::MAX)), None);
    assert_eq!(time(DateTime::from_secs(i64::MIN)), None);
}

#[test]
fn positions_never_turn_negative() {
    let answer = sdk::Event::builder().build();
    assert_eq!(event(answer, usize::MAX).position, i32::MAX);
}

#[test]
fn unknown_protocols_are_told_from_the_one_called_unknown() {
    for protocol in ["UNKNOWN", "WHIP", "SRT"] {
        let answer = sdk::Participant::builder()
            .participant_id("p")
            .protocol(sdk::ParticipantProtocol::from(protocol))
            .build();
        let details = participant_details(answer, &ParticipantId::new("p").unwrap()).unwrap();
        assert_eq!(details.protocol.as_deref(), Some(protocol));
    }
}
