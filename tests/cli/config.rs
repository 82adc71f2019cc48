//! The configuration file: flags win over the environment, the environment over the file.

use std::fs;

use ivsight::sim::Scenario;

use crate::support::{Ran, TestBed};

fn write(bed: &TestBed, text: &str) {
    fs::write(bed.folder().join("ivsight.toml"), text).unwrap();
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let bed = TestBed::few();
    let url = bed.server.endpoint_url();
    write(
        &bed,
        &format!(
            "lake = 'filed'\n[collect]\nendpoint-url = '{url}'\ntps = 0\njson = true\nstage = ['battle-*', 'friday-*']\n"
        ),
    );
    let ran = bed.ivsight(&["collect"]).exits(0);
    assert_eq!((&ran.json()["status"], &ran.json()["stages"]), (&"complete".into(), &3.into()));
    assert!(bed.folder().join("filed/sessions").is_dir());
    let ran = Ran::to_end(
        bed.program().env("IVSIGHT_LAKE", "named").args(["collect", "--stage", "friday-*"]),
    );
    assert_eq!(ran.exits(0).json()["stages"], 1);
    assert!(bed.folder().join("named/sessions").is_dir());
    let mut command = bed.program();
    command.env("IVSIGHT_LAKE", "named").args(["collect", "--lake", "typed"]);
    Ran::to_end(&mut command).exits(0);
    assert!(bed.folder().join("typed/sessions").is_dir());
    // What the file says of the lake holds for other commands, too.
    bed.ivsight(&["query", "select count(*) from sessions"]).exits(0);
}

#[test]
fn a_file_that_makes_no_sense_is_a_usage_error() {
    let bed = TestBed::of(Scenario::Empty);
    for (text, says) in [
        ("lak = 'x'\n", "unknown key `lak`"),
        ("[collect]\nstge = 'x'\n", "unknown key `collect.stge`"),
        ("lake = \n", "is not TOML"),
        ("[collect]\ntps = 'fast'\n", "holds a value that does not fit"),
        ("[collect]\nsettle = { a = 1 }\n", "unknown key"),
    ] {
        write(&bed, text);
        let ran = bed.ivsight(&["collect", "--endpoint-url", &bed.server.endpoint_url()]);
        assert_eq!(ran.code, Some(2), "{text}: {}", ran.stderr);
        ran.says(&["error: ", "ivsight.toml", says]);
    }
    let ran = bed.ivsight(&["collect", "--config", "elsewhere.toml"]).exits(2);
    ran.says(&["cannot read the configuration `elsewhere.toml`"]);
    assert_eq!(bed.server.calls().attempts_n(), 0);
}
