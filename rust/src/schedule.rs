//! Group jobs into the batches that workers get.

use crate::error::Invalid;

/// A job as the scheduler sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// The caller's name for it.
    pub id: i64,
    /// Lower comes first.
    pub priority: i64,
    /// Ordinal of its sidecar kind.
    pub kind: i64,
    /// Expected seconds of work.
    pub cost: f64,
}

/// Batches of job ids: each of one priority and one kind, with at most `max_items` jobs that cost at most `max_cost`
/// seconds together; a job that costs more is alone. They come by priority, then kind, then the order given: within
/// one priority and kind, joined together, they are the jobs in the order given.
///
/// # Errors
///
/// `max_items` of 0, a `max_cost` that is negative or not a number, a cost that is negative or not finite.
pub fn plan_batches(
    jobs: &[Job],
    max_items: usize,
    max_cost: f64,
) -> Result<Vec<Vec<i64>>, Invalid> {
    if max_items == 0 {
        return Err(Invalid("max_items must be at least 1".into()));
    }
    if max_cost.is_nan() || max_cost < 0.0 {
        return Err(Invalid(format!(
            "max_cost must be 0 or more seconds, not {max_cost}"
        )));
    }
    if let Some(job) = jobs
        .iter()
        .find(|job| !job.cost.is_finite() || job.cost < 0.0)
    {
        let Job { id, cost, .. } = job;
        return Err(Invalid(format!(
            "the cost of job {id} must be 0 or more seconds, not {cost}"
        )));
    }
    let mut sorted: Vec<&Job> = jobs.iter().collect();
    sorted.sort_by_key(|job| (job.priority, job.kind));
    let mut batches = Vec::new();
    for group in sorted.chunk_by(|a, b| (a.priority, a.kind) == (b.priority, b.kind)) {
        let mut batch = Vec::new();
        let mut batch_cost = 0.0;
        for job in group {
            if !batch.is_empty() && (batch.len() == max_items || batch_cost + job.cost > max_cost) {
                batches.push(std::mem::take(&mut batch));
                batch_cost = 0.0;
            }
            batch.push(job.id);
            batch_cost += job.cost;
        }
        batches.push(batch);
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: i64, priority: i64, kind: i64, cost: f64) -> Job {
        Job {
            id,
            priority,
            kind,
            cost,
        }
    }

    #[test]
    fn batches_come_by_priority_kind_and_order() {
        let jobs = [
            job(1, 2, 0, 0.1),
            job(2, 1, 1, 0.1),
            job(3, 1, 0, 0.1),
            job(4, 1, 1, 0.1),
            job(5, 2, 0, 0.1),
        ];
        let batches = plan_batches(&jobs, 16, 1.0).unwrap();
        assert_eq!(batches, [vec![3], vec![2, 4], vec![1, 5]]);
    }

    #[test]
    fn batches_are_bounded_and_a_dear_job_is_alone() {
        let jobs = [0.5, 0.5, 0.1, 7.0, 0.0, 0.0, 0.0, 0.0].map(|cost| job(0, 0, 0, cost));
        let sizes: Vec<_> = plan_batches(&jobs, 3, 1.0)
            .unwrap()
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(sizes, [2, 1, 1, 3, 1]);
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(plan_batches(&[], 1, 0.0).unwrap(), Vec::<Vec<i64>>::new());
    }

    #[test]
    fn senseless_limits_and_costs_are_refused() {
        let fine = [job(1, 0, 0, 1.0)];
        assert!(plan_batches(&fine, 0, 1.0).is_err());
        assert!(plan_batches(&fine, 1, f64::NAN).is_err());
        assert!(plan_batches(&fine, 1, -1.0).is_err());
        assert!(plan_batches(&fine, 1, f64::INFINITY).is_ok());
        for cost in [f64::NAN, f64::INFINITY, -0.1] {
            assert!(plan_batches(&[job(1, 0, 0, cost)], 1, 1.0).is_err());
        }
    }
}
