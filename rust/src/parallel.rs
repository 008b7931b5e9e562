//! Threads for one call: started for it, joined before it returns. There is no lasting pool, so a fork between two
//! calls cannot leave a child with a pool whose threads are gone.

use std::num::NonZero;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::Result;

/// More threads than this only get in each other's way.
const MAX_THREADS: usize = 64;

/// The number of threads to use when `requested` were asked for; 0 means one per core that this process may use.
#[must_use]
pub fn thread_count(requested: usize) -> usize {
    let count = match requested {
        0 => thread::available_parallelism().map_or(1, NonZero::get),
        count => count,
    };
    count.min(MAX_THREADS)
}

/// Run `work` on `threads` threads, the calling one among them, and collect what each returned. Panics are passed on.
pub fn on_threads<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let handles: Vec<_> = (1..threads).map(|_| scope.spawn(&work)).collect();
        let mut results = vec![work()];
        for handle in handles {
            results.push(
                handle
                    .join()
                    .unwrap_or_else(|payload| panic::resume_unwind(payload)),
            );
        }
        results
    })
}

/// Compute `outputs[i]` from `inputs[i]` on `threads` threads, which claim `grain` items at a time. `worker` makes
/// each thread's own function with its scratch memory. Stops early on `cancel` or at the first error, which it returns.
pub fn fill<I, O, W>(
    threads: usize,
    grain: usize,
    inputs: &[I],
    outputs: &mut [O],
    cancel: &AtomicBool,
    worker: impl Fn() -> W + Sync,
) -> Result<()>
where
    I: Sync,
    O: Send,
    W: FnMut(&I, &mut O) -> Result<()>,
{
    let threads = threads.clamp(1, inputs.len().div_ceil(grain).max(1));
    let failed = AtomicBool::new(false);
    let chunks = Mutex::new(inputs.chunks(grain).zip(outputs.chunks_mut(grain)));
    let results = on_threads(threads, || {
        let mut work = worker();
        while !failed.load(Ordering::Relaxed) && !cancel.load(Ordering::Relaxed) {
            let Some((inputs, outputs)) = lock(&chunks).next() else {
                break;
            };
            for (input, output) in inputs.iter().zip(outputs) {
                if let Err(error) = work(input, output) {
                    failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    });
    results.into_iter().collect()
}

/// Lock; a panic elsewhere under the lock is passed on by the join, not by the lock.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{CoreError, ErrorClass};

    #[test]
    fn every_item_is_done_once_in_its_place() {
        let inputs: Vec<usize> = (0..1000).collect();
        for threads in [1, 2, 7] {
            let mut outputs = vec![0; inputs.len()];
            fill(
                threads,
                3,
                &inputs,
                &mut outputs,
                &AtomicBool::new(false),
                || {
                    |input: &usize, output: &mut usize| {
                        *output += input + 1;
                        Ok(())
                    }
                },
            )
            .unwrap();
            assert!(
                outputs
                    .iter()
                    .zip(1..)
                    .all(|(output, want)| *output == want)
            );
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let inputs = vec![(); 100];
        let mut outputs = vec![(); 100];
        let error = CoreError::new(ErrorClass::IoTransient, "no");
        let result = fill(2, 1, &inputs, &mut outputs, &AtomicBool::new(false), || {
            |(): &(), (): &mut ()| Err(error.clone())
        });
        assert_eq!(result, Err(error));
    }

    #[test]
    fn cancelled_work_is_not_done() {
        let mut outputs = [0];
        fill(1, 1, &[1], &mut outputs, &AtomicBool::new(true), || {
            |input: &i32, output: &mut i32| {
                *output = *input;
                Ok(())
            }
        })
        .unwrap();
        assert_eq!(outputs, [0]);
    }

    #[test]
    #[should_panic(expected = "boom")]
    fn panics_are_passed_on() {
        on_threads(2, || panic!("boom"));
    }
}
