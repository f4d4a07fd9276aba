//! How many of something there may be at once: in all, and of one network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::guard::network;

/// Places that are given out and come back.
#[derive(Debug, Clone)]
pub struct Places {
    in_all: usize,
    each: usize,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

impl Places {
    /// So many in all, and so many for each network. This machine counts in all alone: everybody behind a proxy comes from it.
    pub fn new(in_all: usize, each: usize) -> Places {
        Places { in_all, each, held: Arc::default() }
    }

    /// A place, if there is one left for `from`.
    pub fn take(&self, from: IpAddr) -> Option<Place> {
        let network = network(from);
        let mut held = counts(&self.held);
        let each = if from.to_canonical().is_loopback() { self.in_all } else { self.each };
        let own = held.get(&network).copied().unwrap_or(0);
        if own >= each || held.values().sum::<usize>() >= self.in_all {
            return None;
        }
        held.insert(network.clone(), own + 1);
        Some(Place { network, held: Arc::clone(&self.held) })
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    network: String,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = counts(&self.held);
        match held.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.network)),
        }
    }
}

fn counts(held: &Mutex<HashMap<String, usize>>) -> MutexGuard<'_, HashMap<String, usize>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[test]
    fn one_network_leaves_places_to_others() {
        let places = Places::new(5, 2);
        let held = [places.take(from("192.0.2.1")), places.take(from("192.0.2.2"))];
        assert!(held.iter().all(Option::is_some) && places.take(from("::ffff:192.0.2.3")).is_none());
        let other = places.take(from("198.51.100.1"));
        assert!(other.is_some());
        drop(held);
        assert!(places.take(from("192.0.2.3")).is_some(), "what is given back can be had again");
    }

    #[test]
    fn there_are_so_many_in_all_whoever_asks() {
        let places = Places::new(3, 2);
        let held: Vec<Option<Place>> = (0..4).map(|_| places.take(from("127.0.0.1"))).collect();
        assert_eq!(held.iter().flatten().count(), 3, "a proxy on this machine is not held to a network's share");
        assert!(places.take(from("192.0.2.1")).is_none());
    }
}
