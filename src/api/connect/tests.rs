use super::*;

#[test]
fn loopback_is_this_machine_alone() {
    for (url, expected) in [
        ("http://127.0.0.1:7777", true),
        ("http://127.9.9.9", true),
        ("http://[::1]:80/", true),
        ("https://localhost", true),
        ("http://ivs.localhost:1", true),
        ("http://10.0.0.1", false),
        ("https://localhost.example.com", false),
        ("https://ivsrealtime.eu-west-1.amazonaws.com", false),
    ] {
        assert_eq!(is_loopback(&endpoint_url(url).unwrap()), expected, "{url}");
    }
}

#[test]
fn what_is_no_endpoint_is_told() {
    for url in ["", "127.0.0.1:7777", "localhost:80", "ftp://x", "http://", "file:///etc/passwd"] {
        let error = endpoint_url(url).unwrap_err();
        assert_eq!(error.to_string(), format!("`{url}` is not the URL of an endpoint"));
    }
}

#[test]
fn a_region_is_part_of_a_host_name() {
    assert_eq!(region_name("eu-west-1").unwrap().as_str(), "eu-west-1");
    for region in ["", "eu west", "eu-west-1/", "x.example.com", "EU-WEST-1", &"a".repeat(64)] {
        assert!(region_name(region).is_err(), "{region}");
    }
}
