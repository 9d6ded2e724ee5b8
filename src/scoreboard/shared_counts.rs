//! Counters in shared memory and the counts as they are read, from one list of their names.

/// Makes a struct of counters, each with one writer, and the struct of what they say. A worker that is broken may have
/// written anything, so sums wrap.
macro_rules! shared_counts {
    ($(#[$about:meta])+ $counters:ident, $(#[$about_counts:meta])+ $counts:ident { $($(#[$doc:meta])+ $name:ident,)+ }) => {
        $(#[$about])+
        #[derive(bytemuck::Zeroable)]
        #[repr(C)]
        pub struct $counters {
            $($(#[$doc])+ pub(super) $name: std::sync::atomic::AtomicU64,)+
        }

        $(#[$about_counts])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $counts {
            $($(#[$doc])+ pub $name: u64,)+
        }

        impl $counters {
            /// What they say.
            #[must_use]
            pub fn read(&self) -> $counts {
                $counts { $($name: self.$name.load(std::sync::atomic::Ordering::Relaxed),)+ }
            }

            /// For their one writer.
            pub(super) fn add(&self, more: &$counts) {
                $(crate::histogram::add(&self.$name, more.$name);)+
            }

            pub(super) fn clear(&self) {
                self.all().into_iter().for_each(|counter| counter.store(0, std::sync::atomic::Ordering::Relaxed));
            }

            pub(super) fn all(&self) -> impl IntoIterator<Item = &std::sync::atomic::AtomicU64> {
                [$(&self.$name,)+]
            }
        }

        impl $counts {
            /// Adds another's.
            pub fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.wrapping_add(other.$name);)+
            }

            /// What has been added since an earlier reading; `None` when one fell.
            #[must_use]
            pub fn since(&self, before: &Self) -> Option<Self> {
                Some(Self { $($name: self.$name.checked_sub(before.$name)?,)+ })
            }
        }
    };
}

pub(super) use shared_counts;
