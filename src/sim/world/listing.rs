//! Lists in an order that says nothing and still holds while it is read page by page.

use crate::sim::draw;

/// What stands in a [`Listing`].
pub trait Listed {
    /// What it is found by.
    fn listing_key(&self) -> &str;
}

/// A list sorted by a hash of each item's key. A page goes on after a place in that order, not after a count, so
/// that what comes or goes meanwhile neither hides nor repeats what was there before; and an item is found
/// by its key without an index.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    items: Vec<(u64, T)>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T: Listed> Listing<T> {
    /// Puts an item in its place. One with the same key is replaced and returned.
    pub fn insert(&mut self, item: T) -> Option<T> {
        let place = place_of(item.listing_key());
        if let Some(index) = self.index(item.listing_key()) {
            return Some(std::mem::replace(&mut self.items[index].1, item));
        }
        let index = self.items.partition_point(|(other, _)| *other < place);
        self.items.insert(index, (place, item));
        None
    }

    /// Puts many items in their places at once. Their keys must differ.
    pub fn extend(&mut self, items: impl IntoIterator<Item = T>) {
        self.items.extend(items.into_iter().map(|item| (place_of(item.listing_key()), item)));
        self.items.sort_by_key(|(place, _)| *place);
    }

    /// The item with a key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&T> {
        self.index(key).map(|index| &self.items[index].1)
    }

    /// The item with a key, to change it.
    pub fn find_mut(&mut self, key: &str) -> Option<&mut T> {
        self.index(key).map(|index| &mut self.items[index].1)
    }

    /// Takes the item with a key out.
    pub fn remove(&mut self, key: &str) -> Option<T> {
        self.index(key).map(|index| self.items.remove(index).1)
    }

    /// Keeps what a test says of each item.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.items.retain(|(_, item)| keep(item));
    }

    /// All items in the order of the answers.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.items.iter().map(|(_, item)| item)
    }

    /// All items, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut().map(|(_, item)| item)
    }

    /// The items behind a place, each with its own; from the beginning where there is none.
    pub(in crate::sim) fn after(&self, place: Option<u64>) -> impl Iterator<Item = (u64, &T)> {
        let start =
            place.map_or(0, |place| self.items.partition_point(|(other, _)| *other <= place));
        self.items[start..].iter().map(|(place, item)| (*place, item))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn index(&self, key: &str) -> Option<usize> {
        let place = place_of(key);
        let start = self.items.partition_point(|(other, _)| *other < place);
        self.items[start..]
            .iter()
            .take_while(|(other, _)| *other == place)
            .position(|(_, item)| item.listing_key() == key)
            .map(|offset| start + offset)
    }
}

fn place_of(key: &str) -> u64 {
    draw::key(&["place", key])
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Listed for String {
        fn listing_key(&self) -> &str {
            self
        }
    }

    fn letters() -> Listing<String> {
        let mut listing = Listing::default();
        listing.extend(('a'..='z').map(String::from));
        listing
    }

    #[test]
    fn items_are_found_and_stand_in_no_order() {
        let listing = letters();
        assert!(('a'..='z').all(|letter| listing.find(&letter.to_string()).is_some()));
        assert_eq!(listing.find("aa"), None);
        assert!(!listing.iter().is_sorted());
    }

    #[test]
    fn what_comes_while_it_is_read_hides_nothing() {
        let mut listing = letters();
        let mut seen: Vec<String> = Vec::new();
        let mut place = None;
        for _ in 0..200 {
            let next = listing.after(place).next().map(|(place, item)| (place, item.clone()));
            let Some((next, item)) = next else { break };
            listing.insert(format!("{item}{item}{item}"));
            place = Some(next);
            seen.push(item);
        }
        assert!(
            ('a'..='z').all(|letter| seen
                .iter()
                .filter(|item| **item == letter.to_string())
                .count()
                == 1)
        );
    }

    #[test]
    fn an_item_replaces_its_namesake() {
        let mut listing = letters();
        assert_eq!(listing.insert("a".to_owned()).as_deref(), Some("a"));
        assert_eq!((listing.len(), listing.remove("a").is_some(), listing.len()), (26, true, 25));
    }
}
