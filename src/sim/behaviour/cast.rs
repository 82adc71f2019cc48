//! Who the people are: names, devices and networks. All invented.

use rand::RngExt;

use crate::model::TextMap;
use crate::sim::draw::{self, Dice};
use crate::sim::world::Details;

const FIRST_NAMES: [&str; 24] = [
    "amara", "bruno", "chiara", "dmitri", "elif", "farid", "greta", "hana", "ines", "jonas",
    "keiko", "lucia", "mateo", "nadia", "oskar", "priya", "quinn", "rosa", "sami", "tomas", "uma",
    "viktor", "wanda", "yusuf",
];
const LAST_NAMES: [&str; 20] = [
    "abe", "berg", "costa", "diaz", "eklund", "fischer", "garcia", "hughes", "ito", "jansen",
    "kaya", "lopez", "meyer", "novak", "okafor", "patel", "rossi", "silva", "tanaka", "weber",
];
const ISPS: [&str; 8] = [
    "Comcast Cable",
    "Deutsche Telekom AG",
    "NTT Communications",
    "Orange S.A.",
    "Reliance Jio",
    "T-Mobile USA",
    "Telefonica de Espana",
    "Vodafone Ltd",
];

/// A device and what the service tells of it: system, version, browser, version, SDK.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device(pub(super) [&'static str; 5]);

/// Common devices first: a draw takes the lower of two.
const DEVICES: [Device; 10] = [
    Device(["iOS", "26.1", "", "", "1.31.0"]),
    Device(["Android", "16", "", "", "1.31.0"]),
    Device(["Windows", "11", "Chrome", "142.0", "1.28.0"]),
    Device(["macOS", "15.7", "Safari", "26.1", "1.28.0"]),
    Device(["Android", "15", "Chrome Mobile", "142.0", "1.27.0"]),
    Device(["iOS", "18.6", "Mobile Safari", "18.6", "1.28.0"]),
    Device(["Windows", "10", "Edge", "141.0", "1.26.0"]),
    Device(["macOS", "26.0", "Chrome", "142.0", "1.28.0"]),
    Device(["Linux", "6.17", "Firefox", "145.0", "1.24.0"]),
    Device(["iOS", "17.7", "", "", "1.22.1"]),
];

impl Device {
    /// A device as people have them.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let index = dice.random_range(0..DEVICES.len()).min(dice.random_range(0..DEVICES.len()));
        DEVICES[index]
    }

    /// An encoder, of which the service knows nothing.
    pub(super) const ENCODER: Self = Self([""; 5]);

    /// What GetParticipant tells of someone on this device.
    pub(super) fn details(self, dice: &mut Dice) -> Details {
        let [os, os_version, browser, browser_version, sdk] =
            self.0.map(|text| Some(text.to_owned()));
        Details {
            isp_name: Some((*draw::pick(dice, &ISPS)).to_owned()),
            os_name: os,
            os_version,
            browser_name: browser,
            browser_version,
            sdk_version: sdk,
            recording_s3_bucket_name: Some(String::new()),
            recording_s3_prefix: Some(String::new()),
            ..Details::default()
        }
    }
}

/// A person's user id; the same one may come again in another session.
pub(super) fn user_id(dice: &mut Dice) -> String {
    let (first, last) = (draw::pick(dice, &FIRST_NAMES), draw::pick(dice, &LAST_NAMES));
    match dice.random_range(0..4) {
        0 => format!("{first}.{last}"),
        1 => format!("{first}_{}", dice.random_range(70..=99)),
        2 => format!("{first}{last}"),
        _ => format!("{first}.{last}.{}", dice.random_range(1..=40)),
    }
}

/// The attributes that the application gave to a token.
pub(super) fn attributes(dice: &mut Dice, role: &str) -> TextMap {
    let plan = if draw::chance(dice, 0.2) { "pro" } else { "free" };
    let locale = *draw::pick(dice, &["en", "de", "es", "ja", "pt"]);
    [("role", role), ("plan", plan), ("locale", locale)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}
