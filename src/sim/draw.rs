//! Chance that replays: every draw comes from a seed and from the name of what it is drawn for.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The only source of chance in the simulator.
pub(super) type Dice = ChaCha8Rng;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A number that stands for some texts, the same on every machine and in every version.
///
/// The standard library's hashers promise neither, and the order of answers and the tokens hang on it.
pub(super) fn key(parts: &[&str]) -> u64 {
    let mut state = FNV_OFFSET;
    for part in parts {
        // A byte that UTF-8 never uses keeps `ab`,`c` apart from `a`,`bc`.
        for byte in part.bytes().chain([0xff]) {
            state = (state ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
    mix(state)
}

/// Spreads a number over all its bits (the finisher of SplitMix64).
pub(super) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Dice for one purpose, which the parts name.
pub(super) fn dice(seed: u64, parts: &[&str]) -> Dice {
    Dice::seed_from_u64(mix(seed) ^ key(parts))
}

/// Dice from a seed that was drawn before.
pub(super) fn dice_of(seed: u64) -> Dice {
    Dice::seed_from_u64(seed)
}

/// True in this share of the draws. Outside 0..=1 it is never or always.
pub(super) fn chance(dice: &mut Dice, share: f64) -> bool {
    dice.random::<f64>() < share
}

/// One of several.
pub(super) fn pick<'a, T>(dice: &mut Dice, choices: &'a [T]) -> &'a T {
    &choices[dice.random_range(0..choices.len())]
}

/// Letters and digits, as the service makes its identifiers.
pub(super) fn alphanumeric(dice: &mut Dice, length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..length).map(|_| char::from(*pick(dice, ALPHABET))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_depends_on_each_part_and_on_where_it_ends() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
        // Pinned: another value would change every world and every token.
        assert_eq!(key(&["stage", "session"]), 6_087_107_869_110_550_375);
    }

    #[test]
    fn chance_keeps_its_share() {
        let mut dice = dice(7, &["share"]);
        let hits = (0..10_000).filter(|_| chance(&mut dice, 0.1)).count();
        assert!((850..1150).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| !chance(&mut dice, 0.0)));
        assert!((0..1000).all(|_| chance(&mut dice, 1.0)));
    }
}
