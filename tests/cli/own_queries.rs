//! Canned queries of one's own: a folder that adds and overrides, on the command line or in the configuration.

use std::fs;

use serde_json::json;

use crate::support::TestBed;

fn query(name: &str, column: &str, more: &str) -> String {
    format!(
        "-- name = \"{name}\"\n-- group = \"own\"\n-- title = \"Mine\"\n-- question = \"How many?\"\n\
         -- columns = [\n--   {{ name = \"{column}\", type = \"integer\", help = \"Sessions.\" }},\n-- ]\n\
         -- uses = [\"sessions\"]\n{more}\nSELECT count(*) AS n FROM sessions"
    )
}

#[test]
fn a_folder_adds_and_overrides_and_its_faults_are_told_with_their_line() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let sessions = bed.settled().all().count();
    let folder = bed.folder().join("mine");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("how-many.sql"), query("how-many", "n", "")).unwrap();
    fs::write(folder.join("error-codes.sql"), query("error-codes", "n", "")).unwrap();
    let ran = bed.query(&["how-many", "--queries", "mine", "--format", "json"]).exits(0);
    assert_eq!(ran.json(), json!([{"n": sessions}]));
    let ran = bed.query(&["error-codes", "--queries", "mine", "--format", "json"]).exits(0);
    assert_eq!(ran.json(), json!([{"n": sessions}]));
    bed.query(&["how-many"]).exits(2).says(&["there is no query `how-many`"]);
    // The same folder from the configuration.
    fs::write(bed.folder().join("ivsight.toml"), "queries = 'mine'\n").unwrap();
    let ran = bed.query(&["how-many", "--format", "json"]).exits(0);
    assert_eq!(ran.json(), json!([{"n": sessions}]));
    let listed = bed.ivsight(&["queries"]).exits(0).text();
    assert!(listed.contains("how-many") && listed.contains("slo"), "{listed}");
    // What does not fit is told when it is asked for, or when it can't be read at all.
    fs::write(folder.join("wrong.sql"), query("wrong", "m", "")).unwrap();
    let fault = "mine/wrong.sql:6: the header's column 1 is `m`, the statement's is `n`";
    bed.query(&["wrong"]).exits(1).says(&[fault]);
    fs::write(folder.join("wrong.sql"), query("wrong", "n", "-- colour = 1")).unwrap();
    bed.query(&["how-many"]).exits(1).says(&["mine/wrong.sql:9: unknown field `colour`"]);
}

#[test]
fn views_and_functions_are_shown_too() {
    let bed = TestBed::few();
    let shown = bed.ivsight(&["queries", "show", "presence"]).exits(0).text();
    assert!(shown.contains("clip_start") && shown.contains("FROM intervals"), "{shown}");
    let shown = bed.ivsight(&["queries", "show", "bucket_start"]).exits(0).text();
    assert!(shown.starts_with("bucket_start(time, width, zone)\n"), "{shown}");
    bed.ivsight(&["queries", "show", "bucket_stat"]).exits(2);
}
