//! Tests of what faults are read from and how they are drawn.

use super::*;

#[test]
fn faults_are_read_as_they_are_written() {
    for text in [
        "",
        "throttle=0.1,bare429=0.05,throttling400=0.05,500=0.02,503=0.02,slow=0.01,reset=0.01,truncate=0.01,empty=0.1,repeat-token=0.5",
        "slow-ms=20,retry-after=2,deny=friday-*,deny=0.2,deny=ListParticipants,vanish=arn:*,shrink=0.3",
    ] {
        let faults: Faults = text.parse().unwrap();
        assert_eq!(faults.to_string(), text);
    }
}

#[test]
fn a_wrong_text_is_named() {
    let error = |text: &str| text.parse::<Faults>().unwrap_err();
    assert!(matches!(error("throttle"), FaultsError::NotAPair { .. }));
    assert!(matches!(error("throttle=2"), FaultsError::NotAShare { .. }));
    assert!(matches!(error("throttle=NaN"), FaultsError::NotAShare { .. }));
    assert!(matches!(error("throttle=x"), FaultsError::NotAShare { .. }));
    assert!(matches!(error("deny=-1"), FaultsError::NotAShare { .. }));
    assert!(matches!(error("slow-ms=1.5"), FaultsError::NotANumber { .. }));
    assert!(matches!(error("reset=0.6,500=0.6"), FaultsError::TooMany { .. }));
    let unknown = error("throtle=0.1").to_string();
    assert!(unknown.contains("`throtle`") && unknown.contains("bare429"), "{unknown}");
}

#[test]
fn a_draw_replays_and_keeps_its_share() {
    let faults: Faults = "throttle=0.25,500=0.25,empty=0.5".parse().unwrap();
    let draws: Vec<Fate> = (0..4000).map(|request| faults.draw(3, request, 0)).collect();
    let again: Vec<Fate> = (0..4000).map(|request| faults.draw(3, request, 0)).collect();
    assert_eq!(draws, again);
    let count = |mishap| draws.iter().filter(|fate| fate.mishap == mishap).count();
    assert!((850..1150).contains(&count(Some(Mishap::Throttle))));
    assert!((850..1150).contains(&count(Some(Mishap::Internal))));
    assert_eq!(count(Some(Mishap::Reset)), 0);
    assert!((1800..2200).contains(&draws.iter().filter(|fate| fate.empty).count()));
    let retried = (0..4000)
        .filter(|request| faults.draw(3, *request, 1) != draws[usize::try_from(*request).unwrap()]);
    assert!(retried.count() > 1000);
}

#[test]
fn globs_fit() {
    for (glob, text) in [
        ("*", ""),
        ("*", "x"),
        ("a*c", "abbc"),
        ("a?c", "abc"),
        ("*-live", "a-b-live"),
        ("a*b*c", "axbxbc"),
    ] {
        assert!(fits(glob, text), "{glob} {text}");
    }
    for (glob, text) in [("", "x"), ("a", "ab"), ("a?c", "ac"), ("*-live", "live"), ("a*b", "abc")]
    {
        assert!(!fits(glob, text), "{glob} {text}");
    }
}

#[test]
fn denials_aim_at_operations_stages_and_shares() {
    let stage = |id: u32| Stage::new(&format!("arn:aws:ivs:r:1:stage/{id}"), Some("friday-night"));
    let faults: Faults = "deny=friday-*,deny=ListStages".parse().unwrap();
    assert!(faults.denies(1, Operation::GetStage, Some(&stage(1))));
    assert!(faults.denies(1, Operation::ListStages, None));
    assert!(!faults.denies(1, Operation::GetStage, None));
    let shared: Faults = "deny=0.5".parse().unwrap();
    let hits =
        (0..1000).filter(|id| shared.denies(1, Operation::GetStage, Some(&stage(*id)))).count();
    assert!((400..600).contains(&hits), "{hits}");
}
