//! Mutexes under which nothing is left half done.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, also after a panic of whoever held it before: for what is whole at any moment in which a panic is
/// possible, such as numbers and lists.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
