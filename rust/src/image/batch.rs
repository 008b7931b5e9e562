//! Thumbnails of many files on threads of their own, handed over as they finish.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::memory::Limits;
use super::thumbnail::{Spec, Thumbnail, thumbnails};
use crate::error::{CoreError, ErrorClass, Result};
use crate::parallel::lock;
use crate::{guard, image};

/// What came of one file: the number it was given in with, and its thumbnails or why there are none.
pub type Outcome = (u64, Result<Vec<Thumbnail>>);

/// What [`Batch::wait`] found.
#[derive(Debug)]
pub enum Waited {
    /// One file is done.
    Done(Outcome),
    /// None was done in that time.
    NotYet,
}

/// Threads that make thumbnails. Dropping it lets each end the picture it is at, throws the rest away and joins them.
///
/// The caller bounds what is in flight: it gives no more than [`Batch::capacity`] files that have not come back.
pub struct Batch {
    /// Taken when no more is to come: the threads end once the queue is empty.
    queue: Option<Sender<(u64, PathBuf)>>,
    /// In a mutex only to be shareable between threads; nobody but the owner locks it.
    done: Mutex<Receiver<Outcome>>,
    threads: Vec<JoinHandle<()>>,
    cancel: Arc<AtomicBool>,
}

impl Batch {
    /// Start `threads` threads (at least one) that make `specs` of each file.
    ///
    /// # Errors
    /// `oom` when a thread cannot be started.
    pub fn start(threads: usize, specs: Vec<Spec>, limits: Limits) -> Result<Self> {
        let (queue, tasks) = mpsc::channel();
        let (outcomes, done) = mpsc::channel();
        let mut batch = Self {
            queue: Some(queue),
            done: Mutex::new(done),
            threads: Vec::new(),
            cancel: Arc::new(AtomicBool::new(false)),
        };
        let tasks = Arc::new(Mutex::new(tasks));
        for number in 0..threads.max(1) {
            let worker = Worker {
                tasks: Arc::clone(&tasks),
                outcomes: outcomes.clone(),
                cancel: Arc::clone(&batch.cancel),
                specs: specs.clone(),
                limits,
            };
            let name = format!("thumbnails-{number}");
            let thread = thread::Builder::new()
                .name(name)
                .spawn(move || worker.run());
            let cannot = |_| CoreError::new(ErrorClass::Oom, "no thread could be started");
            batch.threads.push(thread.map_err(cannot)?);
        }
        Ok(batch)
    }

    /// How many files may be in flight: one at work and one waiting for each thread.
    pub fn capacity(&self) -> usize {
        2 * self.threads.len()
    }

    /// Give a file in, under a number of the caller's.
    pub fn give(&self, number: u64, path: PathBuf) {
        if let Some(queue) = &self.queue {
            // Fails only when all threads are gone, which `wait` reports.
            let _ = queue.send((number, path));
        }
    }

    /// Wait for the next file that is done. Call it only while some are in flight.
    ///
    /// # Errors
    /// `crash` when the threads are gone: a bug here.
    pub fn wait(&self, longest: Duration) -> Result<Waited> {
        match lock(&self.done).recv_timeout(longest) {
            Ok(outcome) => Ok(Waited::Done(outcome)),
            Err(RecvTimeoutError::Timeout) => Ok(Waited::NotYet),
            Err(RecvTimeoutError::Disconnected) => Err(CoreError::new(
                ErrorClass::Crash,
                "the threads of the batch are gone",
            )),
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
        self.queue = None;
        for thread in self.threads.drain(..) {
            // Panics were caught in the thread.
            let _ = thread.join();
        }
    }
}

/// What one thread has.
struct Worker {
    tasks: Arc<Mutex<Receiver<(u64, PathBuf)>>>,
    outcomes: Sender<Outcome>,
    cancel: Arc<AtomicBool>,
    specs: Vec<Spec>,
    limits: Limits,
}

impl Worker {
    fn run(&self) {
        loop {
            // The lock is held while waiting: the others could not get a task either.
            let task = lock(&self.tasks).recv();
            let Ok((number, path)) = task else { return };
            if self.cancel.load(Ordering::Relaxed) {
                return;
            }
            let made = guard::catch(|| {
                let data = image::read_file(&path)?;
                thumbnails(&data, &self.specs, &self.limits)
            });
            if self.outcomes.send((number, made)).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);
    const NO_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/no/such/file");

    fn batch(threads: usize) -> Batch {
        Batch::start(threads, Vec::new(), Limits::with_max_pixels(1)).expect("threads")
    }

    #[test]
    fn every_file_comes_back_once() {
        let batch = batch(3);
        for number in 0..20 {
            batch.give(number, PathBuf::from(NO_FILE));
        }
        let mut back: Vec<u64> = (0..20)
            .map(|_| match batch.wait(PATIENCE) {
                Ok(Waited::Done((number, Err(error)))) => {
                    assert_eq!(error.class, ErrorClass::MissingSource);
                    number
                }
                other => panic!("{other:?}"),
            })
            .collect();
        back.sort_unstable();
        assert!(back.into_iter().eq(0..20));
    }

    #[test]
    fn dropping_ends_the_threads_with_work_left() {
        let batch = batch(2);
        for number in 0..100 {
            batch.give(number, PathBuf::from(NO_FILE));
        }
        let cancel = Arc::downgrade(&batch.cancel);
        drop(batch);
        assert!(cancel.upgrade().is_none(), "a thread is left");
    }
}
