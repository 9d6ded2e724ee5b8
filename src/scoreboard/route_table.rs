//! Number → method and path.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use bytemuck::Zeroable;

use super::ROUTES;

/// Longest name of a route that the table holds.
pub const ROUTE_NAME: usize = 248;

/// Number → method and path, appended only: a number means the same for the whole run.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct RouteTable {
    count: AtomicU64,
    names: [RouteName; ROUTES],
}

#[derive(Zeroable)]
#[repr(C)]
struct RouteName {
    method_length: AtomicU8,
    length: AtomicU8,
    bytes: [AtomicU8; ROUTE_NAME],
}

impl RouteTable {
    /// Appends a route and returns its number; `None` when the table is full or the name too long.
    /// For the supervisor.
    pub fn append(&self, method: &str, path: &str) -> Option<usize> {
        let number = self.len();
        let entry = self.names.get(number)?;
        let length = method.len() + path.len();
        if length > ROUTE_NAME {
            return None;
        }
        for (place, byte) in entry.bytes.iter().zip(method.bytes().chain(path.bytes())) {
            place.store(byte, Relaxed);
        }
        entry.method_length.store(u8::try_from(method.len()).ok()?, Relaxed);
        entry.length.store(u8::try_from(length).ok()?, Relaxed);
        self.count.store(number as u64 + 1, Release);
        Some(number)
    }

    /// The number of a route, if it has one.
    #[must_use]
    pub fn number(&self, method: &str, path: &str) -> Option<usize> {
        (0..self.len()).find(|&number| self.names[number].is(method, path))
    }

    /// How many routes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.count.load(Acquire)).unwrap_or(0).min(ROUTES)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Method and path of a number.
    #[must_use]
    pub fn name(&self, number: usize) -> Option<(String, String)> {
        let entry = self.names.get(number).filter(|_| number < self.len())?;
        let length = usize::from(entry.length.load(Relaxed)).min(ROUTE_NAME);
        let bytes: Vec<u8> = entry.bytes[..length].iter().map(|byte| byte.load(Relaxed)).collect();
        let (method, path) = bytes.split_at_checked(usize::from(entry.method_length.load(Relaxed)))?;
        Some((String::from_utf8_lossy(method).into_owned(), String::from_utf8_lossy(path).into_owned()))
    }
}

impl RouteName {
    fn is(&self, method: &str, path: &str) -> bool {
        let length = usize::from(self.length.load(Relaxed));
        usize::from(self.method_length.load(Relaxed)) == method.len()
            && length == method.len() + path.len()
            && self.bytes.iter().zip(method.bytes().chain(path.bytes())).all(|(byte, is)| byte.load(Relaxed) == is)
    }
}
