//! What a worker counts of its models.

use std::sync::atomic::Ordering::Relaxed;

use super::SeatWriter;

impl SeatWriter {
    /// A picture was decoded and resized. This and what follows is counted by the worker's loop and by its other threads, one at
    /// a time.
    pub fn picture_decoded(&self, decode_ns: u64, resize_ns: u64, cpu_ns: u64) {
        self.count(|counters| &counters.infer_decoded, 1, Relaxed);
        self.count(|counters| &counters.infer_decode_us, decode_ns / 1_000, Relaxed);
        self.count(|counters| &counters.infer_resize_us, resize_ns / 1_000, Relaxed);
        self.count(|counters| &counters.infer_cpu_us, cpu_ns / 1_000, Relaxed);
    }

    /// A model was run on so many pictures, which had waited for it for so long, all together.
    pub fn model_ran(&self, pictures: u64, wait_ns: u64, run_ns: u64, cpu_ns: u64) {
        self.count(|counters| &counters.infer_pictures, pictures, Relaxed);
        self.count(|counters| &counters.infer_wait_us, wait_ns / 1_000, Relaxed);
        self.count(|counters| &counters.infer_runs, 1, Relaxed);
        self.count(|counters| &counters.infer_run_us, run_ns / 1_000, Relaxed);
        self.count(|counters| &counters.infer_cpu_us, cpu_ns / 1_000, Relaxed);
    }
}
